//! Where invocations run, as a node says it before they do, and as it notes it when they have.

use fogline_client::Client;
use fogline_core::dispatch::LoggedDecision;
use fogline_core::model::ExecutionModel;
use fogline_protocol::api::{Because, Explanation};

use super::support::{Caller, Held, Nodes, Setup};

/// The explanation of a request, and the node that then executes the same request.
async fn explained(caller: &Caller, held: &mut Held, function: &str, key: &str) -> (Explanation, String) {
    let path = format!("functions/{function}");
    let headers = [("idempotency-key", key)];
    let explain = format!("{path}/explain");
    let explanation: Explanation = caller.in_session(held, &explain, "1", &headers).await.ok().json();
    let again: Explanation = caller.in_session(held, &explain, "1", &headers).await.ok().json();
    assert_eq!(again.chosen, explanation.chosen, "to look changes nothing");
    let answer = caller.in_session(held, &path, "1", &headers).await.ok();
    assert_eq!(
        answer.header("fogline-replayed"),
        "",
        "nothing was executed before"
    );
    (explanation, answer.header("fogline-node").to_owned())
}

#[tokio::test]
async fn what_is_explained_is_what_the_next_invocation_does() {
    let folder = tempfile::tempdir().unwrap();
    let names = vec!["one", "two", "three", "cloud"];
    let nodes = Nodes::start(
        folder.path(),
        Setup {
            names,
            ..Setup::default()
        },
    )
    .await;
    let callers = ["one", "two", "three"].map(|name| Caller::new(nodes.url(name)));
    for placement in [
        "load-net",
        "model-aware",
        "round-robin",
        "power-of-two-choices",
        "weighted-random",
    ] {
        let app = format!("[application]\nplacement = \"{placement}\"");
        callers[0]
            .deploy("counter", |manifest| manifest.replacen("[application]", &app, 1))
            .await;
        let mut chosen = std::collections::BTreeSet::new();
        for model in ["external", "in-edge", "in-function", "in-client"] {
            let mut held = callers[1].session("counter", model).await;
            for turn in 0..9 {
                let key = format!("{placement} {turn}");
                let caller = &callers[turn % 3];
                let (explanation, node) = explained(caller, &mut held, "add", &key).await;
                let case = format!("{placement}, {model}, {turn}: {explanation:?}");
                assert_eq!(
                    explanation.chosen.as_ref().map(ToString::to_string),
                    Some(node),
                    "{case}"
                );
                assert_eq!(explanation.model.map(|model| model.name()), Some(model), "{case}");
                let because = if model == "in-function" {
                    Because::Owner
                } else {
                    Because::Policy
                };
                assert_eq!(explanation.because, because, "{case}");
                let candidates: Vec<&str> =
                    explanation.candidates.iter().map(|it| it.node.as_str()).collect();
                assert_eq!(candidates, ["one", "three", "two"], "the cloud runs nothing");
                if because == Because::Policy {
                    chosen.extend(explanation.chosen);
                }
            }
        }
        // Where nothing but the client's node has the best score, nothing else is worth a test.
        assert!(chosen.len() > 1, "{placement}: {chosen:?}");
    }
    nodes.stop().await;
}

#[tokio::test]
async fn states_count_by_where_they_are_and_how_large_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let nodes = Nodes::start(folder.path(), Setup::default()).await;
    let (one, two) = (Caller::new(nodes.url("one")), Caller::new(nodes.url("two")));
    let edit = |manifest: &str| {
        manifest
            .replacen("[application]", "[application]\nplacement = \"model-aware\"", 1)
            .replacen("[functions.add]", "[states.large]\n[functions.add]", 1)
            .replace("writes = [\"total\"]", "writes = [\"total\", \"large\"]")
    };
    one.deploy("counter", edit).await;
    let mut held = two.session("counter", "in-edge").await;
    let states = |explanation: &Explanation, node: &str| {
        let candidate = explanation.candidates.iter().find(|it| it.node.as_str() == node);
        candidate.unwrap().states_seconds.as_millis()
    };
    let (before, node) = explained(&one, &mut held, "add", "before").await;
    assert_eq!(
        (before.home.as_ref().unwrap().as_str(), node.as_str()),
        ("two", "two")
    );
    let path = format!("/v1/apps/counter/sessions/{}/states/large", held.id);
    let put = two
        .http
        .put(format!("{}{path}", two.url))
        .body(vec![7; 1_000_000]);
    two.send(put).await.ok();
    // Who has not looked since goes by what it saw last.
    let (after, node) = explained(&one, &mut held, "add", "after").await;
    assert_eq!(node, "two");
    let size = after
        .states
        .iter()
        .find(|state| state.name.as_str() == "large")
        .unwrap();
    assert_eq!(size.bytes, 1_000_000);
    // There and back, at 1 Gb/s over two links.
    let grown = states(&after, "one") - states(&before, "one");
    assert!((8.0..40.0).contains(&grown), "{grown} ms more for 1 MB");
    assert!(states(&after, "two") < 1.0, "it is there: {after:?}");
    nodes.stop().await;
}

