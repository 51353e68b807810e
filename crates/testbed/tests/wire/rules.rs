//! The rules of the record as callers meet them. docs/src/rules.md lists them, with the tests of the machines.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fogline_core::model::{AppName, Birth, CommitId, SessionId, Timestamp};
use fogline_core::session::Head;
use fogline_protocol::api::{Session, Sessions};
use fogline_state::seal::{Opened, Scope, Sealer, assemble};

use super::support::{CLIENT, Caller, Held, Meddling, Nodes, Setup, now, package, with_guard};

pub(crate) const STORED: [&str; 3] = ["external", "in-edge", "in-function"];
pub(crate) const MODELS: [&str; 4] = ["external", "in-edge", "in-function", "in-client"];

pub(crate) async fn two_callers(setup: Setup) -> (tempfile::TempDir, Nodes, Caller, Caller) {
    let folder = tempfile::tempdir().unwrap();
    let nodes = Nodes::start(folder.path(), setup).await;
    let (one, two) = (Caller::new(nodes.url("one")), Caller::new(nodes.url("two")));
    (folder, nodes, one, two)
}

pub(crate) fn path(held: &Held) -> String {
    format!("/v1/apps/{}/sessions/{}", held.app, held.id)
}

/// R1: whoever reads after a write was acknowledged sees it, at whichever node.
#[tokio::test]
async fn an_acknowledged_update_is_seen_by_the_next_reader_at_any_node() {
    let (_folder, nodes, one, two) = two_callers(Setup::default()).await;
    one.deploy("counter", str::to_owned).await;
    for model in STORED {
        let mut held = one.session("counter", model).await;
        for total in 1..=20_u32 {
            let (writer, reader) = if total % 2 == 0 {
                (&one, &two)
            } else {
                (&two, &one)
            };
            writer.in_session(&mut held, "functions/add", "1", &[]).await.ok();
            let read = reader
                .in_session(&mut held, "functions/peek", "null", &[])
                .await
                .ok();
            assert_eq!(read.text(), total.to_string(), "{model}");
        }
    }
    nodes.stop().await;
}

/// R2 and R5: a key or number is executed once, is of one request, and expires below its window.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, told once")]
async fn a_name_is_executed_once_and_belongs_to_one_request() {
    let (_folder, nodes, one, two) = two_callers(Setup::default()).await;
    one.deploy("counter", with_guard("mark")).await;
    for model in MODELS {
        let mut held = one.session("counter", model).await;
        let opaque = [("idempotency-key", "a key")];
        let first = one
            .in_session(&mut held, "functions/add", "5", &opaque)
            .await
            .ok();
        let again = two
            .in_session(&mut held, "functions/add", "5", &opaque)
            .await
            .ok();
        assert_eq!(
            (first.text(), again.text()),
            ("5".to_owned(), "5".to_owned()),
            "{model}"
        );
        assert_eq!(
            (first.header("fogline-replayed"), again.header("fogline-replayed")),
            ("", "true"),
            "{model}"
        );
        let other = two.in_session(&mut held, "functions/add", "6", &opaque).await;
        assert_eq!(
            (other.status, other.kind().as_str()),
            (422, "key-reused"),
            "{model}"
        );
        let other = one.in_session(&mut held, "functions/peek", "5", &opaque).await;
        assert_eq!(other.status, 422, "{model}: another function");
        let client = "ffeeddccbbaa99887766554433221100";
        let number = |number| [("fogline-client", client), ("fogline-sequence", number)];
        // Once it says who it is, what it holds is its own. By its envelopes it shows which replies it had.
        let mut held = one.session("counter", model).await;
        let all = [
            ("1", "1"),
            ("2", "2"),
            ("2", "2"),
            ("1", "1"),
            ("40", "3"),
            ("9", "4"),
            ("40", "3"),
        ];
        let sent = if model == "in-client" { &all[..3] } else { &all[..] };
        for (at, expected) in sent.iter().copied() {
            let answer = two.in_session(&mut held, "functions/add", "1", &number(at)).await;
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (200, expected),
                "{model} {at}"
            );
        }
        if model == "in-client" {
            two.in_session(&mut held, "functions/add", "1", &number("3"))
                .await
                .ok();
        }
        let below = if model == "in-client" {
            &["1"][..]
        } else {
            &["1", "8"]
        };
        for below in below.iter().copied() {
            let expired = one
                .in_session(&mut held, "functions/add", "1", &number(below))
                .await;
            assert_eq!(
                (expired.status, expired.kind().as_str()),
                (409, "reply-expired"),
                "{model} {below}"
            );
        }
    }
    nodes.stop().await;
}

