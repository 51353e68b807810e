//! Moving sessions between the four places: whoever asks finds the session, its replies and its states.

use std::sync::atomic::{AtomicU64, Ordering};

use fogline_core::model::ExecutionModel;
use fogline_node::Tenants;
use fogline_protocol::api::Session;
use fogline_state::seal::Keyring;

use super::kept;
use super::rules::path;
use super::support::{CLIENT, Caller, Gated, Held, Meddling, Nodes, Setup, with_guard};

/// A session with a client of its own, and its nodes.
async fn one_session(
    setup: Setup,
    guard: &str,
    model: &str,
) -> (tempfile::TempDir, Nodes, Caller, Caller, Held) {
    let folder = tempfile::tempdir().unwrap();
    let nodes = Nodes::start(folder.path(), setup).await;
    let (one, two) = (Caller::new(nodes.url("one")), Caller::new(nodes.url("two")));
    one.deploy("counter", with_guard(guard)).await;
    let held = one.session("counter", model).await;
    (folder, nodes, one, two, held)
}

async fn add(caller: &Caller, held: &mut Held, amount: &'static str, key: &str) -> String {
    caller
        .in_session(held, "functions/add", amount, &[("idempotency-key", key)])
        .await
        .ok()
        .text()
}

async fn convert(caller: &Caller, held: &mut Held, model: &str) -> Session {
    let session: Session = caller
        .convert(held, model, &[("fogline-client", CLIENT)])
        .await
        .ok()
        .json();
    if session.parts[0].model != ExecutionModel::InClient {
        held.envelopes.clear();
    }
    session
}

#[tokio::test]
async fn a_session_is_found_by_nodes_that_know_nothing_of_its_moves() {
    let (_folder, mut nodes, one, _, mut held) = one_session(Setup::default(), "none", "in-edge").await;
    let mut total = 0;
    for model in [
        "external",
        "in-function",
        "in-edge",
        "in-function",
        "external",
        "in-edge",
    ] {
        convert(&Caller::new(nodes.url("two")), &mut held, model).await;
        // What a node has learnt it forgets when it stops.
        nodes.stop_node("two").await;
        nodes.start_node("two").await;
        let two = Caller::new(nodes.url("two"));
        for caller in [&two, &one] {
            total += 1;
            let key = format!("{model} {total}");
            assert_eq!(
                add(caller, &mut held, "1", &key).await,
                total.to_string(),
                "{model}"
            );
            let path = format!("/v1/apps/counter/sessions/{}", held.id);
            let session: Session = caller.send(caller.get(&path)).await.ok().json();
            assert_eq!(session.parts[0].model.to_string(), model);
        }
    }
    nodes.stop().await;
}

#[tokio::test]
async fn a_node_that_knows_an_old_forward_only_converts_the_session_where_it_is() {
    let (_folder, nodes, one, two, mut held) = one_session(Setup::default(), "none", "in-edge").await;
    add(&one, &mut held, "5", "a").await;
    convert(&one, &mut held, "external").await;
    convert(&one, &mut held, "in-function").await;
    // What the session's birth home says first is that it went to the cloud.
    convert(&two, &mut held, "external").await;
    for caller in [&one, &two] {
        let path = format!("/v1/apps/counter/sessions/{}", held.id);
        let session: Session = caller.send(caller.get(&path)).await.ok().json();
        assert_eq!(session.parts[0].model, ExecutionModel::External);
        assert_eq!(session.parts[0].epoch, 3);
    }
    assert_eq!(add(&two, &mut held, "1", "b").await, "6");
    nodes.stop().await;
}

