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
    with_program(manifest, answer)
}

/// An application whose functions are a program that answers so.
fn with_program(manifest: String, answer: &str) -> [Part; 2] {
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

/// Three states of 6 MiB are more than one message between nodes; the store is that of the cloud.
#[tokio::test]
async fn a_function_is_given_more_than_one_message_carries() {
    let (_folder, nodes, one, _two) = two_callers(Setup::default()).await;
    let manifest = r#"
fogline = 1

[application]
name = "large"
version = "0.1.0"
model = "external"

[states]
a = { size = "6 MB" }
b = { size = "6 MB" }
c = { size = "6 MB" }

[functions.sum]
process = ["python3", "app.py"]
reads = ["a", "b", "c"]
limits = { memory = "1 GiB" }
"#;
    let answer = r#"def answer(request):
    values = [base64.b64decode(state["value"]) for _, state in sorted(request["states"].items())]
    text = " ".join(f"{len(value)}{value[:1].decode()}" for value in values)
    return {"output": base64.b64encode(text.encode()).decode()}


class Handler"#;
    one.deploy_parts(&with_program(manifest.to_owned(), answer))
        .await
        .ok();
    let mut held = one.session("large", "external").await;
    for state in ["a", "b", "c"] {
        let url = format!("{}/v1/apps/large/sessions/{}/states/{state}", one.url, held.id);
        let value = state.repeat(6 << 20);
        one.send(one.http.put(url).body(value)).await.ok();
    }
    let sum = one.in_session(&mut held, "functions/sum", "", &[]).await.ok();
    assert_eq!(sum.text(), "6291456a 6291456b 6291456c");
    nodes.stop().await;
}