/// R3: only an explicit create makes a session.
#[tokio::test]
async fn a_session_that_nobody_created_is_not_found_and_a_deleted_one_is_gone() {
    let (_folder, nodes, one, two) = two_callers(Setup::default()).await;
    one.deploy("counter", str::to_owned).await;
    for model in STORED {
        let mut held = one.session("counter", model).await;
        let (head, random) = held.id.rsplit_once('_').unwrap();
        let other = random
            .chars()
            .map(|it| if it == 'a' { 'b' } else { 'a' })
            .take(25)
            .collect::<String>();
        let mut never = Held {
            id: format!("{head}_{other}a"),
            ..held.clone()
        };
        for function in ["functions/add", "functions/peek"] {
            let missing = two.in_session(&mut never, function, "1", &[]).await;
            let got = (missing.status, missing.kind());
            assert_eq!(got, (404, "not-found".to_owned()), "{model} {function}");
        }
        one.send(one.http.delete(format!("{}{}", one.url, path(&held))))
            .await
            .ok();
        let gone = two.in_session(&mut held, "functions/add", "1", &[]).await;
        assert_eq!((gone.status, gone.kind().as_str()), (410, "gone"), "{model}");
    }
    nodes.stop().await;
}

/// R4: however many write at once, each is executed on what the one before it left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_at_once_at_two_nodes_all_commit_once() {
    let (_folder, nodes, one, two) = two_callers(Setup::default()).await;
    one.deploy("counter", str::to_owned).await;
    for model in STORED {
        let held = one.session("counter", model).await;
        let requests = (0..40).map(|at| {
            let (caller, mut held) = (if at % 2 == 0 { &one } else { &two }, held.clone());
            async move {
                caller
                    .in_session(&mut held, "functions/add", "1", &[])
                    .await
                    .ok()
                    .text()
            }
        });
        let totals = futures_util::future::join_all(requests).await;
        let totals: BTreeSet<u32> = totals.iter().map(|total| total.parse().unwrap()).collect();
        assert_eq!(totals, (1..=40).collect(), "{model}");
    }
    nodes.stop().await;
}

/// R14: under a mark an envelope is used once; without one its client may fork its session.
#[tokio::test]
async fn a_used_envelope_is_refused_under_a_mark_only() {
    for guard in ["mark", "none"] {
        let (_folder, nodes, one, two) = two_callers(Setup::default()).await;
        one.deploy("counter", with_guard(guard)).await;
        let mut held = one.session("counter", "in-client").await;
        one.in_session(&mut held, "functions/add", "1", &[]).await.ok();
        let mut old = held.clone();
        one.in_session(&mut held, "functions/add", "1", &[]).await.ok();
        let again = two.in_session(&mut old, "functions/add", "1", &[]).await;
        if guard == "mark" {
            again.is(400, "bad-envelope");
            let reason = "was used before: the state was written again since, at version 2";
            assert!(again.text().contains(reason), "{}", again.text());
        } else {
            assert_eq!(again.ok().text(), "2", "it goes on from the first addition");
        }
        nodes.stop().await;
    }
}