#[tokio::test]
async fn a_session_that_was_at_a_model_before_is_brought_there_again() {
    let (_folder, nodes, one, two, mut held) = one_session(Setup::default(), "none", "external").await;
    add(&one, &mut held, "5", "a").await;
    convert(&one, &mut held, "in-edge").await;
    convert(&one, &mut held, "in-function").await;
    // The other node finds the forward that the session left in the cloud, which leads to where it is wanted.
    let session = convert(&two, &mut held, "in-edge").await;
    assert_eq!(session.parts[0].model, ExecutionModel::InEdge);
    assert_eq!(add(&two, &mut held, "1", "b").await, "6");
    nodes.stop().await;
}

#[tokio::test]
async fn a_node_that_takes_a_session_to_be_with_its_client_converts_it_where_it_is() {
    for guard in ["none", "mark"] {
        let (_folder, nodes, one, two, mut held) = one_session(Setup::default(), guard, "in-client").await;
        // Both nodes learn that it is with its client.
        for caller in [&one, &two] {
            add(caller, &mut held, "1", &caller.url).await;
        }
        convert(&one, &mut held, "external").await;
        let session = convert(&two, &mut held, "in-edge").await;
        assert_eq!(session.parts[0].model, ExecutionModel::InEdge, "{guard}");
        assert_eq!(add(&one, &mut held, "1", "c").await, "3", "{guard}");
        nodes.stop().await;
    }
}

#[tokio::test]
async fn converting_a_session_to_where_it_is_changes_nothing() {
    for guard in ["none", "mark"] {
        let (_folder, nodes, one, _, mut held) = one_session(Setup::default(), guard, "in-edge").await;
        let mut total = 0;
        for model in ["in-edge", "external", "in-function", "in-client"] {
            for round in 0..2 {
                let session = convert(&one, &mut held, model).await;
                assert_eq!(session.parts[0].model.to_string(), model);
                total += 1;
                let key = format!("{model} {round}");
                assert_eq!(
                    add(&one, &mut held, "1", &key).await,
                    total.to_string(),
                    "{guard} {model} {round}"
                );
            }
        }
        nodes.stop().await;
    }
}

#[tokio::test]
async fn replies_move_with_the_session() {
    let models = ["external", "in-edge", "in-function", "in-client", "external"];
    let (_folder, nodes, one, two, mut held) = one_session(Setup::default(), "mark", "in-client").await;
    for (at, model) in models.iter().enumerate() {
        let key = format!("{at}, before {model}");
        let total = (at + 1).to_string();
        assert_eq!(add(&one, &mut held, "1", &key).await, total);
        convert(&two, &mut held, model).await;
        for caller in [&one, &two] {
            assert_eq!(
                add(caller, &mut held, "1", &key).await,
                total,
                "a retry after the move to {model}"
            );
        }
        let other = caller_with_other_body(&two, &mut held, &key).await;
        assert_eq!(other, 422, "{model}");
    }
    nodes.stop().await;
}

async fn caller_with_other_body(caller: &Caller, held: &mut Held, key: &str) -> u16 {
    caller
        .in_session(held, "functions/add", "17", &[("idempotency-key", key)])
        .await
        .status
}

#[tokio::test]
async fn a_request_that_was_answered_before_a_session_went_to_its_client_is_not_executed_again() {
    for with_envelopes in [false, true] {
        let (_folder, nodes, one, two, mut held) = one_session(Setup::default(), "none", "in-edge").await;
        assert_eq!(add(&one, &mut held, "5", "first").await, "5");
        let before = held.clone();
        convert(&one, &mut held, "in-client").await;
        assert!(before.envelopes.is_empty() && !held.envelopes.is_empty());
        let mut retry = if with_envelopes { held.clone() } else { before };
        assert_eq!(
            add(&two, &mut retry, "5", "first").await,
            "5",
            "with envelopes: {with_envelopes}"
        );
        assert_eq!(add(&one, &mut held, "1", "second").await, "6");
        nodes.stop().await;
    }
}

