//! Of which model the bytes between nodes are.

use std::collections::BTreeMap;
use std::time::Instant;

use super::support::{Caller, Nodes, Setup, deadline};

const HOPS: (&str, &str) = ("fogline-run-by", "hops");
const MODELS: [&str; 4] = ["external", "in-edge", "in-function", "in-client"];
/// Bytes of an input, and of what its steps give.
const INPUT: usize = 20_000;
/// Of all bytes that nodes send each other, those that must be of the session's model. The others are what nodes tell each other of
/// applications, and the frames around messages.
const SHARE: f64 = 0.9;

/// A chain of steps that all write the state, each on another node than the one before where the model allows it.
fn chain(manifest: &str) -> String {
    let end = manifest.find("[[workflow.steps]]").unwrap();
    let steps = (1..=4).map(|step| format!("[[workflow.steps]]\nname = \"s{step}\"\nfunction = \"f2\"\n"));
    placed(&format!("{}{}", &manifest[..end], steps.collect::<String>()))
}

fn placed(manifest: &str) -> String {
    manifest.replacen("[application]", "[application]\nplacement = \"round-robin\"", 1)
}

/// Bytes of requests and answers by model, counted by all nodes.
async fn counted(callers: &[Caller]) -> BTreeMap<String, f64> {
    let mut bytes = BTreeMap::new();
    for caller in callers {
        let metrics = caller.send(caller.get("/metrics")).await.ok().text();
        for line in metrics.lines() {
            let Some(labels) = line.strip_prefix("fogline_link_bytes_total{") else {
                continue;
            };
            let (_, model) = labels.split_once("model=\"").unwrap();
            let (model, _) = model.split_once('"').unwrap();
            let (_, value) = labels.rsplit_once(' ').unwrap();
            *bytes.entry(model.to_owned()).or_default() += value.parse::<f64>().unwrap();
        }
    }
    bytes
}

/// That of what was sent since then, most is counted under this model in the end, and nothing under others.
async fn are_of(model: &str, way: &str, nodes: &Nodes, callers: &[Caller], before: (f64, f64)) {
    let sent = nodes.sent().0 as f64 - before.0;
    assert!(sent > INPUT as f64, "{model}, {way}: {sent} bytes are no test");
    let end = deadline();
    loop {
        let mut counted = counted(callers).await;
        let of_it = counted.remove(model).unwrap_or_default() - before.1;
        assert!(
            counted.values().all(|bytes| *bytes == 0.0),
            "{model}, {way}: {counted:?}"
        );
        if of_it / sent > SHARE {
            return;
        }
        // A run has ended when its record has the last output; whoever brought that hears of it a moment later.
        assert!(Instant::now() < end, "{model}, {way}: {of_it} of {sent} bytes");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_between_nodes_are_counted_under_the_model_of_their_session() {
    for model in MODELS {
        counted_under(model).await;
    }
}

/// On nodes of its own, which know no session of another model.
async fn counted_under(model: &str) {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup {
        names: vec!["one", "two", "three", "cloud"],
        ..Setup::default()
    };
    let nodes = Nodes::start(folder.path(), setup).await;
    let callers = ["one", "two", "three", "cloud"].map(|node| Caller::new(nodes.url(node)));
    let [one, two, ..] = &callers;
    one.deploy("figure3", chain).await;
    one.deploy("sensor", placed).await;
    // Born at another node than the one that is asked, which need not know of it.
    let mut session = two.session("figure3", model).await;
    let mut refusing = two.session("sensor", model).await;
    let before = async || {
        let counted = counted(&callers).await;
        (
            nodes.sent().0 as f64,
            counted.get(model).copied().unwrap_or_default(),
        )
    };
    for (way, headers) in [("by node", &[][..]), ("by hops", &[HOPS])] {
        let before = before().await;
        let input = vec![7; INPUT];
        one.in_session(&mut session, "runs", input, headers).await.ok();
        are_of(model, way, &nodes, &callers, before).await;
    }
    let before = before().await;
    for _ in 0..4 {
        let input = vec![b'x'; INPUT];
        let refused = one
            .in_session(&mut refusing, "functions/window", input, &[])
            .await;
        refused.is(422, "invalid-input");
    }
    are_of(model, "refused", &nodes, &callers, before).await;
    nodes.stop().await;
}
