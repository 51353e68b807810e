//! The ends of applications, and what a node takes at once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fogline_core::model::{AppName, Birth, CommitId, ExecutionModel, SessionId, TenantName, Timestamp};
use fogline_core::session::{Commit, Content, Entry, Expect, Head, RecordKey, Status};
use fogline_node::Limits;
use fogline_protocol::api::{Logs, Session, Sessions};
use fogline_protocol::multipart::Part;
use fogline_state::{Committed, EmbeddedOptions, EmbeddedStore, RedisOptions, RedisStore, Store};

use super::rules::{STORED, path, two_callers};
use super::support::{
    CLIENT, Caller, Gate, Held, Meddling, Nodes, Server, Setup, deadline, now, package, with_guard,
};

const ALL: [&str; 3] = ["one", "two", "cloud"];

/// How many records of counter's sessions, and of runs, a node that does not run has on its disk.
async fn left(folder: &Path, node: &str) -> (usize, usize) {
    let path = folder.join(node).join("store.redb");
    let store = EmbeddedStore::open(&path, &EmbeddedOptions::default()).unwrap();
    let (tenant, app): (TenantName, AppName) = ("local".parse().unwrap(), "counter".parse().unwrap());
    let sessions = store.list(&tenant, &app, None, 1000).await.unwrap();
    (sessions.len(), store.meta_list("runs", None, 1000).unwrap().len())
}

async fn stop_all(nodes: &mut Nodes) {
    for node in ALL {
        nodes.stop_node(node).await;
    }
}

async fn start_all(nodes: &mut Nodes) {
    for node in ALL {
        nodes.start_node(node).await;
    }
}

async fn sessions(caller: &Caller) -> Sessions {
    let request = caller.get("/v1/apps/counter/sessions");
    let request = request.header("fogline-timeout-ms", "6000");
    caller.send(request).await.ok().json()
}

/// The status, and the nodes that have not heard of it.
async fn delete(caller: &Caller) -> (u16, String) {
    let url = format!("{}/v1/apps/counter", caller.url);
    let answer = caller.send(caller.http.delete(url)).await;
    (answer.status, answer.header("fogline-pending").to_owned())
}

#[tokio::test]
async fn a_deleted_application_leaves_nothing_of_its_sessions_anywhere() {
    let (folder, mut nodes, one, two) = two_callers(Setup::sweeping()).await;
    one.deploy("counter", str::to_owned).await;
    for caller in [&one, &two] {
        for model in STORED {
            let mut held = caller.session("counter", model).await;
            caller.in_session(&mut held, "functions/add", "1", &[]).await.ok();
            let key = [("idempotency-key", "run")];
            caller.in_session(&mut held, "runs", "1", &key).await.ok();
        }
    }
    // One node cannot be told now, and hears of it when it is back.
    nodes.stop_node("two").await;
    assert_eq!(left(folder.path(), "two").await, (2, 3));
    assert_eq!(delete(&one).await, (204, "two".to_owned()));
    assert_eq!(one.send(one.get("/v1/apps/counter")).await.status, 404);
    nodes.start_node("two").await;
    let two = Caller::new(nodes.url("two"));
    let end = deadline();
    while two.send(two.get("/v1/apps/counter")).await.status != 404 {
        assert!(Instant::now() < end, "two is not told");
        tokio::task::yield_now().await;
    }
    loop {
        // Whatever is not done when they stop they do when they start.
        stop_all(&mut nodes).await;
        let mut records = Vec::new();
        for node in ALL {
            records.push(left(folder.path(), node).await);
        }
        start_all(&mut nodes).await;
        if records == [(0, 0); 3] {
            break;
        }
        assert!(Instant::now() < end, "{records:?}");
    }
    let one = Caller::new(nodes.url("one"));
    one.deploy("counter", str::to_owned).await;
    assert_eq!(sessions(&one).await.sessions, []);
    let mut held = one.session("counter", "external").await;
    for total in 1..=3 {
        let added = one.in_session(&mut held, "functions/add", "1", &[]).await.ok();
        assert_eq!(
            added.text(),
            total.to_string(),
            "the new application's sessions stay"
        );
        nodes.stop_node("two").await;
        nodes.start_node("two").await;
    }
    nodes.stop().await;
}