#[tokio::test]
async fn envelopes_that_came_with_a_move_do_not_show_that_their_client_had_the_replies() {
    let (_folder, nodes, one, two, mut held) = one_session(Setup::default(), "mark", "in-edge").await;
    assert_eq!(add(&one, &mut held, "5", "first").await, "5");
    convert(&one, &mut held, "in-client").await;
    assert_eq!(add(&one, &mut held, "1", "second").await, "6");
    assert_eq!(add(&two, &mut held, "5", "first").await, "5");
    nodes.stop().await;
}

#[tokio::test]
async fn the_states_of_a_session_that_is_to_go_to_its_client_come_with_its_next_request() {
    for guard in ["none", "mark"] {
        let (_folder, nodes, one, two, mut held) = one_session(Setup::default(), guard, "in-edge").await;
        add(&one, &mut held, "5", "a").await;
        // An operator asks, and what it gets it throws away.
        two.convert(&mut held.clone(), "in-client", &[]).await.ok();
        let refused = one
            .in_session(&mut held, "functions/add", "1", &[("idempotency-key", "b")])
            .await;
        refused.is(409, "moving-to-client");
        assert!(!held.envelopes.is_empty());
        // The same for whoever wants no parts.
        let json = [("accept", "application/json"), ("idempotency-key", "b")];
        let mut without = held.clone();
        without.envelopes.clear();
        let refused = two.in_session(&mut without, "functions/add", "1", &json).await;
        refused.is(409, "moving-to-client");
        let states = &refused.json::<serde_json::Value>()["states"];
        assert!(states["total"].is_string(), "{}", refused.text());
        assert_eq!(add(&one, &mut held, "1", "b").await, "6", "{guard}");
        nodes.stop().await;
    }
}

#[tokio::test]
async fn an_operator_converts_a_session_that_only_its_client_can_give_at_the_next_request() {
    let (_folder, nodes, one, two, mut held) = one_session(Setup::default(), "none", "in-client").await;
    add(&one, &mut held, "5", "a").await;
    let answer = two
        .convert(
            &mut Held {
                envelopes: Default::default(),
                ..held.clone()
            },
            "external",
            &[],
        )
        .await
        .ok();
    assert_eq!(
        answer.json::<Session>().parts[0].model,
        ExecutionModel::InClient,
        "it is there until then"
    );
    let answer = one.in_session(&mut held, "functions/add", "1", &[]).await.ok();
    assert_eq!(
        (answer.text().as_str(), answer.header("fogline-convert")),
        ("6", "external")
    );
    assert_eq!(
        convert(&one, &mut held, "external").await.parts[0].model,
        ExecutionModel::External
    );
    let answer = two.in_session(&mut held, "functions/add", "1", &[]).await.ok();
    assert_eq!(
        (answer.text().as_str(), answer.header("fogline-convert")),
        ("7", ""),
        "and nobody asks again"
    );
    nodes.stop().await;
}

/// R14: a client that only has its workflow run hears of the wish too, whoever runs it and wherever its steps run.
#[tokio::test]
async fn a_client_that_only_runs_workflows_is_asked_for_its_session() {
    let (_folder, nodes, one, two, mut held) = one_session(Setup::default(), "none", "in-client").await;
    let mut without = held.clone();
    without.envelopes.clear();
    for (by, seen, model) in [("node", "0.1.1", "external"), ("hops", "0.2.2", "in-edge")] {
        two.convert(&mut without, model, &[]).await.ok();
        let ran = one
            .in_session(&mut held, "runs", "1", &[("fogline-run-by", by)])
            .await
            .ok();
        let told = ["fogline-convert", "fogline-seen", "fogline-model"].map(|header| ran.header(header));
        assert_eq!(told, [model, seen, "in-client"], "{by}");
    }
    nodes.stop().await;
}

