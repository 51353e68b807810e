//! Traces: what a request caused, on all nodes, as a receiver sees it.

use std::collections::{BTreeMap, BTreeSet};

use fogline_client::Client;
use fogline_core::model::{AppName, ExecutionModel, SessionId};
use fogline_protocol::api::Session;
use fogline_protocol::trace::{SpanId, TraceContext, TraceId};

use super::inbox::{accept, result};
use super::support::{Caller, Nodes, Received, Receiver, Setup, deadline};

const RUN: &str = "POST /v1/apps/{app}/sessions/{session}/runs";
const FUNCTION: &str = "POST /v1/apps/{app}/sessions/{session}/functions/{function}";

/// A span of a client's own.
fn context(number: u8) -> TraceContext {
    TraceContext {
        trace: TraceId([number; 16]),
        span: SpanId([0xcc; 8]),
        sampled: true,
        state: Some("vendor=kept".into()),
    }
}

/// Spans of one trace, by their ids.
struct Trace(BTreeMap<Vec<u8>, Received>);

impl Trace {
    fn of(received: &[Received], context: &TraceContext) -> Self {
        let mine = received
            .iter()
            .filter(|received| received.span.trace_id == context.trace.0);
        let mut spans = BTreeMap::new();
        for received in mine {
            assert_eq!(received.span.trace_state, "vendor=kept");
            assert!(received.span.start_time_unix_nano <= received.span.end_time_unix_nano);
            let before = spans.insert(received.span.span_id.clone(), received.clone());
            assert!(before.is_none(), "two spans have one id");
        }
        let all = Self(spans);
        for received in all.0.values() {
            let is_the_client_s = received.span.parent_span_id == context.span.0;
            assert!(
                is_the_client_s || all.parent(received).is_some(),
                "nobody caused {received:?}"
            );
        }
        all
    }

    fn parent(&self, of: &Received) -> Option<&Received> {
        self.0.get(&of.span.parent_span_id)
    }

    /// What led to a span, and it.
    fn names(&self, of: &Received) -> Vec<String> {
        let mut names = self
            .parent(of)
            .map(|parent| self.names(parent))
            .unwrap_or_default();
        names.push(of.span.name.clone());
        names
    }

    fn named(&self, name: &str) -> Vec<&Received> {
        self.0.values().filter(|it| it.span.name == name).collect()
    }

    /// What led to each span that caused no other, in order.
    fn paths(&self) -> Vec<String> {
        let is_last = |it: &&Received| {
            !self
                .0
                .values()
                .any(|other| other.span.parent_span_id == it.span.span_id)
        };
        let mut paths: Vec<_> = self
            .0
            .values()
            .filter(is_last)
            .map(|it| self.names(it).join(" / "))
            .collect();
        paths.sort();
        paths
    }

    /// Each call to a store of another node is one span here and one span of the same name there.
    fn check_store_hops(&self) -> usize {
        let calls = self
            .0
            .values()
            .filter(|it| it.attribute("db.system.name") == "fogline");
        let mut count = 0;
        for call in calls {
            let at = call.attribute("fogline.node");
            let mut there = self
                .0
                .values()
                .filter(|it| it.span.parent_span_id == call.span.span_id);
            let answered = there
                .next()
                .unwrap_or_else(|| panic!("nobody was asked by {call:?}"));
            assert!(there.next().is_none(), "two were asked by {call:?}");
            // That of the external store is the node's configuration, which the span does not repeat.
            assert!(at.is_empty() || answered.node == at, "{call:?}");
            assert_eq!(answered.span.name, call.span.name);
            assert_ne!(answered.node, call.node);
            assert_eq!((call.span.kind, answered.span.kind), (3, 2), "client, server");
            count += 1;
        }
        count
    }