/// The example in Python, each execution of which writes 1 MiB of lines to the log, the last of them its input.
fn talkative() -> Vec<Part> {
    let lines = "[{\"level\": \"info\", \"message\": \"x\" * 4096}] * 255 + [{\"level\": \"info\", \"message\": text}]";
    let parts = package("process-python", str::to_owned).into_iter().map(|part| {
        if part.name != "app.py" {
            return part;
        }
        let code = String::from_utf8(part.bytes.to_vec()).unwrap();
        let logs = "[{\"level\": \"debug\", \"message\": f\"{len(words)} different words\"}]";
        assert!(code.contains(logs));
        Part::new("app.py", code.replace(logs, lines))
    });
    parts.collect()
}

#[tokio::test]
async fn a_log_is_answered_as_far_as_it_goes_and_ends_with_its_application() {
    let (_folder, nodes, one, two) = two_callers(Setup::default()).await;
    let log = async |caller: &Caller, after: u64| -> (usize, Logs) {
        let path = format!("/v1/apps/words/logs?after={after}");
        let answer = caller.send(caller.get(&path)).await.ok();
        (answer.body.len(), answer.json())
    };
    let mut last = [0; 2];
    for round in 1..=2 {
        one.deploy_parts(&talkative()).await.ok();
        for (caller, last) in [&one, &two].into_iter().zip(&mut last) {
            let (_, empty) = log(caller, 0).await;
            assert!(empty.lines.is_empty(), "round {round}");
            let mut held = caller.session("words", "in-function").await;
            for said in 0..10 {
                let said = format!("said-{said}");
                caller
                    .in_session(&mut held, "functions/count", said, &[])
                    .await
                    .ok();
            }
            let (bytes, newest) = log(caller, 0).await;
            assert!((7 << 20..=9 << 20).contains(&bytes), "{bytes}");
            assert_eq!(newest.lines.last().unwrap().message, "said-9");
            // Whoever has followed the log of the deleted application misses nothing of this one.
            if round > 1 {
                assert_eq!(newest.next, *last + 10 * 256);
            }
            let (_, later) = log(caller, newest.next - 3).await;
            assert_eq!(later.lines, newest.lines[newest.lines.len() - 3..]);
            *last = newest.next;
        }
        let path = format!("{}/v1/apps/words", one.url);
        one.send(one.http.delete(path)).await.ok();
    }
    nodes.stop().await;
}

#[tokio::test]
async fn a_deletion_that_another_node_has_not_heard_of_can_be_asked_for_again() {
    let (_folder, mut nodes, one, _) = two_callers(Setup::default()).await;
    one.deploy("counter", str::to_owned).await;
    nodes.stop_node("two").await;
    assert_eq!(delete(&one).await, (204, "two".to_owned()));
    nodes.start_node("two").await;
    let two = Caller::new(nodes.url("two"));
    let end = deadline();
    // It may notice first that its connection is lost.
    while delete(&one).await != (204, String::new()) {
        assert!(Instant::now() < end, "two is not told");
    }
    assert_eq!(two.send(two.get("/v1/apps/counter")).await.status, 404);
    nodes.stop().await;
}