/// R20: a client gives a run all that it holds, and each step gets what it declares.
#[tokio::test]
async fn a_step_that_declares_nothing_but_what_has_ended_is_executed_in_a_session_that_is_used() {
    let setup = Setup::default();
    let sealer = Sealer::new("local".parse().unwrap(), setup.keyring.clone());
    let (_folder, nodes, one, _) = two_callers(setup).await;
    one.deploy("sensor", str::to_owned).await;
    let held = one.session("sensor", "in-client").await;
    let mut sealed = Sealed { sealer, held };
    one.in_session(&mut sealed.held, "runs", "20.5", &[]).await.ok();
    sealed.ends("alarms", Timestamp(1));
    one.in_session(&mut sealed.held, "runs", "20.5", &[]).await.ok();
    assert!(sealed.opened()["alarms"].expires > now());
    for state in ["window", "alarms"] {
        sealed.ends(state, Timestamp(1));
    }
    let gone = one.in_session(&mut sealed.held, "runs", "20.5", &[]).await;
    gone.is(410, "gone");
    nodes.stop().await;
}

/// R14: what a client was given by name nobody else may present, whether it was made by a commit or by a move.
#[tokio::test]
async fn envelopes_of_one_client_are_refused_from_another() {
    let (_folder, nodes, one, two) = two_callers(Setup::default()).await;
    one.deploy("counter", str::to_owned).await;
    let other = [("fogline-client", "ffeeddccbbaa99887766554433221100")];
    let mine = [("fogline-client", CLIENT)];
    let mut written = one.session("counter", "in-client").await;
    let mut moved = one.session("counter", "in-edge").await;
    for held in [&mut written, &mut moved] {
        one.in_session(held, "functions/add", "1", &mine).await.ok();
    }
    one.convert(&mut moved, "in-client", &mine).await.ok();
    for held in [&mut written, &mut moved] {
        let stolen = two
            .in_session(&mut held.clone(), "functions/peek", "null", &other)
            .await;
        let got = (stolen.status, stolen.kind());
        assert_eq!(got, (400, "bad-envelope".to_owned()), "{}", stolen.text());
        let added = two.in_session(held, "functions/add", "1", &mine).await.ok();
        assert_eq!(added.text(), "2");
    }
    nodes.stop().await;
}

/// R3: two commits are told apart also where they are of one version.
#[tokio::test]
async fn commits_of_one_version_have_ids_of_their_own() {
    let setup = Setup::default();
    let sealer = || Sealer::new("local".parse().unwrap(), setup.keyring.clone());
    let (_folder, nodes, one, two) = two_callers(setup.clone()).await;
    one.deploy("counter", str::to_owned).await;
    let held = one.session("counter", "in-client").await;
    let mut commits = BTreeSet::new();
    for caller in [&one, &two, &one, &two] {
        let mut fork = Sealed {
            sealer: sealer(),
            held: held.clone(),
        };
        caller
            .in_session(&mut fork.held, "functions/add", "1", &[])
            .await
            .ok();
        let opened = fork.opened().remove("total").unwrap();
        assert_eq!(opened.version, 1);
        commits.insert(opened.head);
    }
    assert_eq!(commits.len(), 4);
    nodes.stop().await;
}

/// R14: a set of envelopes of which one is older than another knows it is refused.
#[tokio::test]
async fn an_older_sibling_is_refused() {
    let (_folder, nodes, one, two) = two_callers(Setup::default()).await;
    one.deploy("sensor", str::to_owned).await;
    let mut held = one.session("sensor", "in-client").await;
    one.in_session(&mut held, "functions/window", "20.5", &[])
        .await
        .ok();
    let old = held.envelopes["window"].clone();
    one.in_session(&mut held, "functions/window", "20.5", &[])
        .await
        .ok();
    let reading = r#"{"value": 99.0, "count": 32, "mean": 20.0, "deviation": 0.1}"#;
    let detected = one
        .in_session(&mut held, "functions/detect", reading, &[])
        .await
        .ok();
    assert!(
        detected.text().contains("\"anomaly\":true"),
        "{}",
        detected.text()
    );
    let whole = held.clone();
    held.envelopes.insert("window".to_owned(), old);
    // What needs one state only does not look at the others: a conversion needs them all.
    let refused = two.convert(&mut held, "external", &[]).await;
    refused.is(400, "bad-envelope");
    two.convert(&mut whole.clone(), "external", &[]).await.ok();
    nodes.stop().await;
}