    /// Each hop is one span here and one span there.
    fn check_hops(&self) -> usize {
        let forwards = self.named("forward");
        for forward in &forwards {
            let is_its = |it: &&&Received| it.span.parent_span_id == forward.span.span_id;
            let invokes: Vec<_> = self.0.values().filter(|it| is_its(&it)).collect();
            let [invoke] = invokes[..] else {
                panic!("a hop has {} ends", invokes.len());
            };
            assert_eq!(invoke.span.name, "invoke");
            assert_eq!(invoke.node, forward.attribute("fogline.node"));
            assert_ne!(invoke.node, forward.node);
            assert_eq!((forward.span.kind, invoke.span.kind), (3, 2), "client, server");
        }
        forwards.len()
    }
}

#[tokio::test]
async fn runs_over_three_nodes_are_traces_whose_spans_hang_together() {
    let receiver = Receiver::start().await;
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup {
        names: vec!["one", "two", "three", "cloud"],
        traces: Some(receiver.options(0.0)),
        ..Setup::default()
    };
    let nodes = Nodes::start(folder.path(), setup).await;
    let round_robin =
        |manifest: &str| manifest.replacen("[application]", "[application]\nplacement = \"round-robin\"", 1);
    let app = Caller::new(nodes.url("one")).deploy("figure3", round_robin).await;
    let client = Client::builder(nodes.url("one")).build().unwrap();
    let (session, name) = session(&client, &app.name).await;
    // Not recorded: nobody asks for it, and the nodes' share is none.
    client.run(&name, &session, vec![1; 100]).await.unwrap();
    for number in 1..=9 {
        let traced = client.in_trace(context(number));
        let input = vec![1; 100];
        match number % 3 {
            0 => drop(traced.run(&name, &session, input).await.unwrap()),
            1 => drop(traced.run_workflow(&app, &session, input).await.unwrap()),
            _ => drop(traced.run_by_hops(&name, &session, input).await.unwrap()),
        }
    }
    nodes.stop().await;
    let received = receiver.received();
    let traces: BTreeSet<_> = received.iter().map(|it| it.span.trace_id.clone()).collect();
    assert_eq!(traces.len(), 9);
    let mut hops = 0;
    for number in 1..=9 {
        let trace = Trace::of(&received, &context(number));
        hops += trace.check_hops();
        let executed = trace.named("execute");
        assert_eq!(executed.len(), 3, "f1, f2 and f3");
        assert_eq!(trace.named("commit").len(), 1, "f2 has a state");
        assert_eq!(trace.named("queue").len(), 3);
        for span in executed {
            let names = trace.names(span);
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let last = match names.iter().position(|name| *name == "dispatch") {
                Some(at) => &names[at + 1..],
                None => panic!("{names:?}"),
            };
            assert!(
                last == ["execute"] || last == ["forward", "invoke", "execute"],
                "{names:?}"
            );
            match &names[..names.len() - last.len() - 1] {
                [RUN, step] => assert!(number % 3 != 1 && step.starts_with("step f"), "{names:?}"),
                [FUNCTION] => assert!(number % 3 == 1, "{names:?}"),
                other => panic!("{other:?}"),
            }
        }
        let one = &trace.named("dispatch")[0];
        assert_eq!(one.attribute("fogline.tenant"), "local");
        assert_eq!(one.attribute("faas.invocation_id").len(), 32);
        assert_eq!(one.attribute("fogline.session").len(), 16);
        assert!(
            !format!("{:?}", trace.0).contains(&session.to_string()),
            "a session's id is a secret"
        );
    }
    let executed: BTreeSet<&str> = received
        .iter()
        .filter(|it| it.span.name == "execute")
        .map(|it| it.node.as_str())
        .collect();
    assert_eq!(executed, BTreeSet::from(["one", "two", "three"]));
    assert!(hops > 0);
}

