//! The page around the sections.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::ReportData;
use super::section;

const STYLE: &str = include_str!("style.css");

/// The report as one file. All text is escaped; only [`super::FigureBlock::svg`] goes in as it is.
#[must_use]
pub fn render(data: &ReportData) -> String {
    let sections: Vec<Section> = [
        Section::new("figures", "Figures", section::figures(&data.figures)),
        Section::new(
            "statements",
            "The paper's statements",
            section::statements(&data.statements),
        ),
        Section::new("winners", "Who wins", section::tables(&data.winners)),
        Section::new("results", "Results", section::tables(&data.results)),
        Section::new("switches", "Switches in force", section::switches(&data.switches)),
        Section::new("inputs", "Inputs", section::inputs(&data.inputs)),
        Section::new("rerun", "The same again", section::rerun(&data.rerun)),
    ]
    .into_iter()
    .flatten()
    .collect();
    page(data, &sections).into_string()
}

struct Section {
    anchor: &'static str,
    title: &'static str,
    content: Markup,
}

impl Section {
    fn new(anchor: &'static str, title: &'static str, content: Option<Markup>) -> Option<Self> {
        content.map(|content| Self {
            anchor,
            title,
            content,
        })
    }
}

fn page(data: &ReportData, sections: &[Section]) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (data.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (data.title) }
                    @for paragraph in &data.findings { p.finding { (paragraph) } }
                    @if !data.run.is_empty() {
                        dl.run {
                            @for fact in &data.run {
                                div { dt { (fact.name) } dd { (fact.value) } }
                            }
                        }
                    }
                }
                @if sections.len() > 1 {
                    nav aria-label="Contents" {
                        ul {
                            @for section in sections {
                                li { a href={ "#" (section.anchor) } { (section.title) } }
                            }
                        }
                    }
                }
                main {
                    @for section in sections {
                        section id=(section.anchor) {
                            h2 { (section.title) }
                            (section.content)
                        }
                    }
                }
            }
        }
    }
}
