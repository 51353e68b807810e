//! Applications' manifests: what is in the manual is read, and what is wrong is refused at its place.

mod damaged;
mod faults;
mod read;
mod workflow_faults;

use fogline_core::application::Application;
use fogline_core::model::BadInput;
use fogline_manifest::{Source, application};

/// Three states under two models; `join` waits for `left` and `right`, which run at the same time.
const DIAMOND: &str = r#"
fogline = 1
[application]
name = "diamond"
version = "1.0.0"
model = "in-client"
[states.one]
[states.two]
[states.shared]
model = "in-edge"
[functions.first]
component = "first.wasm"
[functions.left]
component = "left.wasm"
reads = ["shared"]
writes = ["one"]
[functions.right]
component = "right.wasm"
writes = ["two"]
[functions.join]
process = ["python3", "join.py"]
reads = ["one", "two"]
writes = ["shared"]
[[workflow.steps]]
name = "join"
function = "join"
after = ["left", "right"]
[[workflow.steps]]
name = "first"
function = "first"
after = []
[[workflow.steps]]
name = "left"
function = "left"
[[workflow.steps]]
name = "right"
function = "right"
after = ["first"]
"#;

fn parse(text: &str) -> Result<Application, BadInput> {
    application::parse(&Source {
        name: "fogline.toml".into(),
        text: text.into(),
    })
}

fn names<T: ToString>(all: impl IntoIterator<Item = T>) -> Vec<String> {
    all.into_iter().map(|name| name.to_string()).collect()
}

/// Replaces `before` in the diamond by `after`, where `^` stands before the place at which the fault is to be found.
fn fault(before: &str, after: &str) -> BadInput {
    assert_eq!(DIAMOND.matches(before).count(), 1, "{before}");
    let marked = DIAMOND.replace(before, after);
    let at = marked.find('^').unwrap_or_else(|| panic!("no place in {after}"));
    let fault = match parse(&marked.replace('^', "")) {
        Ok(_) => panic!("{after} is accepted"),
        Err(fault) => fault,
    };
    let line = marked[..at].matches('\n').count() + 1;
    let column = at - marked[..at].rfind('\n').map_or(0, |end| end + 1) + 1;
    let place = (Some(line as u64), Some(column as u64));
    assert_eq!((fault.line, fault.column), place, "{after}\n{fault}");
    fault
}

/// Checks a case a line: what stands in the diamond, what is written instead (with `^` before the place of the
/// fault), words of the problem, and words of the hint; `\n` stands for the end of a line.
fn refused(cases: &str) {
    for case in cases.trim().lines() {
        let parts: Vec<_> = case.split(" | ").collect();
        let [before, after, problem, hint] = parts[..] else {
            panic!("four parts: {case}");
        };
        let fault = fault(&before.replace("\\n", "\n"), &after.replace("\\n", "\n"));
        assert!(fault.problem.contains(problem), "{case}\n{fault}");
        assert!(fault.hint.contains(hint), "{case}\n{fault}");
    }
}