/// Whoever knows the id of another tenant's session neither has its client told to leave, nor keeps it from being told.
#[tokio::test]
async fn another_tenants_wishes_for_a_session_are_not_told_to_its_client() {
    let tokens = [("red", "red-token"), ("blue", "blue-token")]
        .map(|(tenant, token)| (tenant.parse().unwrap(), token.to_owned()));
    let setup = Setup {
        tenants: Tenants::with_tokens(tokens),
        ..Setup::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let nodes = Nodes::start(folder.path(), setup).await;
    let [red, blue] = ["red-token", "blue-token"].map(|token| Caller::with_token(nodes.url("one"), token));
    for caller in [&red, &blue] {
        caller.deploy("counter", str::to_owned).await;
    }
    let mut held = red.session("counter", "in-client").await;
    let mut without = Held {
        envelopes: Default::default(),
        ..held.clone()
    };
    blue.convert(&mut without, "external", &[]).await.ok();
    let asked = red.in_session(&mut held, "functions/add", "1", &[]).await.ok();
    assert_eq!(asked.header("fogline-convert"), "");
    red.convert(&mut without, "in-edge", &[]).await.ok();
    let deleted = blue.http.delete(format!("{}{}", blue.url, path(&held)));
    blue.send(deleted).await.ok();
    let asked = red.in_session(&mut held, "functions/add", "1", &[]).await.ok();
    assert_eq!(asked.header("fogline-convert"), "in-edge");
    nodes.stop().await;
}

#[tokio::test]
async fn nodes_that_were_restarted_still_ask_the_client_for_its_session() {
    let (_folder, mut nodes, one, two, mut held) = one_session(Setup::default(), "none", "in-client").await;
    add(&one, &mut held, "5", "a").await;
    let mut without = Held {
        envelopes: Default::default(),
        ..held.clone()
    };
    two.convert(&mut without, "external", &[]).await.ok();
    for node in ["one", "two"] {
        nodes.stop_node(node).await;
        nodes.start_node(node).await;
    }
    let callers = [Caller::new(nodes.url("one")), Caller::new(nodes.url("two"))];
    for (at, caller) in callers.iter().enumerate() {
        let answer = caller.in_session(&mut held, "functions/add", "1", &[]).await.ok();
        let got = (answer.text(), answer.header("fogline-convert"));
        assert_eq!(got, ((6 + at).to_string(), "external"));
    }
    convert(&callers[0], &mut held, "external").await;
    nodes.stop_node("two").await;
    nodes.start_node("two").await;
    let two = Caller::new(nodes.url("two"));
    let answer = two.in_session(&mut held, "functions/add", "1", &[]).await.ok();
    assert_eq!(
        answer.header("fogline-convert"),
        "",
        "it is done, also after a restart"
    );
    nodes.stop().await;
}

#[tokio::test]
async fn envelopes_of_a_time_before_the_session_left_are_refused() {
    for guard in ["none", "mark"] {
        let (_folder, nodes, one, _, mut held) = one_session(Setup::default(), guard, "in-client").await;
        add(&one, &mut held, "5", "a").await;
        let old = held.clone();
        convert(&one, &mut held, "in-edge").await;
        let refused = one.in_session(&mut old.clone(), "functions/add", "1", &[]).await;
        assert_eq!(
            (refused.status, refused.kind().as_str()),
            (400, "bad-envelope"),
            "{guard}: {}",
            refused.text()
        );
        assert_eq!(add(&one, &mut held, "1", "b").await, "6", "{guard}");
        nodes.stop().await;
    }
}

/// R9: a node that knows the session by its id alone takes it to have been with its client from the beginning.
#[tokio::test]
async fn what_a_session_left_lets_go_of_it_whichever_node_its_client_comes_to() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup {
        names: vec!["one", "two", "three", "cloud"],
        ..Setup::default()
    };
    let nodes = Nodes::start(folder.path(), setup).await;
    let [one, two, three] = ["one", "two", "three"].map(|name| Caller::new(nodes.url(name)));
    one.deploy("counter", str::to_owned).await;
    for model in ["external", "in-edge", "in-function"] {
        let mut held = one.session("counter", "in-client").await;
        convert(&two, &mut held, model).await;
        assert_eq!(add(&two, &mut held, "5", "a").await, "5", "{model}");
        convert(&two, &mut held, "in-client").await;
        assert_eq!(add(&three, &mut held, "10", "b").await, "15", "{model}");
        convert(&three, &mut held, "in-edge").await;
        assert_eq!(add(&three, &mut held, "100", "c").await, "115", "{model}");
        for (caller, total) in [(&two, "116"), (&one, "117"), (&three, "118")] {
            assert_eq!(add(caller, &mut held, "1", total).await, total, "{model}");
        }
    }
    nodes.stop().await;
}

