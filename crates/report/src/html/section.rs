//! The sections; `None` where there is nothing to say.

use maud::{Markup, PreEscaped, html};

use super::{Command, FigureBlock, InputFile, StatementLine, Switch, TableBlock, VerdictCell};

/// Something, where there is anything.
fn unless_empty<T>(items: &[T], content: impl FnOnce() -> Markup) -> Option<Markup> {
    (!items.is_empty()).then(content)
}

pub(super) fn figures(figures: &[FigureBlock]) -> Option<Markup> {
    unless_empty(figures, || {
        html! {
            @for figure in figures {
                figure {
                    div.drawing role="group" aria-label=(figure.title) tabindex="0" { (PreEscaped(&figure.svg)) }
                    figcaption { strong { (figure.title) ". " } (figure.caption) }
                }
            }
        }
    })
}

/// A table that scrolls by itself where the page is narrow, by keyboard too.
fn scrolling(label: &str, table: &Markup) -> Markup {
    html! {
        div.scroll role="region" aria-label=(label) tabindex="0" { (table) }
    }
}

pub(super) fn tables(tables: &[TableBlock]) -> Option<Markup> {
    unless_empty(tables, || {
        // What holds for every table is said once.
        let common = tables
            .first()
            .map(|first| &first.note)
            .filter(|note| tables.iter().all(|t| t.note == **note));
        html! {
            @if let Some(note) = common { p { (note) } }
            @for block in tables {
                @let table = numbers(block, common.is_none());
                (scrolling(&block.title, &table))
            }
        }
    })
}

fn numbers(block: &TableBlock, own_note: bool) -> Markup {
    html! {
        table.numbers {
            caption {
                (block.title)
                @if own_note { span.note { (block.note) } }
            }
            thead {
                tr { @for head in &block.heads { th scope="col" { (head) } } }
            }
            tbody {
                @for row in &block.rows {
                    tr {
                        @for (position, cell) in row.iter().enumerate() {
                            @if position < block.keys { th scope="row" { (cell) } } @else { td { (cell) } }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn statements(statements: &[StatementLine]) -> Option<Markup> {
    unless_empty(statements, || {
        html! {
            p {
                "Each statement has a criterion in numbers. Compat is the arithmetic of the paper's simulator, "
                "sample for sample; corrected is the arithmetic with its faults repaired."
            }
            @for network in statements.chunk_by(|a, b| a.network == b.network) {
                table.statements {
                    caption { (network[0].network) }
                    thead {
                        tr {
                            th scope="col" { "Figure" }
                            th scope="col" { "Statement" }
                            th scope="col" { "Compat" }
                            th scope="col" { "Corrected" }
                        }
                    }
                    tbody { @for line in network { (statement(line)) } }
                }
            }
        }
    })
}

fn statement(line: &StatementLine) -> Markup {
    html! {
        tr {
            td data-label="Figure" { (line.figure) }
            th scope="row" { (line.text) span.note { (line.criterion) } }
            td data-label="Compat" { (verdict(line.compat.as_ref())) }
            td data-label="Corrected" { (verdict(line.corrected.as_ref())) }
        }
    }
}

fn verdict(cell: Option<&VerdictCell>) -> Markup {
    let Some(cell) = cell else {
        return html! { span.badge.none { "not run" } };
    };
    // The colour repeats what the word says.
    let class = match cell.finding.as_str() {
        "holds" => "badge yes",
        "loosely" => "badge partly",
        "no" => "badge no",
        _ => "badge none",
    };
    html! {
        span class=(class) { (cell.finding) }
        span.note { (cell.evidence) }
    }
}

pub(super) fn switches(switches: &[Switch]) -> Option<Markup> {
    unless_empty(switches, || {
        let table = html! {
            table {
                thead {
                    tr { th scope="col" { "Switch" } th scope="col" { "Value" } th scope="col" { "Meaning" } }
                }
                tbody {
                    @for switch in switches {
                        tr {
                            th scope="row" { code { (switch.name) } }
                            td { code { (switch.value) } }
                            td { (switch.meaning) }
                        }
                    }
                }
            }
        };
        scrolling("Switches in force", &table)
    })
}

pub(super) fn inputs(inputs: &[InputFile]) -> Option<Markup> {
    unless_empty(inputs, || {
        let table = html! {
            table {
                thead { tr { th scope="col" { "File" } th scope="col" { "SHA-256" } } }
                tbody {
                    @for input in inputs {
                        tr { th scope="row" { code { (input.path) } } td { code { (input.sha256) } } }
                    }
                }
            }
        };
        scrolling("Inputs", &table)
    })
}

pub(super) fn rerun(commands: &[Command]) -> Option<Markup> {
    unless_empty(commands, || {
        html! {
            @for command in commands {
                p { (command.purpose) }
                pre tabindex="0" { code { (command.line) } }
            }
        }
    })
}
