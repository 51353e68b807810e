//! What each switch does to the conclusions.

use fogline_core::model::ExecutionModel;
use fogline_core::record::SeedRow;
use serde::Serialize;

use super::layout::{paragraph, plain, verbatim};
use crate::paper::{Statement, count_placements, statements};
use crate::stats::Interval;
use crate::summary::{Metric, Setting, Summary, SummaryOptions, summarise};

/// The policy of which the figures are shown.
const SHOWN: &str = "load-net";

/// A study with one switch turned.
#[derive(Clone, Debug, Serialize)]
pub struct AblationRow {
    /// The switch.
    pub switch: String,
    /// What it was turned to.
    pub value: String,
    /// By network, at its highest load: each model's mean latency (ms) and traffic (MB).
    pub figures: Vec<NetworkFigures>,
    /// The paper's statements.
    pub statements: Vec<Statement>,
}

/// The means of one network.
#[derive(Clone, Debug, Serialize)]
pub struct NetworkFigures {
    /// The network, load and policy.
    pub setting: Setting,
    /// By model.
    pub models: Vec<ModelFigures>,
}

/// The means of one model.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ModelFigures {
    /// The model.
    pub model: ExecutionModel,
    /// Mean latency, in ms.
    pub latency_ms: Interval,
    /// Mean traffic per run, in MB.
    pub traffic_mb: Interval,
}

type Figure = fn(&ModelFigures) -> f64;

/// A base and what becomes of it, switch by switch.
#[derive(Clone, Debug, Serialize)]
pub struct Ablation {
    /// All switches as they are.
    pub base: AblationRow,
    /// One turned in each.
    pub rows: Vec<AblationRow>,
}

impl AblationRow {
    /// Reduces the rows of a study.
    #[must_use]
    pub fn new(switch: &str, value: &str, rows: &[SeedRow], options: SummaryOptions) -> Self {
        let summary = summarise(rows, &options);
        let statements = statements(&summary, &count_placements(rows));
        Self {
            switch: switch.to_owned(),
            value: value.to_owned(),
            figures: figures(&summary),
            statements,
        }
    }

    /// The models from the lowest to the highest of a figure.
    fn order(&self, network: usize, by: Figure) -> String {
        let mut models: Vec<_> = self.figures[network].models.iter().collect();
        models.sort_by(|a, b| by(a).total_cmp(&by(b)));
        models
            .iter()
            .map(|found| found.model.name())
            .collect::<Vec<_>>()
            .join(" < ")
    }
}

impl Ablation {
    /// Begins with the base.
    #[must_use]
    pub fn new(name: &str, rows: &[SeedRow], options: SummaryOptions) -> Self {
        Self {
            base: AblationRow::new(name, "", rows, options),
            rows: Vec::new(),
        }
    }

    /// Adds a study.
    pub fn add(&mut self, row: AblationRow) {
        self.rows.push(row);
    }

    /// As plain text, 100 columns wide.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for network in 0..self.base.figures.len() {
            self.network(network, &mut text);
        }
        self.conclusions(&mut text);
        text
    }

    fn network(&self, network: usize, text: &mut String) {
        let base = &self.base.figures[network];
        let names: Vec<&str> = base.models.iter().map(|found| found.model.name()).collect();
        let shown: [(&str, Figure); 2] = [
            ("mean latency in ms", |found| found.latency_ms.estimate),
            ("mean traffic in MB", |found| found.traffic_mb.estimate),
        ];
        for (what, figure) in shown {
            let setting = &base.setting;
            paragraph(
                text,
                &format!(
                    "\n{}, {} jobs: {what}, and what a switch changes",
                    setting.network, setting.load
                ),
            );
            let mut table = plain(&[&["switch", "turned to"], names.as_slice(), &["order"]].concat());
            let order = self.base.order(network, figure);
            let cells = base.models.iter().map(|found| format!("{:.1}", figure(found)));
            table.add_row(
                [self.base.switch.clone(), String::new()]
                    .into_iter()
                    .chain(cells)
                    .chain([String::new()]),
            );
            for row in &self.rows {
                let cells = row.figures[network]
                    .models
                    .iter()
                    .zip(&base.models)
                    .map(|(here, there)| format!("{:+.0}%", (figure(here) / figure(there) - 1.0) * 100.0));
                let changed = if row.order(network, figure) == order {
                    ""
                } else {
                    "other"
                };
                table.add_row(
                    [row.switch.clone(), row.value.clone()]
                        .into_iter()
                        .chain(cells)
                        .chain([changed.to_owned()]),
                );
            }
            verbatim(text, &table);
            paragraph(text, &format!("order of the {}: {order}", self.base.switch));
            for row in self.rows.iter().filter(|row| row.order(network, figure) != order) {
                paragraph(
                    text,
                    &format!("{} = {}: {}", row.switch, row.value, row.order(network, figure)),
                );
            }
        }
    }

    /// The statements of the paper that a switch turns.
    fn conclusions(&self, text: &mut String) {
        paragraph(text, "\nThe paper's statements that a switch changes");
        let mut table = plain(&["switch", "turned to", "network", "statement", "was", "is"]);
        for row in &self.rows {
            for (was, is) in self.base.statements.iter().zip(&row.statements) {
                if was.finding != is.finding {
                    table.add_row([
                        row.switch.clone(),
                        row.value.clone(),
                        is.network.clone(),
                        is.text.to_owned(),
                        was.finding.to_string(),
                        is.finding.to_string(),
                    ]);
                }
            }
        }
        verbatim(text, &table);
    }
}

/// Each network's means under the policy shown, at its highest load.
fn figures(summary: &Summary) -> Vec<NetworkFigures> {
    let settings: Vec<Setting> = summary
        .settings()
        .into_iter()
        .filter(|setting| setting.policy == SHOWN)
        .collect();
    settings
        .iter()
        .filter(|setting| {
            settings
                .iter()
                .all(|other| other.network != setting.network || other.load <= setting.load)
        })
        .map(|setting| {
            let here = summary
                .conditions
                .iter()
                .filter(|found| Setting::of(&found.condition) == *setting);
            let models = here.filter_map(|found| {
                Some(ModelFigures {
                    model: found.condition.model,
                    latency_ms: found.interval(Metric::Latency)?,
                    traffic_mb: found.interval(Metric::Traffic)?,
                })
            });
            NetworkFigures {
                setting: setting.clone(),
                models: models.collect(),
            }
        })
        .collect()
}
