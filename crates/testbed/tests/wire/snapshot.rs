//! What a function reads under another model than the one it writes under (R15).

use fogline_protocol::multipart::{self, Part};

use super::rules::two_callers;
use super::support::Setup;

/// `keep` writes under in-function; `show` writes under in-edge, and gives what `keep` has written.
fn parts(durability: &str) -> [Part; 2] {
    let manifest = format!(
        r#"
fogline = 1

[application]
name = "shown"
version = "0.1.0"
model = "in-function"
durability = "{durability}"

[states.kept]
schema = 1
size = "100 B"

[states.shown]
model = "in-edge"
schema = 1
size = "100 B"

[functions.keep]
process = ["python3", "app.py"]
writes = ["kept"]

[functions.show]
process = ["python3", "app.py"]
reads = ["kept"]
writes = ["shown"]
"#
    );
    let answer = r#"def answer(request):
    if request["function"] == "keep":
        return {"output": request["input"], "states": {"kept": request["input"]}}
    value = request["states"].get("kept", {}).get("value", "")
    return {"output": value, "states": {"shown": value}}


class Handler"#;
    let app = super::support::package("process-python", str::to_owned)
        .into_iter()
        .find(|part| part.name == "app.py")
        .unwrap();
    let app = String::from_utf8(app.bytes.to_vec()).unwrap();
    [
        Part::new(multipart::MANIFEST, manifest),
        Part::new("app.py", app.replacen("class Handler", answer, 1)),
    ]
}

#[tokio::test]
async fn a_function_is_given_what_was_acknowledged_under_the_other_model() {
    for durability in ["memory", "checkpoint", "every-commit"] {
        let (_folder, nodes, one, two) = two_callers(Setup::default()).await;
        one.deploy_parts(&parts(durability)).await.ok();
        let mut held = one.session("shown", "in-function").await;
        for value in ["first", "second"] {
            one.in_session(&mut held, "functions/keep", value, &[]).await.ok();
            for caller in [&one, &two] {
                let shown = caller.in_session(&mut held, "functions/show", "", &[]).await.ok();
                assert_eq!(shown.text(), value, "{durability}");
            }
        }
        nodes.stop().await;
    }
}