/// R15: a function writes under one model; what it reads under another is a snapshot, and the session says so.
#[tokio::test]
async fn states_under_two_models_are_two_parts_and_no_function_writes_both() {
    let (_folder, nodes, one, two) = two_callers(Setup::default()).await;
    let split =
        |manifest: &str| manifest.replacen("[states.alarms]", "[states.alarms]\nmodel = \"in-edge\"", 1);
    one.deploy("sensor", split).await;
    let mut held = one.session("sensor", "in-function").await;
    one.in_session(&mut held, "functions/window", "20.5", &[])
        .await
        .ok();
    let reading = r#"{"value": 99.0, "count": 32, "mean": 20.0, "deviation": 0.1}"#;
    two.in_session(&mut held, "functions/detect", reading, &[])
        .await
        .ok();
    let session: Session = two.send(two.get(&path(&held))).await.ok().json();
    let parts = session.parts.iter().map(|part| {
        let states: Vec<_> = part.states.iter().map(|state| state.name.to_string()).collect();
        (part.model.to_string(), part.separate_snapshot, states.join(" "))
    });
    let parts = parts.collect::<Vec<_>>();
    assert_eq!(
        parts,
        [
            ("in-function".to_owned(), false, "window".to_owned()),
            ("in-edge".to_owned(), true, "alarms".to_owned()),
        ]
    );
    let both = package("sensor", |manifest| {
        split(manifest).replacen("writes = [\"alarms\"]", "writes = [\"alarms\", \"window\"]", 1)
    });
    let refused = one.deploy_parts(&both).await;
    refused.is(422, "not-deployable");
    nodes.stop().await;
}

/// R15: a part that is only read is read where it is, also from its owner's memory.
#[tokio::test]
async fn a_function_reads_what_another_model_has_acknowledged() {
    for durability in ["memory", "checkpoint", "every-commit"] {
        let (_folder, nodes, one, two) = two_callers(Setup::default()).await;
        let edit = |manifest: &str| {
            let split = manifest.replacen("[states.alarms]", "[states.alarms]\nmodel = \"in-edge\"", 1);
            let split = split.replacen(
                "durability = \"every-commit\"",
                &format!("durability = \"{durability}\""),
                1,
            );
            split.replacen(
                "writes = [\"alarms\"]",
                "writes = [\"alarms\"]\nreads = [\"window\"]",
                1,
            )
        };
        one.deploy("sensor", edit).await;
        let mut held = one.session("sensor", "in-function").await;
        for caller in [&one, &two] {
            caller
                .in_session(&mut held, "functions/window", "20.5", &[])
                .await
                .ok();
            let value = caller
                .send(caller.get(&format!("{}/states/window", path(&held))))
                .await
                .ok();
            assert!(!value.body.is_empty(), "{durability}");
            // A step that reads `window` and writes `alarms` runs at either node.
            let reading = r#"{"value": 99.0, "count": 32, "mean": 20.0, "deviation": 0.1}"#;
            caller
                .in_session(&mut held, "functions/detect", reading, &[])
                .await
                .ok();
            let session: Session = caller.send(caller.get(&path(&held))).await.ok().json();
            let version = session.parts[0].states[0].version;
            assert_eq!(
                session.parts[0].version, version,
                "{durability}: what is described is what memory has"
            );
        }
        nodes.stop().await;
    }
}