#[tokio::test]
async fn what_cannot_be_invoked_is_not_explained() {
    let folder = tempfile::tempdir().unwrap();
    let nodes = Nodes::start(folder.path(), Setup::default()).await;
    let one = Caller::new(nodes.url("one"));
    one.deploy("counter", str::to_owned).await;
    one.deploy("basket", str::to_owned).await;
    let refused = |path: String| {
        let asked = one.post(&path).body("1");
        async { one.send(asked).await.kind() }
    };
    assert_eq!(
        refused("/v1/apps/counter/functions/add/explain".into()).await,
        "bad-request"
    );
    assert_eq!(
        refused("/v1/apps/counter/functions/none/explain".into()).await,
        "not-found"
    );
    assert_eq!(
        refused("/v1/apps/none/functions/add/explain".into()).await,
        "not-found"
    );
    let mut held = one.session("basket", "in-client").await;
    let path = format!("/v1/apps/basket/sessions/{}/functions/list/explain", held.id);
    assert_eq!(refused(path).await, "envelope-missing");
    let explained = one.in_session(&mut held, "functions/list/explain", "null", &[]);
    let explanation: Explanation = explained.await.ok().json();
    assert_eq!(explanation.home, None, "its client has it");
    // A client that keeps the envelopes sends them along.
    let client = Client::builder(one.url.clone()).build().unwrap();
    let (app, add) = ("counter".parse().unwrap(), "add".parse().unwrap());
    let session = client
        .create_session(&app, Some(ExecutionModel::InClient))
        .await
        .unwrap()
        .session;
    client.invoke(&app, &session, &add, "42").await.unwrap();
    let explanation = client.explain(&app, Some(&session), &add, "1").await.unwrap();
    assert_eq!((explanation.states[0].bytes, explanation.input_bytes), (2, 1));
    assert_eq!(
        client.invoke(&app, &session, &add, "1").await.unwrap().output,
        "43"
    );
    nodes.stop().await;
}

/// What each node has logged.
fn logged(folder: &std::path::Path) -> Vec<LoggedDecision> {
    let text =
        ["one", "two"].map(|node| std::fs::read_to_string(folder.join(node).join("decisions")).unwrap());
    let lines = text.iter().flat_map(|text| text.lines());
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn logged_decisions_are_made_again_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup {
        logs_decisions: true,
        ..Setup::default()
    };
    let nodes = Nodes::start(folder.path(), setup).await;
    let (one, two) = (Caller::new(nodes.url("one")), Caller::new(nodes.url("two")));
    let placements = ["load-net", "least-impedance", "weighted-random"];
    for placement in placements {
        let app = format!("[application]\nplacement = \"{placement}\"");
        one.deploy("counter", |manifest| manifest.replacen("[application]", &app, 1))
            .await;
        let mut held = one.session("counter", "in-edge").await;
        for caller in [&one, &two, &two, &one] {
            caller.in_session(&mut held, "functions/add", "1", &[]).await.ok();
        }
    }
    nodes.stop().await;
    let mut logged = logged(folder.path());
    assert_eq!(logged.len(), 4 * placements.len(), "one for each invocation");
    for decision in &logged {
        assert!(decision.choice.is_some());
        assert_eq!(decision.again(), decision.choice, "{decision:?}");
    }
    // One that another version would make otherwise.
    let changed = logged[0].choice.as_mut().unwrap();
    changed.score_seconds = changed.score_seconds + changed.score_seconds;
    assert_ne!(logged[0].again(), logged[0].choice);
}
