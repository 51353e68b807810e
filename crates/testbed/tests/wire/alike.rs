//! The four places for state are alike: whoever runs the workflow, and whatever happens to requests and commits
//! on the way, outputs and final states are the same.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use fogline_client::{Client, Error, Package};
use fogline_core::model::{AppName, ExecutionModel, StateName};
use fogline_node::Limits;
use fogline_protocol::api::App;
use fogline_protocol::problem::Kind;

use super::support::{Cluster, Meddling, Mischief, Nodes, Proxy, Setup, package};

const MODELS: [ExecutionModel; 4] = [
    ExecutionModel::External,
    ExecutionModel::InEdge,
    ExecutionModel::InFunction,
    ExecutionModel::InClient,
];

/// A chain of one step, two of two, of which one writes a state twice, and a DAG with a join; what runs get, and the states
/// that do not depend on when they were written.
const APPS: [(&str, [&str; 4], &[&str]); 4] = [
    ("counter", ["5", "-2", "40", "1000"], &["total"]),
    (TWICE, ["5", "-2", "40", "1000"], &["total"]),
    ("sensor", ["20.5", "21", "20.25", "19.75"], &["window", "alarms"]),
    ("figure3", ["first input", "second", "", "the last one"], &["s"]),
];

/// A counter that adds to its total what the total was before.
const TWICE: &str = "twice";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runner {
    Client,
    Node,
    Hops,
}

/// What a session came to: the results of its runs, and its states.
type Outcome = (Vec<Bytes>, BTreeMap<String, Option<Bytes>>);

async fn outcome(client: &Client, app: &App, model: ExecutionModel, runner: Runner) -> Outcome {
    let (_, inputs, states) = APPS
        .iter()
        .find(|(name, ..)| app.name.as_str().starts_with(name))
        .unwrap();
    let session = client
        .create_session(&app.name, Some(model))
        .await
        .unwrap()
        .session;
    let mut outputs = Vec::new();
    for input in inputs {
        outputs.push(match runner {
            Runner::Client => client.run_workflow(app, &session, *input).await.unwrap().output,
            Runner::Node => client.run(&app.name, &session, *input).await.unwrap().output,
            Runner::Hops => {
                client
                    .run_by_hops(&app.name, &session, *input)
                    .await
                    .unwrap()
                    .output
            }
        });
    }
    let mut values = BTreeMap::new();
    for state in *states {
        let name: StateName = state.parse().unwrap();
        let value = match client.get_state(&app.name, &session, &name).await {
            Ok(value) => Some(value),
            Err(Error::Problem { problem }) if problem.kind == Kind::NotFound => None,
            Err(error) => panic!("{model} {state}: {error}"),
        };
        values.insert((*state).to_owned(), value);
    }
    (outputs, values)
}

/// Deploys the examples, each with both guards; gives them by the name that the manifest got. An owner that
/// has acknowledged what is not in its store cannot give way to others, so all are as durable as can be.
async fn deploy(client: &Client) -> Vec<App> {
    let mut apps = Vec::new();
    for (name, ..) in APPS {
        let (example, more) = match name {
            TWICE => (
                "counter",
                "\n[[workflow.steps]]\nname = \"again\"\nfunction = \"add\"\n",
            ),
            example => (example, ""),
        };
        for guard in ["none", "mark"] {
            let edit = |manifest: &str| {
                let renamed = format!("name = \"{name}-{guard}\"\nguard = \"{guard}\"");
                let manifest = manifest.replacen("durability = \"every-commit\"\n", "", 1);
                let renamed = format!("{renamed}\ndurability = \"every-commit\"");
                manifest.replacen(&format!("name = \"{example}\""), &renamed, 1) + more
            };
            let mut parts = package(example, edit).into_iter();
            let manifest = parts.next().unwrap().bytes;
            let files = parts.map(|part| (part.name, part.bytes)).collect();
            apps.push(client.deploy(&Package { manifest, files }).await.unwrap());
        }
    }
    apps
}

/// Runs everything on nodes whose commits are meddled with, through a way that does mischief.
async fn all_alike(folder: &Path, setup: Setup, mischief: Mischief) {
    let meddling = setup.meddling;
    let nodes = Nodes::start(folder, setup).await;
    let urls = vec![nodes.url("one"), nodes.url("two")];
    let proxy = Proxy::start(urls, mischief).await;
    let client = Client::builder(proxy.url()).build().unwrap();
    let mut first: BTreeMap<AppName, Outcome> = BTreeMap::new();
    for app in deploy(&client).await {
        for model in MODELS {
            for runner in [Runner::Client, Runner::Node, Runner::Hops] {
                let got = outcome(&client, &app, model, runner).await;
                let base: AppName = app.name.as_str().split('-').next().unwrap().parse().unwrap();
                let expected = first.entry(base).or_insert_with(|| got.clone());
                assert_eq!(
                    got, *expected,
                    "{} {model} {runner:?} {meddling:?} {mischief:?}",
                    app.name
                );
            }
        }
    }
    assert_eq!(first.len(), APPS.len());
    for (app, (outputs, states)) in &first {
        assert!(outputs.iter().all(|output| !output.is_empty()), "{app}");
        assert!(states.values().any(Option::is_some), "{app}");
    }
    assert_eq!(first[&"counter".parse().unwrap()].0, ["5", "3", "43", "1043"]);
    assert_eq!(first[&TWICE.parse().unwrap()].0, ["10", "16", "112", "2224"]);
    nodes.stop().await;
}

macro_rules! alike {
    ($($name:ident: $meddling:ident, $mischief:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let folder = tempfile::tempdir().unwrap();
            let setup = Setup { meddling: Meddling::$meddling, ..Setup::default() };
            all_alike(folder.path(), setup, Mischief::$mischief).await;
        }
    )*};
}

alike! {
    all_models_are_alike: None, None;
    all_models_are_alike_when_each_request_is_sent_twice: None, Twice;
    all_models_are_alike_when_each_request_is_sent_twice_at_once: None, TwiceAtOnce;
    all_models_are_alike_when_first_answers_are_lost: None, Lost;
    all_models_are_alike_when_every_third_commit_conflicts: Conflict, None;
    all_models_are_alike_when_every_third_commit_is_done_and_not_heard_of: Unheard, None;
    all_models_are_alike_when_every_third_commit_is_neither_done_nor_heard_of: Dropped, None;
    all_models_are_alike_when_commits_conflict_and_answers_are_lost: Conflict, Lost;
}

/// Also where a quorum has the records in the place of the nodes' own stores.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_models_are_alike_on_a_quorum() {
    let Some(cluster) = Cluster::start(1, &[]) else {
        return;
    };
    for (meddling, mischief) in [
        (Meddling::None, Mischief::TwiceAtOnce),
        (Meddling::Unheard, Mischief::Lost),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let quorum = Some(cluster.options());
        let setup = Setup {
            meddling,
            quorum,
            ..Setup::default()
        };
        all_alike(folder.path(), setup, mischief).await;
    }
}

/// The record of a run waits for so short a time that it fires every step again and again while it is executed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_models_are_alike_when_each_hop_is_sent_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        fire_again_after: Duration::from_micros(200),
        ..Limits::default()
    };
    let setup = Setup {
        limits,
        ..Setup::default()
    };
    all_alike(folder.path(), setup, Mischief::Lost).await;
}
