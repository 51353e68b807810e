//! Applications come to all nodes, also to those that were away, and go from all of them.

use std::path::Path;
use std::time::{Duration, Instant};

use fogline_node::Limits;
use fogline_protocol::api::App;
use fogline_protocol::multipart::Part;
use fogline_state::{EmbeddedOptions, EmbeddedStore};

use super::rules::{path, two_callers};
use super::support::{Caller, Setup, deadline, package};

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

/// Waits until a node serves a version of the counter.
async fn serves(caller: &Caller, version: &str) {
    let end = deadline();
    loop {
        let answer = caller.send(caller.get("/v1/apps/counter")).await;
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
    serves(&two, "0.1.0").await;
    let mut held = two.session("counter", "in-function").await;
    let added = two.in_session(&mut held, "functions/add", "1", &[]).await.ok();
    assert_eq!(added.text(), "1");
    // As a new machine would come.
    nodes.stop_node("two").await;
    std::fs::remove_dir_all(folder.path().join("two")).unwrap();
    nodes.start_node("two").await;
    serves(&Caller::new(nodes.url("two")), "0.1.0").await;
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
    serves(&Caller::new(nodes.url("two")), "0.1.0").await;
    let whole = nodes.received("two");
    assert!(whole as usize > size, "{whole}");
    // As if it had been cut off half-way.
    nodes.stop_node("two").await;
    assert!(keys(folder.path(), "two", "package-pieces", true).await > 16);
    nodes.start_node("two").await;
    serves(&Caller::new(nodes.url("two")), "0.1.0").await;
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
    serves(&two, "0.2.0").await;
    assert_eq!(two.send(two.get(&path(&old))).await.status, 404);
    let mut new = two.session("counter", "in-edge").await;
    two.in_session(&mut new, "functions/add", "1", &[]).await.ok();
    nodes.stop().await;
}

#[tokio::test]
async fn of_old_versions_the_last_three_are_kept() {
    let setup = Setup {
        limits: Limits {
            sweep_every: Duration::from_millis(20),
            ..Limits::default()
        },
        ..Setup::default()
    };
    let (folder, mut nodes, one, _) = two_callers(setup).await;
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
            serves(&Caller::new(nodes.url(node)), "0.6.0").await;
            if packages == 4 {
                break;
            }
            assert!(packages > 4 && Instant::now() < end, "{packages} at {node}");
        }
    }
    nodes.stop().await;
}
