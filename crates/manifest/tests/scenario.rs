//! Scenario files: what is in the manual is read, and what is not read is refused in one message.

use fogline_manifest::Source;
use fogline_manifest::scenario::{Scenario, Switches};
use proptest::prelude::*;

const PAPER: &str = include_str!("../../../scenarios/paper.toml");
const MANUAL: &str = include_str!("../../../docs/src/scenarios.md");

fn source(text: &str) -> Source {
    Source {
        name: "s.toml".into(),
        text: text.into(),
    }
}

#[test]
fn the_paper_and_the_manual_are_read() {
    let paper = Scenario::parse(&source(PAPER)).expect("the paper's scenario");
    assert_eq!(paper.switches, Switches::default());
    assert_eq!((paper.run.replications, paper.workload.jobs.len()), (200, 5));
    let example = MANUAL
        .split("```toml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    Scenario::parse(&source(example.expect("the manual has an example"))).expect("it is a scenario");
}

#[test]
fn the_manual_names_every_switch_and_value() {
    for ((name, corrected), (_, reference)) in Switches::default()
        .values()
        .into_iter()
        .zip(Switches::REFERENCE.values())
    {
        let row = MANUAL
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("{name} is not in the manual"));
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(
            cells[2..4],
            [format!("`{corrected}`"), format!("`{reference}`")],
            "{name}"
        );
    }
}

#[test]
fn what_is_written_is_read_again() {
    let paper = Scenario::parse(&source(PAPER)).expect("the paper's scenario");
    let text = toml::to_string(&paper).expect("it can be written");
    assert_eq!(Scenario::parse(&source(&text)).expect("and read"), paper);
}

#[test]
fn faults_have_a_place_and_a_hint() {
    let cases = [
        ("rtt-ms = 120.0", "rtt-ms = nan", "expected a positive number"),
        ("rate-mbps = 50.0", "rate-mbps = 0", "expected a positive number"),
        ("replications = 200", "replications = 0", "replications is 0"),
        ("confidence = 0.95", "confidence = 95", "between 0 and 1"),
        ("\"load\", ", "\"load\", \"load\", ", "there twice"),
        (
            "tables = [\"seeds\"]",
            "tables = [\"tasks\"]",
            "no table of tasks",
        ),
        ("name = \"urban-sensing\"", "name = \"iiot\"", "there twice"),
    ];
    for (before, after, problem) in cases {
        assert!(PAPER.contains(before), "{before}");
        let fault = Scenario::parse(&source(&PAPER.replacen(before, after, 1))).expect_err(after);
        assert!(
            fault.line.is_some() && !fault.hint.is_empty() && fault.problem.contains(problem),
            "{fault}"
        );
    }
}

#[test]
fn hints_name_the_page_of_the_file_s_kind_or_the_key_that_was_meant() {
    let fault = Scenario::parse(&source("name = 1")).expect_err("a number");
    assert!(fault.hint.contains("docs/src/scenarios.md"), "{fault}");
    let fault = Scenario::parse(&source(&PAPER.replace("[statistics]", "[statistic]"))).expect_err("a key");
    assert!(fault.hint.contains("did you mean \"statistics\"?"), "{fault}");
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC*") {
        let _ = Scenario::parse(&source(&text));
    }

    #[test]
    fn a_damaged_scenario_never_panics(at in 0..PAPER.len(), length in 0..40_usize, with in "\\PC{0,6}") {
        let cut = |index: usize| (0..=index).rev().find(|index| PAPER.is_char_boundary(*index)).unwrap_or(0);
        let (start, end) = (cut(at), cut((at + length).min(PAPER.len())));
        let text = format!("{}{with}{}", &PAPER[..start], &PAPER[end..]);
        if let Err(fault) = Scenario::parse(&source(&text)) {
            prop_assert!(!fault.problem.is_empty());
        }
    }
}