#[tokio::test]
async fn requests_are_recorded_as_their_caller_says_or_else_by_share() {
    for (share, parent, expected) in [
        (0.0, None, 0),
        (1.0, None, 1),
        (
            1.0,
            Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"),
            0,
        ),
        (
            0.0,
            Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            1,
        ),
        (0.0, Some("00-damaged-01"), 0),
    ] {
        let receiver = Receiver::start().await;
        let folder = tempfile::tempdir().unwrap();
        let setup = Setup {
            names: vec!["one"],
            traces: Some(receiver.options(share)),
            ..Setup::default()
        };
        let nodes = Nodes::start(folder.path(), setup).await;
        let caller = Caller::new(nodes.url("one"));
        caller.deploy("counter", str::to_owned).await;
        let mut held = caller.session("counter", "in-edge").await;
        let headers: Vec<_> = parent.map(|parent| ("traceparent", parent)).into_iter().collect();
        let failing = caller
            .in_session(&mut held, "functions/nothing", "1", &headers)
            .await;
        assert_eq!(failing.status, 404);
        nodes.stop().await;
        let received = receiver.received();
        let requests: Vec<_> = received.iter().filter(|it| it.span.name == FUNCTION).collect();
        assert_eq!(requests.len(), expected, "{share} {parent:?}");
        let Some(request) = requests.first() else {
            continue;
        };
        assert_eq!(request.span.parent_span_id.is_empty(), parent.is_none());
        assert_eq!(request.attribute("http.response.status_code"), "404");
        let dispatch = received.iter().find(|it| it.span.name == "dispatch").unwrap();
        assert_eq!(dispatch.attribute("error.type"), "not-found");
        assert_eq!(dispatch.span.status.as_ref().unwrap().code, 2, "error");
    }
}

#[tokio::test]
async fn a_receiver_that_is_away_costs_spans_and_nothing_else() {
    let receiver = Receiver::start().await;
    let traces = Some(receiver.options(1.0));
    drop(receiver);
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup {
        names: vec!["one"],
        traces,
        ..Setup::default()
    };
    let nodes = Nodes::start(folder.path(), setup).await;
    let caller = Caller::new(nodes.url("one"));
    caller.deploy("counter", str::to_owned).await;
    let mut held = caller.session("counter", "in-edge").await;
    caller.in_session(&mut held, "functions/add", "1", &[]).await.ok();
    let end = deadline();
    while !caller
        .send(caller.get("/metrics"))
        .await
        .text()
        .contains("fogline_spans_total{outcome=\"dropped\"}")
    {
        assert!(std::time::Instant::now() < end, "no span is dropped");
    }
    nodes.stop().await;
}

/// What is done, in traces 1 to 6: a session is made in the cloud, used, converted, migrated, sent away and deleted.
async fn used(one: &Caller, two: &Caller) -> SessionId {
    let traced = |number: u8, request: reqwest::RequestBuilder| {
        request
            .header("traceparent", context(number).to_string())
            .header("tracestate", "vendor=kept")
    };
    let create = one
        .post("/v1/apps/counter/sessions")
        .body("{\"model\": \"external\"}");
    let created: Session = one.send(traced(1, create)).await.ok().json();
    let path = format!("/v1/apps/counter/sessions/{}", created.session);
    let add = two.post(&format!("{path}/functions/add")).body("1");
    two.send(traced(2, add)).await.ok();
    let convert = |to: &str| {
        one.post(&format!("{path}/convert"))
            .body(format!("{{\"to\": \"{to}\"}}"))
    };
    one.send(traced(3, convert("in-edge"))).await.ok();
    let migrate = one.post(&format!("{path}/migrate")).body("{\"node\": \"two\"}");
    one.send(traced(4, migrate)).await.ok();
    one.send(traced(5, one.post("/v1/nodes/two/drain"))).await.ok();
    let delete = two.http.delete(format!("{}{path}", two.url));
    two.send(traced(6, delete)).await.ok();
    created.session
}