/// R19: a version that cannot read what is stored does not touch it.
#[tokio::test]
async fn a_version_that_cannot_read_a_state_refuses_to() {
    let (_folder, nodes, one, _) = two_callers(Setup::default()).await;
    let newer = |manifest: &str| manifest.replacen("schema = 1", "schema = 2\nreads-schema-from = 1", 1);
    one.deploy("counter", newer).await;
    let mut held = one.session("counter", "in-edge").await;
    one.in_session(&mut held, "functions/add", "5", &[]).await.ok();
    let state = format!("{}/states/total", path(&held));
    let value = one.send(one.get(&state)).await.ok().body;
    one.force_deploy("counter", str::to_owned).await;
    for function in ["functions/add", "functions/peek"] {
        let refused = one.in_session(&mut held, function, "1", &[]).await;
        refused.is(409, "conflict");
    }
    assert_eq!(one.send(one.get(&state)).await.status, 409);
    one.deploy("counter", newer).await;
    assert_eq!(one.send(one.get(&state)).await.ok().body, value);
    let newest = |manifest: &str| manifest.replacen("schema = 1", "schema = 4\nreads-schema-from = 3", 1);
    one.force_deploy("counter", newest).await;
    assert_eq!(
        one.send(one.get(&state)).await.status,
        409,
        "what is too old for a version, likewise"
    );
    nodes.stop().await;
}

/// R20: a session ends when it has not been used for so long.
#[tokio::test]
async fn a_session_whose_time_is_over_is_gone() {
    let (_folder, nodes, one, two) = two_callers(Setup {
        meddling: Meddling::Old,
        ..Setup::default()
    })
    .await;
    one.deploy("counter", str::to_owned).await;
    for model in STORED {
        let mut held = one.session("counter", model).await;
        for caller in [&one, &two] {
            let refused = caller.in_session(&mut held, "functions/add", "5", &[]).await;
            assert_eq!(
                (refused.status, refused.kind().as_str()),
                (410, "gone"),
                "{model}: {}",
                refused.text()
            );
            assert_eq!(caller.send(caller.get(&path(&held))).await.status, 410, "{model}");
        }
    }
    let listed: Sessions = one.send(one.get("/v1/apps/counter/sessions")).await.ok().json();
    assert_eq!(listed.sessions, [], "nor is it listed");
    nodes.stop().await;
}

/// The envelopes of a session, unguarded and held by nobody in particular, as if sealed long ago.
struct Sealed {
    sealer: Sealer,
    held: Held,
}

impl Sealed {
    fn opened(&self) -> BTreeMap<String, Opened> {
        let session = self.held.id.parse().unwrap();
        let app = self.held.app.parse().unwrap();
        let envelopes = self.held.envelopes.iter();
        let envelopes = envelopes.map(|(state, sealed)| (state.parse().unwrap(), sealed.clone()));
        let opened = self
            .sealer
            .open(&scope(&app, &session), envelopes.collect())
            .unwrap();
        let by_name = opened
            .into_iter()
            .map(|opened| (opened.state.to_string(), opened));
        by_name.collect()
    }

    /// Gives an envelope another end.
    fn ends(&mut self, state: &str, expires: Timestamp) {
        let session = self.held.id.parse().unwrap();
        let app = self.held.app.parse().unwrap();
        let opened = self.opened().remove(state).unwrap();
        let mut head = assemble(vec![opened], &BTreeSet::new()).unwrap().unwrap().head;
        head.expires = expires;
        let states = BTreeSet::from([state.parse().unwrap()]);
        let sealed = self.sealer.seal(
            &scope(&app, &session),
            &head,
            &states,
            &BTreeMap::new(),
            Timestamp(0),
        );
        let sealed = sealed.unwrap().into_iter();
        self.held
            .envelopes
            .extend(sealed.map(|(state, bytes)| (state.to_string(), bytes)));
    }
}