#[tokio::test]
async fn sessions_are_listed_without_the_nodes_that_do_not_answer_and_these_are_named() {
    let (_folder, mut nodes, one, two) = two_callers(Setup::default()).await;
    one.deploy("counter", str::to_owned).await;
    let [here, there] = [
        one.session("counter", "in-edge").await,
        two.session("counter", "in-edge").await,
    ];
    let cloud = one.session("counter", "external").await;
    let ids = |listed: &Sessions| {
        let ids = listed.sessions.iter().map(|session| session.session.to_string());
        ids.collect::<BTreeSet<_>>()
    };
    let all = sessions(&one).await;
    assert_eq!(ids(&all), [here.id.clone(), there.id, cloud.id.clone()].into());
    assert!(all.unreachable.is_empty());
    nodes.stop_node("two").await;
    let some = sessions(&one).await;
    assert_eq!(ids(&some), [here.id.clone(), cloud.id].into());
    assert_eq!(some.unreachable, ["two"]);
    nodes.stop_node("cloud").await;
    let few = sessions(&one).await;
    assert_eq!(ids(&few), [here.id].into());
    assert_eq!(few.unreachable, ["external", "two", "cloud"]);
    nodes.stop().await;
}

/// Puts sessions under in-edge into the store of a node that does not run, every sixth of them with 100 KiB of states.
async fn fill(folder: &Path, node: &str, app: &AppName, sessions: u16) {
    let path = folder.join(node).join("store.redb");
    let store = EmbeddedStore::open(&path, &EmbeddedOptions::default()).unwrap();
    let making = (0..sessions).map(async |number| {
        let mut random = [0; 16];
        random[..2].copy_from_slice(&number.to_be_bytes());
        let session = SessionId::mint(node.parse().unwrap(), vec![Birth::InEdge], random).unwrap();
        let mut head = Head::new(CommitId(random), now().after(Duration::from_secs(3600)));
        let (commit, content) = (head.commit, Content::Inline(vec![7; 4096].into()));
        for state in 0..if number % 6 == 0 { 25 } else { 0 } {
            let entry = Entry {
                schema: 1,
                commit,
                version: 0,
                content: content.clone(),
            };
            head.states
                .insert(format!("state-{state}").parse().unwrap(), entry);
        }
        let key = RecordKey {
            tenant: "local".parse().unwrap(),
            app: app.clone(),
            model: ExecutionModel::InEdge,
            session,
            part: Birth::InEdge,
        };
        let birth = Commit {
            expect: Expect::Absent,
            head,
            blobs: BTreeMap::new(),
        };
        assert_eq!(store.commit(&key, birth).await.unwrap(), Committed::Done);
    });
    futures_util::future::join_all(making).await;
}

/// Neither their keys nor their heads go into one message between nodes.
#[tokio::test]
async fn more_sessions_than_a_message_holds_are_listed_at_another_node() {
    let name = format!("counter-{}", "x".repeat(50));
    let (folder, mut nodes, one, _) = two_callers(Setup::default()).await;
    let named = format!("name = \"{name}\"");
    one.deploy("counter", |manifest| {
        manifest.replacen("name = \"counter\"", &named, 1)
    })
    .await;
    nodes.stop_node("two").await;
    fill(folder.path(), "two", &name.parse().unwrap(), 1200).await;
    nodes.start_node("two").await;
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = format!("/v1/apps/{name}/sessions?limit=1000{after}");
        let page: Sessions = one.send(one.get(&page)).await.ok().json();
        assert!(page.unreachable.is_empty(), "{:?}", page.unreachable);
        seen.extend(page.sessions.iter().map(|session| session.session.to_string()));
        let Some(next) = page.next else { break };
        after = format!("&after={next}");
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 1200);
    nodes.stop().await;
}

#[tokio::test]
async fn an_application_above_the_limit_is_refused_and_all_below_it_are_there_after_a_restart() {
    let setup = Setup {
        limits: Limits {
            apps: 2,
            ..Limits::default()
        },
        ..Setup::default()
    };
    let (_folder, mut nodes, one, _) = two_callers(setup).await;
    for example in ["counter", "basket", "counter"] {
        one.deploy(example, str::to_owned).await;
    }
    let refused = one.deploy_parts(&package("faults", str::to_owned)).await;
    refused.is(422, "not-deployable");
    nodes.stop_node("one").await;
    nodes.start_node("one").await;
    let one = Caller::new(nodes.url("one"));
    for app in ["counter", "basket"] {
        one.send(one.get(&format!("/v1/apps/{app}"))).await.ok();
    }
    assert_eq!(delete(&one).await, (204, String::new()));
    one.deploy("faults", str::to_owned).await;
    nodes.stop().await;
}