#[tokio::test]
async fn what_is_done_to_a_session_and_asked_of_stores_is_in_its_trace() {
    let receiver = Receiver::start().await;
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup {
        traces: Some(receiver.options(0.0)),
        ..Setup::default()
    };
    let nodes = Nodes::start(folder.path(), setup).await;
    let (one, two) = (Caller::new(nodes.url("one")), Caller::new(nodes.url("two")));
    one.deploy("counter", str::to_owned).await;
    let created = used(&one, &two).await;
    nodes.stop().await;
    let received = receiver.received();
    let trace = |number| Trace::of(&received, &context(number));
    let route = |route: &str| format!("{route}/v1/apps/{{app}}/sessions");
    assert_eq!(
        trace(1).paths(),
        [[&route("POST "), "store commit", "store commit", "store commit"].join(" / ")],
        "the cloud keeps it: a call here, its answer there, and the store of that node"
    );
    let used = trace(2).paths();
    let in_session = "/{session}/functions/{function} / dispatch / ";
    for step in ["load / store load", "commit / store commit"] {
        let step = format!("{}{in_session}{step}", route("POST "));
        assert!(
            used.iter().any(|it| it.starts_with(&step)),
            "{step} is not in {used:#?}"
        );
    }
    for (number, from, to) in [
        (3, "external", "in-edge at one"),
        (4, "in-edge at one", "in-edge at two"),
    ] {
        let trace = trace(number);
        let moves = trace.named("move");
        assert!(!moves.is_empty(), "{:#?}", trace.paths());
        assert_eq!(moves[0].attribute("fogline.from"), from);
        assert_eq!(moves[0].attribute("fogline.to"), to);
        assert!(
            trace.paths().iter().any(|it| it.contains("move / store commit")),
            "{:#?}",
            trace.paths()
        );
    }
    let drained = trace(5);
    assert_eq!(drained.named("drain")[0].node, "two");
    assert_eq!(drained.named("move")[0].attribute("fogline.to"), "in-edge at one");
    assert_eq!(trace(6).named(&(route("DELETE ") + "/{session}")).len(), 1);
    let systems: BTreeSet<_> = received
        .iter()
        .map(|it| it.attribute("db.system.name"))
        .filter(|system| !system.is_empty())
        .collect();
    assert_eq!(systems, BTreeSet::from(["fogline".to_owned(), "redb".to_owned()]));
    assert!(
        (1..=6)
            .map(|number| trace(number).check_store_hops())
            .sum::<usize>()
            > 3
    );
    let text = format!("{:?}", received.iter().map(|it| &it.span).collect::<Vec<_>>());
    assert!(!text.contains(&created.to_string()), "a session's id is a secret");
}

/// The session's node is down until the run is accepted, and the node that accepted it was started again.
#[tokio::test]
async fn a_run_that_was_accepted_is_of_its_trace_also_after_a_restart() {
    let receiver = Receiver::start().await;
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup {
        traces: Some(receiver.options(0.0)),
        ..Setup::default()
    };
    let mut nodes = Nodes::start(folder.path(), setup).await;
    let (one, two) = (Caller::new(nodes.url("one")), Caller::new(nodes.url("two")));
    one.deploy("counter", str::to_owned).await;
    let mut held = two.session("counter", "in-edge").await;
    assert!(held.id.starts_with("two_"), "{}", held.id);
    nodes.stop_node("two").await;
    let parent = context(1).to_string();
    let headers = [
        ("idempotency-key", "run"),
        ("prefer", "respond-async"),
        ("traceparent", &parent),
        ("tracestate", "vendor=kept"),
    ];
    let run = accept(&one, &mut held, "1", &headers).await;
    nodes.stop_node("one").await;
    let before = receiver.received().len();
    nodes.start_node("one").await;
    nodes.start_node("two").await;
    let one = Caller::new(nodes.url("one"));
    assert_eq!(result(&one, &held, &run).await, "1");
    nodes.stop().await;
    let received = receiver.received();
    let trace = Trace::of(&received, &context(1));
    assert_eq!(trace.named("execute").len(), 1);
    assert_eq!(trace.named("commit").len(), 1);
    assert!(
        received[before..].iter().any(|it| it.span.name == "step add"),
        "{:#?}",
        trace.paths()
    );
}

async fn session(client: &Client, app: &AppName) -> (SessionId, AppName) {
    let session = client
        .create_session(app, Some(ExecutionModel::InEdge))
        .await
        .unwrap();
    (session.session, app.clone())
}
