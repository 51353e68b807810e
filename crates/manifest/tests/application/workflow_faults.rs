//! What is refused of workflows.

use super::{DIAMOND, fault, parse, refused};

const STEPS: &str = r#"
name = "left"\nfunction = "left" | name = "left"\nfunction = ^"letf" | "letf" is not declared | did you mean "left"?
name = "left"\nfunction = "left" | name = "left"\nfunction = ^"blur" | "blur" is not declared | [functions.blur]
name = "left"\nfunction = "left" | name = ^"first"\nfunction = "left" | "first" is there twice | several may name one function
function = "right"\nafter = ["first"]\n | function = "right"\nafter = [^"frist"]\n | no step "frist" | did you mean "first"?
function = "right"\nafter = ["first"]\n | function = "right"\nafter = ["first", ^"first"]\n | there twice | keep it once
function = "right"\nafter = ["first"]\n | function = "right"\nafter = [^"right"]\n | right → right | after
after = ["left", "right"] | after = [^"join"] | join → join | after
function = "right"\nafter = ["first"]\n | function = "right"\n^afer = ["first"]\n | unknown field | did you mean "after"?
"#;

#[test]
fn wrong_workflows_are_refused_at_their_place() {
    refused(STEPS);
    const LAST: &str = "function = \"right\"\nafter = [\"first\"]\n";
    let many: String = (0..61)
        .map(|index| format!("[[workflow.steps]]\nname = \"s{index}\"\nfunction = \"first\"\n"))
        .collect();
    let fault = fault(LAST, &format!("{LAST}{}", many.replace("\"s60\"", "^\"s60\"")));
    assert!(fault.problem.contains("65 steps, expected at most 64"), "{fault}");
}

#[test]
fn a_workflow_has_a_step() {
    let text = format!(
        "workflow.steps = []\n{}",
        DIAMOND.split("[[workflow.steps]]").next().unwrap()
    );
    let fault = parse(&text).expect_err("no step");
    assert!(
        fault.problem.contains("no step") && fault.hint.contains("leave [workflow] out"),
        "{fault}"
    );
    assert_eq!(fault.line, Some(1), "{fault}");
}

#[test]
fn a_circle_is_named_and_found_where_a_step_waits() {
    let text = DIAMOND.replace("after = []", "after = [\"join\"]");
    let fault = parse(&text).expect_err("a circle");
    assert!(fault.problem.contains("join → left → first → join"), "{fault}");
    let at = text
        .lines()
        .position(|line| line == "after = [\"left\", \"right\"]")
        .expect("the place");
    assert_eq!(
        (fault.line, fault.column),
        (Some(at as u64 + 1), Some(10)),
        "{fault}"
    );
}

#[test]
fn concurrent_steps_may_not_share_an_in_client_state_that_one_writes() {
    // `right` reads what `left` writes.
    const RIGHT: &str = "component = \"right.wasm\"\n";
    let reads = DIAMOND.replace(RIGHT, &format!("{RIGHT}reads = [\"one\"]\n"));
    let fault = parse(&reads).expect_err("both use it");
    assert!(
        fault
            .problem
            .contains("\"left\" and \"right\" may run at the same time"),
        "{fault}"
    );
    assert!(
        fault.problem.contains("\"one\"") && fault.hint.contains("after = [\"left\"]"),
        "{fault}"
    );
    let at = reads
        .lines()
        .position(|line| line == "name = \"right\"")
        .expect("the place") as u64
        + 1;
    assert_eq!((fault.line, fault.column), (Some(at), Some(8)), "{fault}");

    let ordered = reads.replace("after = [\"first\"]", "after = [\"left\"]");
    let elsewhere = reads.replace("[states.one]", "[states.one]\nmodel = \"external\"");
    let nobody_writes = reads
        .replace("writes = [\"one\"]\n", "")
        .replace("reads = [\"shared\"]\n", "reads = [\"one\"]\n");
    for text in [ordered, elsewhere, nobody_writes] {
        parse(&text).unwrap_or_else(|fault| panic!("{fault}\n{text}"));
    }
}