async fn version(caller: &Caller, held: &Held, part: usize) -> u64 {
    let session: Session = caller.send(caller.get(&path(held))).await.ok().json();
    session.parts[part].version
}

/// R20: of a session whose versions are marked the record ends, and no envelope.
#[tokio::test]
async fn a_marked_session_that_is_only_read_lives_on_with_its_record() {
    let setup = Setup {
        meddling: Meddling::Waning,
        ..Setup::default()
    };
    let (_folder, nodes, one, two) = two_callers(setup).await;
    one.deploy("counter", with_guard("mark")).await;
    let mut held = one.session("counter", "in-client").await;
    one.in_session(&mut held, "functions/add", "7", &[]).await.ok();
    let before = version(&one, &held, 0).await;
    let read = two.in_session(&mut held, "functions/peek", "null", &[]).await;
    assert_eq!(read.ok().text(), "7");
    assert_eq!(version(&one, &held, 0).await, before + 1, "its end was moved");
    let added = two.in_session(&mut held, "functions/add", "1", &[]).await.ok();
    assert_eq!(added.text(), "8");
    nodes.stop().await;
}

/// R20: who reads a session prolongs it, now and then, and changes nothing else.
#[tokio::test]
async fn a_session_that_is_only_read_lives_on() {
    for (meddling, commits) in [(Meddling::None, 0), (Meddling::Waning, 1)] {
        let setup = Setup {
            meddling,
            ..Setup::default()
        };
        let (_folder, mut nodes, one, _) = two_callers(setup).await;
        one.deploy("counter", str::to_owned).await;
        let mut all = Vec::new();
        for model in STORED {
            let mut held = one.session("counter", model).await;
            one.in_session(&mut held, "functions/add", "7", &[]).await.ok();
            all.push((model, held));
        }
        // What an owner has in memory it finds in its store again.
        for node in ["one", "two"] {
            nodes.stop_node(node).await;
            nodes.start_node(node).await;
        }
        let (one, two) = (Caller::new(nodes.url("one")), Caller::new(nodes.url("two")));
        for (model, mut held) in all {
            let before = version(&one, &held, 0).await;
            let read = two
                .in_session(&mut held, "functions/peek", "null", &[])
                .await
                .ok();
            assert_eq!(read.text(), "7", "{model}");
            assert_eq!(
                version(&one, &held, 0).await,
                before + commits,
                "{model} {meddling:?}"
            );
            let listed = sessions(&one).await.sessions;
            let it = listed
                .iter()
                .find(|session| session.session.to_string() == held.id)
                .unwrap();
            let left = it.parts[0].expires_unix_ms.unwrap().since(now());
            assert!(left > Duration::from_secs(600), "{model}: {left:?}");
            let added = two.in_session(&mut held, "functions/add", "1", &[]).await.ok();
            assert_eq!(added.text(), "8", "{model}");
        }
        nodes.stop().await;
    }
}