#[tokio::test]
async fn envelopes_of_an_earlier_stay_do_not_move_the_session() {
    let (_folder, nodes, one, two, mut held) = one_session(Setup::default(), "none", "in-client").await;
    add(&one, &mut held, "5", "a").await;
    let old = held.clone();
    for model in ["in-edge", "in-client", "in-edge"] {
        convert(&one, &mut held, model).await;
        add(&one, &mut held, "1", model).await;
    }
    // The other node knows nothing of all that.
    let refused = two
        .convert(&mut old.clone(), "external", &[("fogline-client", CLIENT)])
        .await;
    refused.is(400, "bad-envelope");
    assert_eq!(add(&two, &mut held, "1", "b").await, "9");
    nodes.stop().await;
}

#[tokio::test]
async fn a_session_that_came_back_to_its_client_asks_for_its_envelopes() {
    for guard in ["none", "mark"] {
        let (_folder, nodes, one, two, mut held) = one_session(Setup::default(), guard, "in-client").await;
        add(&one, &mut held, "5", "a").await;
        for (round, model) in ["in-edge", "external", "in-function"].into_iter().enumerate() {
            convert(&one, &mut held, model).await;
            convert(&one, &mut held, "in-client").await;
            add(&one, &mut held, "1", &format!("{model} {round}")).await;
            for caller in [&one, &two] {
                let mut without = Held {
                    envelopes: Default::default(),
                    ..held.clone()
                };
                let refused = caller
                    .in_session(&mut without, "functions/peek", "null", &[])
                    .await;
                let got = (refused.status, refused.kind());
                assert_eq!(
                    got,
                    (428, "envelope-missing".to_owned()),
                    "{guard} {model}: {}",
                    refused.text()
                );
                let path = format!("/v1/apps/counter/sessions/{}", held.id);
                let session: Session = caller.send(caller.get(&path)).await.ok().json();
                assert_eq!(
                    session.parts[0].model,
                    ExecutionModel::InClient,
                    "{guard} {model}"
                );
            }
        }
        assert_eq!(add(&two, &mut held, "1", "z").await, "9");
        nodes.stop().await;
    }
}

#[tokio::test]
async fn a_session_is_deleted_wherever_it_is_and_on_its_way() {
    for guard in ["none", "mark"] {
        for model in ["external", "in-edge", "in-function", "in-client"] {
            let (_folder, nodes, one, two, mut held) = one_session(Setup::default(), guard, "in-edge").await;
            add(&one, &mut held, "5", "a").await;
            two.convert(&mut held.clone(), model, &[]).await.ok();
            let path = format!("/v1/apps/counter/sessions/{}", held.id);
            let deleted = two.send(two.http.delete(format!("{}{path}", two.url))).await;
            assert_eq!(deleted.status, 204, "{guard} {model}: {}", deleted.text());
            for caller in [&one, &two] {
                let refused = caller.in_session(&mut held, "functions/add", "1", &[]).await;
                assert_eq!(
                    (refused.status, refused.kind().as_str()),
                    (410, "gone"),
                    "{guard} {model}"
                );
                assert_eq!(
                    caller.send(caller.get(&path)).await.status,
                    410,
                    "{guard} {model}"
                );
            }
            nodes.stop().await;
        }
    }
}