fn scope<'a>(app: &'a AppName, session: &'a SessionId) -> Scope<'a> {
    Scope {
        app,
        session,
        part: Birth::InClient,
        holder: Some(CLIENT.parse().unwrap()),
        mark: None,
    }
}

/// R20: what is used ends later, and is otherwise what it was: no other envelope becomes older or newer by it (R14).
#[tokio::test]
async fn envelopes_that_come_with_one_in_time_are_renewed_also_if_they_are_only_read() {
    let setup = Setup::default();
    let sealer = Sealer::new("local".parse().unwrap(), setup.keyring.clone());
    let (_folder, nodes, one, two) = two_callers(setup).await;
    let reads = |manifest: &str| {
        let both = "writes = [\"alarms\"]\nreads = [\"window\"]";
        manifest.replacen("writes = [\"alarms\"]", both, 1)
    };
    one.deploy("sensor", reads).await;
    let held = one.session("sensor", "in-client").await;
    let mut sealed = Sealed { sealer, held };
    one.in_session(&mut sealed.held, "functions/window", "20.5", &[])
        .await
        .ok();
    let written = sealed.opened();
    let reading = r#"{"value": 20.5, "count": 1, "mean": 20.5, "deviation": 0.1}"#;
    // One that has ended, one that ends soon, and one that does not.
    for (expires, is_renewed) in [
        (Timestamp(1), true),
        (now().after(Duration::from_secs(600)), true),
        (Timestamp(u64::MAX / 2), false),
    ] {
        sealed.ends("window", expires);
        two.in_session(&mut sealed.held, "functions/detect", reading, &[])
            .await
            .ok();
        let opened = sealed.opened();
        let left = opened["window"].expires.since(now());
        assert!(left > Duration::from_secs(6 * 86_400), "{expires:?}: {left:?}");
        assert_eq!(opened["window"].expires != expires, is_renewed);
        let Opened {
            own,
            version,
            siblings,
            head,
            ..
        } = &opened["window"];
        let before = &written["window"];
        assert_eq!(
            (own, version, siblings, head),
            (&before.own, &before.version, &before.siblings, &before.head)
        );
    }
    // Whoever uses it at the same time may write it.
    let soon = now().after(Duration::from_secs(600));
    sealed.ends("alarms", soon);
    two.in_session(&mut sealed.held, "functions/window", "20.5", &[])
        .await
        .ok();
    assert_eq!(sealed.opened()["alarms"].expires, soon, "it came beside");
    for state in ["window", "alarms"] {
        sealed.ends(state, Timestamp(1));
    }
    let gone = two
        .in_session(&mut sealed.held, "functions/detect", reading, &[])
        .await;
    gone.is(410, "gone");
    nodes.stop().await;
}

/// R20: what a client holds ends too.
#[tokio::test]
async fn envelopes_whose_time_is_over_are_refused() {
    let setup = Setup::default();
    let sealer = Sealer::new("local".parse().unwrap(), setup.keyring.clone());
    let (_folder, nodes, one, _) = two_callers(setup).await;
    one.deploy("counter", str::to_owned).await;
    let mut held = one.session("counter", "in-client").await;
    let (app, session) = ("counter".parse().unwrap(), held.id.parse().unwrap());
    let scope = Scope {
        app: &app,
        session: &session,
        part: Birth::InClient,
        holder: None,
        mark: None,
    };
    for (expires, status) in [(Timestamp(1), 410), (Timestamp(u64::MAX), 200)] {
        let head = Head::new(CommitId([1; 16]), expires);
        let states = BTreeSet::from(["total".parse().unwrap()]);
        let sealed = sealer.seal(&scope, &head, &states, &BTreeMap::new(), Timestamp(0));
        let sealed = sealed.unwrap().into_iter();
        held.envelopes = sealed.map(|(state, bytes)| (state.to_string(), bytes)).collect();
        let answer = one.in_session(&mut held, "functions/add", "5", &[]).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    nodes.stop().await;
}