/// R20: what its owner has used since it was stored lives on, whatever the store says.
#[tokio::test]
async fn a_session_that_is_in_use_in_its_owners_memory_is_not_swept() {
    static OLD: AtomicBool = AtomicBool::new(false);
    let setup = Setup {
        meddling: Meddling::OldInLists(&OLD),
        ..Setup::sweeping()
    };
    let (_folder, nodes, one, two) = two_callers(setup).await;
    one.deploy("counter", str::to_owned).await;
    let mut used = Vec::new();
    for caller in [&one, &two] {
        let mut held = caller.session("counter", "in-function").await;
        caller.in_session(&mut held, "functions/add", "1", &[]).await.ok();
        used.push(held);
    }
    OLD.store(true, Ordering::Relaxed);
    // Twice, so that the sweep that removes the second one began after the first one was gone.
    for _ in 0..2 {
        for caller in [&one, &two] {
            let old = caller.session("counter", "in-edge").await;
            let end = deadline();
            while caller.send(caller.get(&path(&old))).await.status != 404 {
                assert!(Instant::now() < end, "nothing is swept");
            }
        }
    }
    for mut held in used {
        let added = one.in_session(&mut held, "functions/add", "1", &[]).await.ok();
        assert_eq!(added.text(), "2");
    }
    nodes.stop().await;
}

/// R20: what was acknowledged before the end of a session is not lost by its end.
#[tokio::test]
async fn a_session_that_is_used_after_it_was_found_expired_is_not_swept() {
    static SWEEP: Gate = Gate::new();
    let setup = Setup {
        names: vec!["one"],
        meddling: Meddling::StaleLists(&SWEEP),
        ..Setup::sweeping()
    };
    let folder = tempfile::tempdir().unwrap();
    let nodes = Nodes::start(folder.path(), setup).await;
    let one = Caller::new(nodes.url("one"));
    one.deploy("counter", str::to_owned).await;
    let mut used = Vec::new();
    for model in STORED {
        used.push((model, one.session("counter", model).await));
    }
    let unused = one.session("counter", "in-edge").await;
    SWEEP.shut();
    SWEEP.come().await;
    for (model, held) in &mut used {
        let added = one.in_session(held, "functions/add", "1", &[]).await.ok();
        assert_eq!(added.text(), "1", "{model}");
    }
    SWEEP.shut();
    SWEEP.let_in();
    // The next sweep has begun.
    SWEEP.come().await;
    for (model, held) in &mut used {
        let added = one.in_session(held, "functions/add", "1", &[]).await.ok();
        assert_eq!(added.text(), "2", "{model}");
    }
    assert_eq!(one.send(one.get(&path(&unused))).await.status, 404);
    nodes.stop().await;
}

#[tokio::test]
async fn a_node_that_does_not_answer_keeps_nothing_from_being_swept_elsewhere() {
    static SILENCE: Gate = Gate::new();
    let setup = Setup {
        meddling: Meddling::Silent(&SILENCE),
        ..Setup::sweeping()
    };
    let (_folder, nodes, one, _) = two_callers(setup).await;
    one.deploy("counter", str::to_owned).await;
    let mut moved = loop {
        // Unless it is swept before it has moved.
        let held = one.session("counter", "in-edge").await;
        let migrate = one.post(&format!("{}/migrate", path(&held)));
        if one.send(migrate.body("{\"node\": \"two\"}")).await.status == 200 {
            break held;
        }
    };
    SILENCE.shut();
    SILENCE.come().await;
    let old = one.session("counter", "in-edge").await;
    let end = deadline();
    while one.send(one.get(&path(&old))).await.status != 404 {
        assert!(Instant::now() < end, "nothing is swept");
    }
    SILENCE.let_in();
    let added = one.in_session(&mut moved, "functions/add", "1", &[]).await.ok();
    assert_eq!(added.text(), "1");
    nodes.stop().await;
}