#[tokio::test]
async fn two_networks_with_the_tenants_key_serve_one_session_in_turn() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let setup = Setup {
        keyring: Keyring::generate(),
        ..Setup::default()
    };
    // Nodes of two providers are called the same, and know nothing of each other.
    let networks = [
        Nodes::start(folders[0].path(), setup.clone()).await,
        Nodes::start(folders[1].path(), setup.clone()).await,
    ];
    let callers = [
        Caller::new(networks[0].url("one")),
        Caller::new(networks[1].url("two")),
    ];
    for caller in &callers {
        caller.deploy("counter", str::to_owned).await;
    }
    let mut held = callers[0].session("counter", "in-client").await;
    for total in 1..=6_usize {
        let got = add(&callers[total % 2], &mut held, "1", &total.to_string()).await;
        assert_eq!(got, total.to_string());
    }
    let strangers = tempfile::tempdir().unwrap();
    let stranger = Nodes::start(
        strangers.path(),
        Setup {
            keyring: Keyring::generate(),
            ..setup
        },
    )
    .await;
    let caller = Caller::new(stranger.url("one"));
    caller.deploy("counter", str::to_owned).await;
    let refused = caller.in_session(&mut held, "functions/add", "1", &[]).await;
    refused.is(400, "bad-envelope");
    for network in networks {
        network.stop().await;
    }
    stranger.stop().await;
}

/// R14: deployed under in-edge, where the store decides between them.
#[tokio::test]
async fn a_session_of_steps_that_share_a_state_at_once_does_not_go_to_its_client() {
    let folder = tempfile::tempdir().unwrap();
    let nodes = Nodes::start(folder.path(), Setup::default()).await;
    let (one, two) = (Caller::new(nodes.url("one")), Caller::new(nodes.url("two")));
    let gates = Gated::new(&folder.path().join("gates"));
    let parts = gates.parts(&[("left", &[]), ("right", &[])], &["left", "right"]);
    one.deploy_parts(&parts).await.ok();
    let refused = |answer: super::support::Answer| {
        let text = answer.text();
        assert_eq!(
            (answer.status, answer.kind().as_str()),
            (409, "conflict"),
            "{text}"
        );
        assert!(text.contains("may run at the same time"), "{text}");
    };
    let create = two.post("/v1/apps/gated/sessions");
    refused(two.send(create.body("{\"model\": \"in-client\"}")).await);
    let mut held = one.session("gated", "in-edge").await;
    refused(
        two.convert(&mut held, "in-client", &[("fogline-client", CLIENT)])
            .await,
    );
    refused(two.convert(&mut held, "in-client", &[]).await);
    let session: Session = two.send(two.get(&path(&held))).await.ok().json();
    assert_eq!(session.parts[0].model, ExecutionModel::InEdge);
    // What has no such steps goes where it is wanted.
    let ordered = gates.parts(&[("left", &[]), ("right", &["left"])], &["left", "right"]);
    one.deploy_parts(&ordered).await.ok();
    two.convert(&mut held, "in-client", &[("fogline-client", CLIENT)])
        .await
        .ok();
    nodes.stop().await;
}

/// A move away from a client who keeps its session by itself stops half-way, because the cloud does not answer.
async fn stopped_half_way(nodes: &mut Nodes, one: &Caller, held: &mut Held) {
    nodes.stop_node("cloud").await;
    let stopped = one.convert(held, "external", &[("fogline-client", CLIENT)]).await;
    stopped.is(503, "unavailable");
    nodes.start_node("cloud").await;
}

