//! Nodes that share a quorum: what one of them had goes on at another (R1, R11).

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fogline_node::peers::Authority;
use fogline_protocol::api::Session;

use super::support::{Caller, Cluster, Held, Nodes, Process, Setup, serve_if_told, with_durability};

/// Longest until the next good answer after an owner is lost; the term is 800 ms, and machines that test are slow.
const SOON: Duration = Duration::from_secs(10);

/// The servers of a site, or nothing where none is installed; in CI they must be.
macro_rules! quorum {
    () => {
        match Cluster::start(1, &[]) {
            Some(cluster) => cluster,
            None => return,
        }
    };
}

/// Nodes that have their records in these servers, in a folder that goes with them.
async fn start(cluster: &Cluster) -> (Nodes, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup {
        quorum: Some(cluster.options()),
        ..Setup::default()
    };
    (Nodes::start(folder.path(), setup).await, folder)
}

/// A session under each model, in which one was added.
async fn one_under_each_model(caller: &Caller) -> Vec<(&'static str, Held)> {
    let mut sessions = Vec::new();
    for model in ["in-edge", "in-function", "in-client", "external"] {
        let mut held = caller.session("counter", model).await;
        assert_eq!(add(caller, &mut held).await, "1", "{model}");
        sessions.push((model, held));
    }
    sessions
}

async fn add(caller: &Caller, held: &mut Held) -> String {
    let answer = caller.in_session(held, "functions/add", "1", &[]).await;
    answer.ok().text()
}