/// R15 and R20: also of a part that is read beside the one that is written.
#[tokio::test]
async fn a_part_that_is_only_read_beside_another_lives_on() {
    for model in ["external", "in-function"] {
        let setup = Setup {
            meddling: Meddling::Waning,
            ..Setup::default()
        };
        let (_folder, mut nodes, one, _) = two_callers(setup).await;
        let rate = format!("[states.rate]\nmodel = \"{model}\"\n\n[functions.add]\nreads = [\"rate\"]");
        one.deploy("counter", |manifest| {
            manifest.replacen("[functions.add]", &rate, 1)
        })
        .await;
        let mut held = one.session("counter", "in-edge").await;
        let state = format!("{}{}/states/rate", one.url, path(&held));
        one.send(one.http.put(state).body("3")).await.ok();
        for node in ["one", "two"] {
            nodes.stop_node(node).await;
            nodes.start_node(node).await;
        }
        for (at, node) in ["two", "one"].into_iter().enumerate() {
            let caller = Caller::new(nodes.url(node));
            let before = version(&caller, &held, 1).await;
            caller.in_session(&mut held, "functions/add", "1", &[]).await.ok();
            // Its owner has it in memory since, where it has a month.
            let commits = u64::from(model == "external" || at == 0);
            assert_eq!(
                version(&caller, &held, 1).await,
                before + commits,
                "{model} {node}"
            );
        }
        nodes.stop().await;
    }
}

#[tokio::test]
async fn a_deletion_that_loses_every_race_is_not_acknowledged() {
    let setup = Setup {
        meddling: Meddling::Undeletable,
        ..Setup::default()
    };
    let (_folder, nodes, one, _) = two_callers(setup).await;
    one.deploy("counter", str::to_owned).await;
    for model in ["external", "in-edge"] {
        let mut held = one.session("counter", model).await;
        let url = format!("{}{}", one.url, path(&held));
        let refused = one.send(one.http.delete(url)).await;
        assert_eq!(
            (refused.status, refused.kind().as_str()),
            (429, "overloaded"),
            "{model}"
        );
        let added = one.in_session(&mut held, "functions/add", "1", &[]).await.ok();
        assert_eq!(added.text(), "1", "{model}");
    }
    nodes.stop().await;
}

/// One more request than a queue takes: one is refused, and told when to come again.
async fn one_too_many(limits: Limits, stateful: bool, requests: usize) {
    let setup = Setup {
        names: vec!["one"],
        slots: 1,
        limits,
        ..Setup::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let nodes = Nodes::start(folder.path(), setup).await;
    let one = Caller::new(nodes.url("one"));
    one.deploy("faults", |manifest| {
        let slow = "limits = { time = \"2 s\" }\nwrites = [\"own\"]";
        let manifest = manifest.replace("limits = { time = \"200 ms\" }", slow);
        if stateful {
            manifest
        } else {
            manifest.replace("\nwrites = [\"own\"]", "")
        }
    })
    .await;
    let path = match stateful {
        true => format!(
            "{}/functions/endless-loop",
            path(&one.session("faults", "in-function").await)
        ),
        false => "/v1/apps/faults/functions/endless-loop".to_owned(),
    };
    let asking = (0..requests).map(|_| one.send(one.post(&path)));
    let mut answers = futures_util::future::join_all(asking).await;
    answers.sort_by_key(|answer| answer.status);
    let (refused, executed) = answers.split_first().unwrap();
    refused.is(429, "overloaded");
    assert_eq!(refused.header("retry-after"), "1");
    for answer in executed {
        answer.is(502, "function-limit");
    }
    nodes.stop().await;
}

#[tokio::test]
async fn a_full_waiting_room_of_a_node_says_when_to_come_again() {
    let limits = Limits {
        waiting: 1,
        ..Limits::default()
    };
    one_too_many(limits, false, 3).await;
}

#[tokio::test]
async fn a_full_queue_of_a_session_says_when_to_come_again() {
    let limits = Limits {
        session_queue: 2,
        ..Limits::default()
    };
    one_too_many(limits, true, 3).await;
}

/// The clock of the node that keeps the session is an hour ahead: what its caller waits is told by how long, not until when.
#[tokio::test]
async fn nodes_whose_clocks_are_apart_execute_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut nodes = Nodes::start(folder.path(), Setup::default()).await;
    let two = Caller::new(nodes.url("two"));
    two.deploy("process-python", str::to_owned).await;
    nodes.stop_node("two").await;
    let store = EmbeddedStore::open(&folder.path().join("two/store.redb"), &EmbeddedOptions::default());
    let ahead = now().after(Duration::from_secs(3600)).0.to_be_bytes().to_vec();
    let set = store.unwrap();
    set.meta_put("clock", b"floor-unix-ms", ahead.into())
        .await
        .unwrap();
    drop(set);
    nodes.start_node("two").await;
    let (one, two) = (Caller::new(nodes.url("one")), Caller::new(nodes.url("two")));
    for model in ["in-edge", "in-function"] {
        let mut held = two.session("words", model).await;
        assert!(held.id.starts_with("two_"), "{}", held.id);
        let counted = one.in_session(&mut held, "functions/count", "word", &[]).await;
        assert_eq!(counted.ok().text(), "{\"word\": 1}", "{model}");
        for (by, words) in [("node", "{\"word\": 2}"), ("hops", "{\"word\": 3}")] {
            let by = [("fogline-run-by", by)];
            let ran = one.in_session(&mut held, "runs", "word", &by).await;
            assert_eq!(ran.ok().text(), words, "{model}");
        }
    }
    nodes.stop().await;
}