/// R9: the record of a move that was begun does not refuse the very envelopes that it is to be finished with.
#[tokio::test]
async fn a_move_away_from_a_client_is_finished_by_a_node_that_has_not_begun_it() {
    for convert_again in [true, false] {
        let (_folder, mut nodes, one, _, mut held) = one_session(Setup::default(), "none", "in-client").await;
        add(&one, &mut held, "5", "a").await;
        for model in ["in-edge", "in-client"] {
            convert(&one, &mut held, model).await;
        }
        assert_eq!(add(&one, &mut held, "1", "b").await, "6");
        stopped_half_way(&mut nodes, &one, &mut held).await;
        let two = Caller::new(nodes.url("two"));
        if convert_again {
            convert(&two, &mut held, "external").await;
        }
        assert_eq!(
            add(&two, &mut held, "1", "c").await,
            "7",
            "again: {convert_again}"
        );
        held.envelopes.clear();
        assert_eq!(add(&one, &mut held, "1", "d").await, "8", "it is in the cloud");
        nodes.stop().await;
    }
}

/// What a client has been acknowledged between two tries to move its session goes with it.
#[tokio::test]
async fn a_move_away_from_a_client_that_is_tried_again_takes_what_was_written_meanwhile() {
    for restarted in [false, true] {
        let (_folder, mut nodes, one, _, mut held) = one_session(Setup::default(), "none", "in-client").await;
        stopped_half_way(&mut nodes, &one, &mut held).await;
        if restarted {
            // It then knows nothing of the move, and asks no record about a session that was always with its client.
            nodes.stop_node("one").await;
            nodes.start_node("one").await;
        }
        let one = Caller::new(nodes.url("one"));
        assert_eq!(add(&one, &mut held, "5", "a").await, "5");
        if restarted {
            convert(&one, &mut held, "external").await;
        }
        // Else whoever met the move has finished it.
        held.envelopes.clear();
        assert_eq!(
            add(&one, &mut held, "1", "b").await,
            "6",
            "restarted: {restarted}"
        );
        nodes.stop().await;
    }
}

/// R9: a home that was not heard to let go of a session is asked to until it has.
#[tokio::test]
async fn old_states_are_not_handed_out_by_a_home_that_was_not_heard_to_let_go_of_them() {
    static LEFT: AtomicU64 = AtomicU64::new(0);
    let setup = Setup {
        meddling: Meddling::Unclosed(&LEFT),
        ..Setup::default()
    };
    let (_folder, mut nodes, one, two, mut held) = one_session(setup, "none", "in-edge").await;
    add(&one, &mut held, "5", "a").await;
    convert(&one, &mut held, "in-client").await;
    LEFT.store(1, Ordering::Relaxed);
    assert_eq!(add(&two, &mut held, "1", "b").await, "6");
    assert_eq!(LEFT.load(Ordering::Relaxed), 0, "it was not heard");
    convert(&two, &mut held, "external").await;
    assert_eq!(add(&two, &mut held, "1", "c").await, "7");
    nodes.stop_node("one").await;
    nodes.start_node("one").await;
    let one = Caller::new(nodes.url("one"));
    assert_eq!(add(&one, &mut held, "1", "d").await, "8");
    nodes.stop().await;
}

/// R5: the reply of a session that is on its way to its client is still there, however large it is.
#[tokio::test]
async fn a_large_reply_is_found_while_its_session_waits_for_its_client() {
    for model in ["in-function", "in-edge"] {
        let folder = tempfile::tempdir().unwrap();
        let nodes = Nodes::start(folder.path(), Setup::default()).await;
        let (one, two) = (Caller::new(nodes.url("one")), Caller::new(nodes.url("two")));
        kept::deploy(&one).await;
        let mut held = one.session("kept", model).await;
        let append = format!("a{}", "x".repeat(2000));
        let key = [("idempotency-key", "once")];
        let first = one
            .in_session(&mut held, "functions/f", append.clone(), &key)
            .await
            .ok();
        assert_eq!(first.body.len(), 2000);
        convert(&two, &mut held.clone(), "in-client").await;
        for caller in [&one, &two] {
            let again = caller
                .in_session(&mut held.clone(), "functions/f", append.clone(), &key)
                .await
                .ok();
            assert_eq!(again.body, first.body, "{model}");
            assert_eq!(again.header("fogline-replayed"), "true", "{model}");
        }
        nodes.stop().await;
    }
}
