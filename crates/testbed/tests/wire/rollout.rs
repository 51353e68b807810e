//! Applications come to all nodes, also to those that were away, and go from all of them.

use std::path::Path;
use std::time::{Duration, Instant};

use fogline_protocol::api::{App, Explanation};
use fogline_protocol::multipart::Part;
use fogline_state::{EmbeddedOptions, EmbeddedStore};

use super::rules::{path, two_callers};
use super::support::{Answer, Caller, Nodes, Setup, deadline, package};

/// The counter, with so many bytes beside it.
fn with_ballast(bytes: usize) -> Vec<Part> {
    let mut parts = package("counter", str::to_owned);
    let mut word = 1_u64;
    let ballast: Vec<u8> = std::iter::repeat_with(|| {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (word >> 56) as u8
    })
    .take(bytes)
    .collect();
    parts.push(Part::new("ballast.bin", ballast));
    parts
}

/// Waits until a node serves a version of an application.
async fn serves(caller: &Caller, app: &str, version: &str) {
    let end = deadline();
    loop {
        let answer = caller.send(caller.get(&format!("/v1/apps/{app}"))).await;
        if answer.status == 200 && answer.json::<App>().version == version {
            return;
        }
        assert!(Instant::now() < end, "{}: {}", answer.status, answer.text());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn names(app: &App) -> Vec<&str> {
    app.pending.iter().map(|node| node.as_str()).collect()
}

#[tokio::test]
async fn an_application_comes_to_nodes_that_were_away_or_join_later() {
    let (folder, mut nodes, one, _) = two_callers(Setup::default()).await;
    nodes.stop_node("two").await;
    let app = one.deploy("counter", str::to_owned).await;
    assert_eq!(names(&app), ["two"]);
    nodes.start_node("two").await;
    let two = Caller::new(nodes.url("two"));
    serves(&two, "counter", "0.1.0").await;
    let mut held = two.session("counter", "in-function").await;
    let added = two.in_session(&mut held, "functions/add", "1", &[]).await.ok();
    assert_eq!(added.text(), "1");
    // As a new machine would come.
    nodes.stop_node("two").await;
    std::fs::remove_dir_all(folder.path().join("two")).unwrap();
    nodes.start_node("two").await;
    serves(&Caller::new(nodes.url("two")), "counter", "0.1.0").await;
    assert_eq!(
        names(&one.deploy("counter", str::to_owned).await),
        [] as [&str; 0]
    );
    nodes.stop().await;
}

/// The keys of a table of a node that does not run; with `halve`, every other one is removed.
async fn keys(folder: &Path, node: &str, table: &str, halve: bool) -> usize {
    let path = folder.join(node).join("store.redb");
    let store = EmbeddedStore::open(&path, &EmbeddedOptions::default()).unwrap();
    let rows = store.meta_list(table, None, 1000).unwrap();
    for (key, _) in rows.iter().step_by(2).filter(|_| halve) {
        store.meta_delete(table, key).await.unwrap();
    }
    rows.len()
}

#[tokio::test]
async fn a_package_comes_from_any_node_that_has_it_and_what_has_arrived_does_not_come_again() {
    let (folder, mut nodes, one, _) = two_callers(Setup::default()).await;
    nodes.stop_node("two").await;
    let size = 8 << 20;
    let app: App = one.deploy_parts(&with_ballast(size)).await.ok().json();
    assert_eq!(names(&app), ["two"]);
    // Where it was deployed is not asked.
    nodes.stop_node("one").await;
    nodes.start_node("two").await;
    serves(&Caller::new(nodes.url("two")), "counter", "0.1.0").await;
    let whole = nodes.received("two");
    assert!(whole as usize > size, "{whole}");
    // As if it had been cut off half-way.
    nodes.stop_node("two").await;
    assert!(keys(folder.path(), "two", "package-pieces", true).await > 16);
    nodes.start_node("two").await;
    serves(&Caller::new(nodes.url("two")), "counter", "0.1.0").await;
    let rest = nodes.received("two");
    assert!(rest < whole * 3 / 5, "{rest} of {whole}");
    nodes.stop().await;
}

#[tokio::test]
async fn a_node_that_was_away_while_an_application_was_deleted_and_deployed_again_has_no_old_sessions() {
    let (_folder, mut nodes, one, two) = two_callers(Setup::default()).await;
    one.deploy("counter", str::to_owned).await;
    let mut old = two.session("counter", "in-edge").await;
    two.in_session(&mut old, "functions/add", "1", &[]).await.ok();
    nodes.stop_node("two").await;
    let deleted = one
        .send(one.http.delete(format!("{}/v1/apps/counter", one.url)))
        .await;
    assert_eq!((deleted.status, deleted.header("fogline-pending")), (204, "two"));
    let app = one.deploy("counter", |it| it.replace("0.1.0", "0.2.0")).await;
    assert_eq!(names(&app), ["two"]);
    nodes.start_node("two").await;
    let two = Caller::new(nodes.url("two"));
    serves(&two, "counter", "0.2.0").await;
    assert_eq!(two.send(two.get(&path(&old))).await.status, 404);
    let mut new = two.session("counter", "in-edge").await;
    two.in_session(&mut new, "functions/add", "1", &[]).await.ok();
    nodes.stop().await;
}

#[tokio::test]
async fn of_old_versions_the_last_three_are_kept() {
    let (folder, mut nodes, one, _) = two_callers(Setup::sweeping()).await;
    for version in 1..=6 {
        let version = format!("0.{version}.0");
        one.deploy("counter", |it| it.replace("0.1.0", &version)).await;
    }
    let end = deadline();
    for node in ["one", "two"] {
        loop {
            nodes.stop_node(node).await;
            let packages = keys(folder.path(), node, "packages", false).await;
            nodes.start_node(node).await;
            serves(&Caller::new(nodes.url(node)), "counter", "0.6.0").await;
            if packages == 4 {
                break;
            }
            assert!(packages > 4 && Instant::now() < end, "{packages} at {node}");
        }
    }
    nodes.stop().await;
}

async fn roll_back(caller: &Caller, force: bool) -> Answer {
    let path = format!("/v1/apps/words/rollback?force={force}");
    caller.send(caller.post(&path)).await
}

/// A version that writes a schema of its own, and reads that of the one before too. Its function does not look at it.
fn version(number: u32) -> impl Fn(&str) -> String {
    let schema = format!(
        "schema = {number}\nreads-schema-from = {}",
        number.saturating_sub(1).max(1)
    );
    let version = format!("0.{number}.0");
    move |it| it.replace("0.1.0", &version).replacen("schema = 1", &schema, 1)
}

/// R19: what could not read the states of the version that it replaces is not deployed by mistake.
#[tokio::test]
async fn versions_roll_forward_and_back_while_sessions_stay() {
    let (_folder, nodes, one, two) = two_callers(Setup::default()).await;
    let example = "process-python";
    one.deploy(example, version(1)).await;
    let none = roll_back(&one, false).await;
    none.is(409, "conflict");
    let mut held = one.session("words", "in-edge").await;
    let mut counted = 0;
    let mut count = async |caller: &Caller| {
        let answer = caller.in_session(&mut held, "functions/count", "word", &[]).await;
        if answer.status == 200 {
            counted += 1;
            assert_eq!(answer.text(), format!("{{\"word\": {counted}}}"));
        }
        answer.status
    };
    assert_eq!(count(&one).await, 200);
    two.deploy(example, version(2)).await;
    assert_eq!(count(&two).await, 200);
    let same_schema = |it: &str| version(2)(it).replace("0.2.0", "0.2.1");
    one.deploy(example, same_schema).await;
    assert_eq!(count(&two).await, 200);
    let back: App = roll_back(&two, false).await.ok().json();
    assert_eq!((back.version.as_str(), names(&back)), ("0.2.0", vec![]));
    for caller in [&one, &two] {
        serves(caller, "words", "0.2.0").await;
        assert_eq!(count(caller).await, 200);
    }
    // The one before wrote schema 1, and cannot read what is there now.
    let older = package(example, version(1));
    for refused in [roll_back(&one, false).await, one.deploy_parts(&older).await] {
        refused.is(409, "conflict");
    }
    serves(&two, "words", "0.2.0").await;
    let forced: App = roll_back(&one, true).await.ok().json();
    assert_eq!(forced.version, "0.1.0");
    assert_eq!(count(&two).await, 409, "and changes nothing");
    one.deploy(example, version(2)).await;
    assert_eq!(count(&two).await, 200);
    nodes.stop().await;
}

/// R19 also holds where the version that is replaced has not arrived yet.
#[tokio::test]
async fn a_node_that_is_behind_compares_with_what_is_deployed_and_not_with_what_it_serves() {
    let (folder, nodes, one, two) = two_callers(Setup::default()).await;
    let example = "process-python";
    let blocked = folder.path().join("two/apps");
    std::fs::write(&blocked, "").unwrap();
    let app = one.deploy(example, version(2)).await;
    assert_eq!(names(&app), ["two"]);
    let older = package(example, version(1));
    assert_ne!(two.deploy_parts(&older).await.status, 200);
    std::fs::remove_file(&blocked).unwrap();
    let refused = two.deploy_parts(&older).await;
    refused.is(409, "conflict");
    serves(&two, "words", "0.2.0").await;
    nodes.stop().await;
}

#[tokio::test]
async fn a_node_that_does_not_have_an_application_yet_is_passed_over() {
    let (folder, nodes, one, two) = two_callers(Setup::default()).await;
    // Where it would lay out the files of a process there is something else.
    let blocked = folder.path().join("two/apps");
    std::fs::write(&blocked, "").unwrap();
    let in_turn = |it: &str| it.replacen("[application]", "[application]\nplacement = \"round-robin\"", 1);
    let app = one.deploy("process-python", in_turn).await;
    assert_eq!(names(&app), ["two"]);
    let mut held = one.session(app.name.as_str(), "in-edge").await;
    let function = format!("functions/{}", app.functions[0].name);
    for _ in 0..6 {
        let counted = one.in_session(&mut held, &function, "a word", &[]).await.ok();
        assert_eq!(counted.header("fogline-node"), "one");
    }
    let there = format!("/v1/apps/{}", app.name);
    let not_yet = two.send(two.get(&there)).await;
    not_yet.is(503, "rolling-out");
    assert_eq!(not_yet.header("retry-after"), "1");
    std::fs::remove_file(&blocked).unwrap();
    let end = deadline();
    while two.send(two.get(&there)).await.status != 200 {
        assert!(Instant::now() < end, "it is not tried again");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    nodes.stop().await;
}

/// A policy that always prefers one node, and that is the one that does not have the application.
#[tokio::test]
async fn a_node_that_would_be_chosen_each_time_is_asked_once_whether_it_has_an_application() {
    let (folder, nodes, _, _) = two_callers(Setup::default()).await;
    std::fs::write(folder.path().join("one/apps"), "").unwrap();
    // It runs no functions, and the two that do are equally far from it.
    let cloud = Caller::new(nodes.url("cloud"));
    let app = cloud.deploy("process-python", str::to_owned).await;
    assert_eq!(names(&app), ["one"]);
    let mut held = cloud.session("words", "external").await;
    let explained = cloud
        .in_session(&mut held, "functions/count/explain", "a", &[])
        .await;
    let explained: Explanation = explained.ok().json();
    assert_eq!(explained.chosen.unwrap().as_str(), "one");
    let counted = cloud
        .in_session(&mut held, "functions/count", "a", &[])
        .await
        .ok();
    assert_eq!(counted.header("fogline-node"), "two");
    let hops = [("fogline-run-by", "hops")];
    let ran = cloud.in_session(&mut held, "runs", "a", &hops).await.ok();
    assert_eq!(ran.text(), "{\"a\": 2}");
    nodes.stop().await;
}

/// The only node that runs functions cannot be passed over; that it was asked in vain must not count for long.
#[tokio::test]
async fn the_only_node_goes_on_with_others_while_it_does_not_have_an_application_yet() {
    let folder = tempfile::tempdir().unwrap();
    let nodes = Nodes::start(folder.path(), Setup::one_worker()).await;
    std::fs::write(folder.path().join("one/apps"), "").unwrap();
    let cloud = Caller::new(nodes.url("cloud"));
    let app = cloud.deploy("process-python", str::to_owned).await;
    assert_eq!(names(&app), ["one"]);
    cloud.deploy("counter", str::to_owned).await;
    let mut held = cloud.session("words", "in-edge").await;
    let not_yet = cloud
        .in_session(&mut held, "functions/count", "a word", &[])
        .await;
    assert_eq!(not_yet.kind(), "rolling-out", "{}", not_yet.text());
    let mut held = cloud.session("counter", "in-edge").await;
    let added = cloud.in_session(&mut held, "functions/add", "1", &[]).await.ok();
    assert_eq!(added.text(), "1");
    nodes.stop().await;
}