/// R20: what a session has left in Redis goes when nobody can need it any more, and leads to it for as long as it lives.
#[tokio::test]
async fn what_a_session_leaves_in_redis_ends_with_it() {
    let Some(server) = Server::start(&[]) else { return };
    let options = RedisOptions::new(server.url());
    let redis = RedisStore::connect(&options).await.unwrap();
    let setup = Setup {
        redis: Some(options),
        ..Setup::sweeping()
    };
    let (_folder, mut nodes, one, _) = two_callers(setup).await;
    one.deploy("counter", str::to_owned).await;
    let none = BTreeSet::new();
    // Moved to a node, and asked for by a client that does not come again.
    let mut records = Vec::new();
    for model in ["in-edge", "in-client"] {
        let mut held = one.session("counter", "external").await;
        one.in_session(&mut held, "functions/add", "7", &[]).await.ok();
        one.convert(&mut held, model, &[("fogline-client", CLIENT)])
            .await
            .ok();
        let key = RecordKey {
            tenant: "local".parse().unwrap(),
            app: "counter".parse().unwrap(),
            model: ExecutionModel::External,
            session: held.id.parse().unwrap(),
            part: Birth::External,
        };
        let mut head = redis.load(&key, &none).await.unwrap().unwrap().head;
        let expect = Expect::Commit(head.commit);
        // Its time is over, as far as Redis knows.
        (head.expires, head.commit) = (Timestamp(1), CommitId([7; 16]));
        let blobs = BTreeMap::new();
        let aged = Commit { expect, head, blobs };
        assert_eq!(redis.commit(&key, aged).await.unwrap(), Committed::Done);
        records.push((key, held));
    }
    let end = deadline();
    let status = async |at: usize| {
        let found = redis.load(&records[at].0, &none).await.unwrap();
        found.map(|found| (found.head.status, found.head.expires))
    };
    // It goes within the hour in which such sessions are known to have ended.
    while !matches!(status(1).await, Some((Status::Deleted, _))) {
        assert!(Instant::now() < end, "{:?}", status(1).await);
    }
    while !matches!(status(0).await, Some((Status::Moved(_), expires)) if expires > now()) {
        assert!(Instant::now() < end, "{:?}", status(0).await);
    }
    // Nodes that know nothing of its move find it.
    for node in ["one", "two"] {
        nodes.stop_node(node).await;
        nodes.start_node(node).await;
    }
    let two = Caller::new(nodes.url("two"));
    let mut held = records.swap_remove(0).1;
    let added = two.in_session(&mut held, "functions/add", "1", &[]).await.ok();
    assert_eq!(added.text(), "8");
    nodes.stop().await;
}