/// What an addition comes to, which is asked for again and again under one key until it is done.
async fn add_soon(caller: &Caller, held: &mut Held, key: &str) -> String {
    let begun = Instant::now();
    loop {
        let headers = [("idempotency-key", key)];
        let answer = caller.in_session(held, "functions/add", "1", &headers).await;
        if answer.status == 200 {
            return answer.text();
        }
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(begun.elapsed() < SOON, "{}", answer.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_kept_in_the_quorum_goes_on_without_it() {
    let cluster = quorum!();
    let (mut nodes, _folder) = start(&cluster).await;
    let (one, two) = (Caller::new(nodes.url("one")), Caller::new(nodes.url("two")));
    one.deploy("counter", str::to_owned).await;
    let mut sessions = Vec::new();
    for model in ["in-edge", "in-function"] {
        let mut held = one.session("counter", model).await;
        assert!(held.id.starts_with("one_"), "{}", held.id);
        assert_eq!(add(&one, &mut held).await, "1", "{model}");
        assert_eq!(add(&two, &mut held).await, "2", "{model}");
        sessions.push((model, held));
    }
    nodes.stop_node("one").await;
    for (model, held) in &mut sessions {
        assert_eq!(add_soon(&two, held, "first").await, "3", "{model}");
    }
    nodes.start_node("one").await;
    let one = Caller::new(nodes.url("one"));
    for (model, held) in &mut sessions {
        assert_eq!(add(&one, held).await, "4", "{model}");
        assert_eq!(add(&two, held).await, "5", "{model}");
    }
    nodes.stop().await;
}

/// The cloud is of no site: it asks a node of the site.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_no_site_reaches_its_sessions_by_another_node_of_theirs() {
    let cluster = quorum!();
    let (mut nodes, _folder) = start(&cluster).await;
    let (one, cloud) = (Caller::new(nodes.url("one")), Caller::new(nodes.url("cloud")));
    one.deploy("counter", str::to_owned).await;
    let mut sessions = Vec::new();
    for model in ["in-edge", "in-function"] {
        let mut held = one.session("counter", model).await;
        assert_eq!(add(&one, &mut held).await, "1", "{model}");
        assert_eq!(add(&cloud, &mut held).await, "2", "{model}");
        sessions.push((model, held));
    }
    nodes.stop_node("one").await;
    for (model, held) in &mut sessions {
        assert_eq!(add_soon(&cloud, held, "first").await, "3", "{model}");
        assert_eq!(add_soon(&cloud, held, "second").await, "4", "{model}");
    }
    nodes.stop().await;
}

/// The nodes `two` and `cloud` here, and `one` in a process of its own.
struct Pair {
    nodes: Nodes,
    one: Process,
    two: Caller,
    authority: PathBuf,
    folders: [tempfile::TempDir; 2],
}

impl Pair {
    async fn start(test: &str, cluster: &Cluster) -> Self {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let authority = folders[1].path().to_path_buf();
        Authority::new().unwrap().save(&authority).unwrap();
        let setup = Setup {
            names: vec!["two", "cloud"],
            elsewhere: vec!["one"],
            quorum: Some(cluster.options()),
            authority: Some(authority.clone()),
            ..Setup::default()
        };
        let nodes = Nodes::start(&folders[0].path().join("others"), setup).await;
        let one = start_one(test, cluster, &nodes, &folders[0], &authority);
        let two = Caller::new(nodes.url("two"));
        Self {
            nodes,
            one,
            two,
            authority,
            folders,
        }
    }
}

/// Starts `one`, which `two` and it know of each other.
fn start_one(
    test: &str,
    cluster: &Cluster,
    nodes: &Nodes,
    folder: &tempfile::TempDir,
    authority: &Path,
) -> Process {
    let folder = folder.path().join("one");
    let at = nodes.peer_address("two");
    let one = Process::start_in_site(test, &folder, &cluster.options(), authority, at);
    nodes.know("one", one.peers);
    one
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_is_killed_has_lost_nothing_that_it_acknowledged() {
    serve_if_told().await;
    let cluster = quorum!();
    let test = "failover::an_owner_that_is_killed_has_lost_nothing_that_it_acknowledged";
    let Pair {
        nodes,
        one,
        two,
        folders: _folders,
        ..
    } = Pair::start(test, &cluster).await;
    two.deploy("counter", with_durability("every-commit")).await;
    let mut held = one.caller.session("counter", "in-function").await;
    for total in 1..=5 {
        // Through the other node, and at the owner itself.
        let caller = if total % 2 == 0 { &two } else { &one.caller };
        assert_eq!(add(caller, &mut held).await, total.to_string());
    }
    one.kill();
    // Whoever only looks waits no longer than whoever writes.
    let begun = Instant::now();
    let path = format!("/v1/apps/counter/sessions/{}", held.id);
    let seen: Session = two.send(two.get(&path)).await.ok().json();
    assert_eq!(seen.parts[0].version, 5);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(add_soon(&two, &mut held, "next").await, "6");
    assert_eq!(add(&two, &mut held).await, "7");
    nodes.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_was_stopped_for_a_while_answers_nothing_stale() {
    serve_if_told().await;
    let cluster = quorum!();
    let test = "failover::an_owner_that_was_stopped_for_a_while_answers_nothing_stale";
    let Pair {
        nodes,
        one,
        two,
        folders: _folders,
        ..
    } = Pair::start(test, &cluster).await;
    two.deploy("counter", with_durability("every-commit")).await;
    let mut held = one.caller.session("counter", "in-function").await;
    assert_eq!(add(&one.caller, &mut held).await, "1");
    for round in 0..3 {
        let total = 1 + 2 * round;
        one.pause();
        assert_eq!(
            add_soon(&two, &mut held, &format!("{round}")).await,
            (total + 1).to_string()
        );
        assert_eq!(add(&two, &mut held).await, (total + 2).to_string());
        // Requests that the stopped node finds when it goes on: they are there before it learns that it was silent.
        let peeks = (0..20).map(|_| {
            let mut held = held.clone();
            let caller = Caller::new(&one.caller.url);
            tokio::spawn(async move { caller.in_session(&mut held, "functions/peek", "null", &[]).await })
        });
        let peeks: Vec<_> = peeks.collect();
        tokio::time::sleep(Duration::from_millis(200)).await;
        one.go_on();
        for peek in peeks {
            let answer = peek.await.unwrap();
            let fresh = answer.status == 200 && answer.text() == (total + 2).to_string();
            assert!(
                fresh || answer.status == 503,
                "{} {}",
                answer.status,
                answer.text()
            );
        }
        // Back to where it was, for the next round.
        let path = format!("/v1/apps/counter/sessions/{}/migrate", held.id);
        let begun = Instant::now();
        loop {
            let moved = two.send(two.post(&path).body("{\"node\": \"one\"}")).await;
            if moved.status == 200 {
                break;
            }
            assert!(begun.elapsed() < SOON, "{} {}", moved.status, moved.text());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let peeked = two.in_session(&mut held, "functions/peek", "null", &[]).await;
        assert_eq!(peeked.ok().text(), (total + 2).to_string());
    }
    one.kill();
    nodes.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_quorum_a_node_refuses_what_it_cannot_promise_and_goes_on_with_the_rest() {
    let cluster = quorum!();
    let (nodes, _folder) = start(&cluster).await;
    let one = Caller::new(nodes.url("one"));
    one.deploy("counter", str::to_owned).await;
    let mut sessions = one_under_each_model(&one).await;
    cluster.pause(0);
    // The first ones wait until it has noticed; then nobody does.
    for most in [Duration::from_secs(3), Duration::from_millis(200)] {
        let asked = sessions.iter_mut().map(async |(model, held)| {
            let begun = Instant::now();
            let answer = one.in_session(held, "functions/add", "1", &[]).await;
            (*model, answer, begun.elapsed())
        });
        for (model, answer, took) in futures_util::future::join_all(asked).await {
            if ["in-client", "external"].contains(&model) {
                answer.ok();
                continue;
            }
            assert_eq!(answer.status, 503, "{model}: {}", answer.text());
            assert!(answer.text().contains("etcd"), "{}", answer.text());
            assert!(took < most, "{model}: {took:?}");
        }
    }
    cluster.go_on(0);
    for (model, held) in &mut sessions {
        let total = add_soon(&one, held, "after").await;
        let expected: &[&str] = match *model {
            "in-client" | "external" => &["4"],
            // What was refused first may have been done, or not.
            _ => &["2", "3"],
        };
        assert!(expected.contains(&total.as_str()), "{model}: {total}");
    }
    nodes.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_starts_without_its_quorum_and_goes_on_by_itself_when_that_is_there() {
    let cluster = quorum!();
    let (mut nodes, _folder) = start(&cluster).await;
    let one = Caller::new(nodes.url("one"));
    one.deploy("counter", str::to_owned).await;
    let mut sessions = one_under_each_model(&one).await;
    nodes.stop_node("one").await;
    cluster.pause(0);
    nodes.start_node("one").await;
    let one = Caller::new(nodes.url("one"));
    for (model, held) in &mut sessions {
        let answer = one.in_session(held, "functions/add", "1", &[]).await;
        if ["in-client", "external"].contains(model) {
            assert_eq!(answer.ok().text(), "2", "{model}");
        } else {
            assert_eq!(answer.status, 503, "{model}: {}", answer.text());
            assert!(answer.text().contains("etcd"), "{}", answer.text());
        }
    }
    cluster.go_on(0);
    for (model, held) in &mut sessions {
        let total = if ["in-client", "external"].contains(model) {
            "3"
        } else {
            "2"
        };
        assert_eq!(add_soon(&one, held, "after").await, total, "{model}");
    }
    nodes.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_owner_had_in_memory_only_is_not_hidden_by_its_heir() {
    serve_if_told().await;
    let cluster = quorum!();
    let test = "failover::what_a_killed_owner_had_in_memory_only_is_not_hidden_by_its_heir";
    let Pair {
        nodes,
        one,
        two,
        folders: _folders,
        ..
    } = Pair::start(test, &cluster).await;
    two.deploy("counter", with_durability("memory")).await;
    let mut held = one.caller.session("counter", "in-function").await;
    let mut seen = String::new();
    for total in 1..=5 {
        let answer = one
            .caller
            .in_session(&mut held, "functions/add", "1", &[])
            .await
            .ok();
        assert_eq!(answer.text(), total.to_string());
        answer.header("fogline-seen").clone_into(&mut seen);
    }
    one.kill();
    assert_eq!(add_soon(&two, &mut held, "whoever asks for no more").await, "1");
    for caught_up in 0..6 {
        let headers = [("fogline-seen", seen.as_str())];
        let refused = two
            .in_session(&mut held, "functions/peek", "null", &headers)
            .await;
        assert_eq!(
            (refused.status, refused.kind().as_str()),
            (412, "state-regressed"),
            "{caught_up}: {}",
            refused.text()
        );
        // Also when there are as many versions again as were lost.
        add(&two, &mut held).await;
    }
    nodes.stop().await;
}

/// A figure of the manual: owners are killed while one client writes all the time, and asks again at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
#[expect(clippy::print_stdout, reason = "it is what it is for")]
async fn how_long_a_killed_owner_is_missed() {
    serve_if_told().await;
    let cluster = quorum!();
    let rounds = std::env::var("FOGLINE_FAILOVERS").map_or(50, |rounds| rounds.parse().unwrap());
    let test = "failover::how_long_a_killed_owner_is_missed";
    let Pair {
        nodes,
        one,
        two,
        authority,
        folders,
    } = Pair::start(test, &cluster).await;
    two.deploy("counter", with_durability("every-commit")).await;
    let mut one = Some(one);
    let mut missed = Vec::new();
    for round in 0..rounds {
        let again = || start_one(test, &cluster, &nodes, &folders[0], &authority);
        let owner = one.take().unwrap_or_else(again);
        let mut held = owner.caller.session("counter", "in-function").await;
        let mut total = 0;
        // Spread over the time between two renewals.
        let until = Instant::now() + Duration::from_millis(500 + 37 * round % 200);
        while Instant::now() < until {
            total += 1;
            // On a busy disk etcd itself may be silent for longer than a term.
            let key = format!("{round} {total}");
            assert_eq!(add_soon(&two, &mut held, &key).await, total.to_string());
        }
        let killed = Instant::now();
        owner.kill();
        total += 1;
        assert_eq!(
            add_soon(&two, &mut held, &format!("{round}")).await,
            total.to_string()
        );
        let took = killed.elapsed();
        if took > Duration::from_millis(1500) {
            println!("owner {round} was missed for {} ms", took.as_millis());
        }
        missed.push(took);
    }
    missed.sort();
    let at = |share: f64| missed[((missed.len() as f64 * share).ceil() as usize).max(1) - 1].as_millis();
    println!(
        "{rounds} owners killed: the next good write after {} ms p50, {} ms p90, {} ms p99, {} ms at most",
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    );
    nodes.stop().await;
}
