//! The report is one page that needs nothing else, whatever words are put into it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod synthetic;

use std::path::Path;

use fogline_core::model::ExecutionModel;
use fogline_report::figure::{Figure, FigureOptions};
use fogline_report::html::{
    Command, Fact, FigureBlock, InputFile, ReportData, StatementLine, Switch, TableBlock, VerdictCell,
    render, results, winners,
};
use fogline_report::paper::{compare, statements};
use fogline_report::summary::{SummaryOptions, summarise};

fn fact(name: &str, value: &str) -> Fact {
    Fact {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

fn report() -> ReportData {
    let rows = synthetic::rows(
        &["iiot", "urban_sensing"],
        &ExecutionModel::PAPER,
        &[100, 300, 500],
        40,
    );
    let summary = summarise(&rows, &SummaryOptions::default());
    let figures = Figure::all(&summary, &FigureOptions::default());
    let found = statements(&summary, &[]);
    ReportData {
        title: "Where should function state live?".to_owned(),
        findings: vec![
            "In-function has the least latency and the least traffic in every setting; in-client comes next and \
             needs no owner."
                .to_owned(),
        ],
        run: vec![
            fact("version", "fogline 0.1.0"),
            fact("command", "fogline reproduce --tasks trace/batch_task.csv"),
            fact("workload", "one hour of the Alibaba 2018 cluster trace: 4788 jobs"),
            fact("scenario", "scenarios/paper.toml"),
            fact("replications", "40 per condition, seeds 1 to 40, one topology"),
        ],
        inputs: vec![InputFile {
            path: "trace/batch_task.csv".to_owned(),
            sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
        }],
        figures: figures.iter().map(|figure| FigureBlock::of(figure).unwrap()).collect(),
        winners: winners(&summary),
        results: results(&summary),
        statements: compare(&found, &found).iter().map(StatementLine::of).collect(),
        switches: vec![Switch {
            name: "access".to_owned(),
            value: "cold".to_owned(),
            meaning: "the head is fetched before an invocation and committed after it: two round trips".to_owned(),
        }],
        rerun: vec![Command {
            purpose: "Runs the same again and compares every byte:".to_owned(),
            line: "fogline sim rerun out/manifest.json".to_owned(),
        }],
    }
}

/// Leaves the page where it can be looked at: target/tmp.
#[test]
fn a_report_needs_nothing_from_elsewhere() {
    let page = render(&report());
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("report.html"), &page).unwrap();
    for outside in ["<script", "<link", "<img", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    let links: Vec<&str> = page.split("href=\"").skip(1).map(|rest| &rest[..1]).collect();
    assert!(
        !links.is_empty() && links.iter().all(|link| *link == "#"),
        "{links:?}"
    );
    let addresses = page.matches("http").count();
    assert_eq!(addresses, page.matches("http://www.w3.org/2000/svg").count());
}

#[test]
fn pictures_are_described_and_tables_have_heads() {
    let page = render(&report());
    assert_eq!(page.matches("<svg ").count(), 3);
    assert_eq!(page.matches("role=\"img\" aria-label=\"").count(), 3);
    assert_eq!(page.matches("<desc>").count(), 3);
    assert_eq!(page.matches("<table").count(), page.matches("<thead").count());
    assert!(page.matches("scope=\"col\"").count() > 20 && page.matches("scope=\"row\"").count() > 20);
}

#[test]
fn results_show_every_condition_and_winners_every_load() {
    let data = report();
    let sizes = |tables: &[TableBlock]| tables.iter().map(|table| table.rows.len()).collect::<Vec<_>>();
    assert_eq!(sizes(&data.results), [12, 12, 12, 12]);
    assert_eq!(sizes(&data.winners), [3, 3, 3, 3]);
    for table in data.results.iter().chain(&data.winners) {
        assert!(
            table.rows.iter().all(|row| row.len() == table.heads.len()),
            "{}",
            table.title
        );
    }
    assert_eq!(data.winners[1].title, "iiot, load-net");
    assert_eq!(data.winners[1].rows[0][..2], ["100", "in-function"]);
}

#[test]
fn any_words_are_escaped() {
    let evil = || "</style><script>alert(\"1\")</script>&amp;'".to_owned();
    let cell = || {
        Some(VerdictCell {
            finding: evil(),
            evidence: evil(),
        })
    };
    let page = render(&ReportData {
        title: evil(),
        findings: vec![evil()],
        run: vec![fact(&evil(), &evil())],
        inputs: vec![InputFile {
            path: evil(),
            sha256: evil(),
        }],
        figures: vec![FigureBlock {
            title: evil(),
            caption: evil(),
            svg: String::new(),
        }],
        winners: vec![TableBlock {
            title: evil(),
            note: evil(),
            heads: vec![evil(), evil()],
            keys: 1,
            rows: vec![vec![evil(), evil()]],
        }],
        results: Vec::new(),
        statements: vec![StatementLine {
            figure: 4,
            network: evil(),
            text: evil(),
            criterion: evil(),
            compat: cell(),
            corrected: cell(),
        }],
        switches: vec![Switch {
            name: evil(),
            value: evil(),
            meaning: evil(),
        }],
        rerun: vec![Command {
            purpose: evil(),
            line: evil(),
        }],
    });
    assert!(!page.contains("<script"), "{page}");
    assert_eq!(page.matches("</style>").count(), 1);
    assert!(page.matches("&lt;script&gt;").count() >= 20);
}

#[test]
fn what_there_is_not_is_left_out() {
    let page = render(&ReportData {
        title: "Nothing".to_owned(),
        ..ReportData::default()
    });
    for tag in ["<section", "<nav", "<dl", "<table"] {
        assert!(!page.contains(tag), "{tag}");
    }
}
