//! Goals, and what was found.

use std::fmt::Write as _;

use serde::Serialize;

/// One goal.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Goal {
    /// What is measured.
    pub(crate) what: String,
    /// What it should be; empty if it is only stated.
    pub(crate) goal: String,
    /// What it is.
    pub(crate) figure: String,
    /// Whether that is as it should be.
    pub(crate) met: Option<bool>,
}

impl Goal {
    /// A figure of at most so much.
    pub(crate) fn at_most(what: &str, figure: f64, most: f64, unit: &str) -> Self {
        Self::new(
            what,
            format!("≤ {}", number(most, unit)),
            number(figure, unit),
            figure <= most,
        )
    }

    /// A figure of at least so much.
    pub(crate) fn at_least(what: &str, figure: f64, least: f64, unit: &str) -> Self {
        Self::new(
            what,
            format!("≥ {}", number(least, unit)),
            number(figure, unit),
            figure >= least,
        )
    }

    /// A figure without a goal.
    pub(crate) fn stated(what: impl Into<String>, figure: f64, unit: &str) -> Self {
        Self {
            what: what.into(),
            goal: String::new(),
            figure: number(figure, unit),
            met: None,
        }
    }

    fn new(what: &str, goal: String, figure: String, met: bool) -> Self {
        Self {
            what: what.to_owned(),
            goal,
            figure,
            met: Some(met),
        }
    }
}

fn number(figure: f64, unit: &str) -> String {
    match figure.abs() {
        1000.0.. => format!("{figure:.0} {unit}"),
        10.0.. => format!("{figure:.1} {unit}"),
        _ => format!("{figure:.2} {unit}"),
    }
}

/// The goals for people, in Markdown.
pub(crate) fn table(goals: &[Goal]) -> String {
    let mut text = String::from("| what | goal | figure | met |\n|---|---|---|---|\n");
    for goal in goals {
        let met = goal.met.map_or("", |met| if met { "yes" } else { "**no**" });
        let _ = writeln!(
            text,
            "| {} | {} | {} | {met} |",
            goal.what, goal.goal, goal.figure
        );
    }
    text
}
