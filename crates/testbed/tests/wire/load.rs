//! Sessions that are converted while they are used: nothing is lost, nothing is done twice.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fogline_client::Client;
use fogline_core::model::{AppName, ExecutionModel, SessionId};
use tokio::task::JoinSet;

use super::support::{Caller, Mischief, Nodes, Proxy, Setup, with_guard};

const EDGE: [ExecutionModel; 3] = [
    ExecutionModel::InEdge,
    ExecutionModel::InFunction,
    ExecutionModel::External,
];
const ALL: [ExecutionModel; 4] = [
    ExecutionModel::InEdge,
    ExecutionModel::InClient,
    ExecutionModel::InFunction,
    ExecutionModel::External,
];

/// The totals that a session's history was answered with: every addition of one gives another total, so if none is
/// lost and none is done twice, they are 1, 2, 3, … each once.
#[derive(Default)]
struct History {
    totals: BTreeSet<u64>,
}

impl History {
    fn add(&mut self, total: u64) {
        assert!(
            self.totals.insert(total),
            "{total} was the answer to two additions"
        );
    }

    fn check(&self, additions: u64) {
        assert_eq!(
            self.totals,
            (1..=additions).collect::<BTreeSet<_>>(),
            "each addition is in the total once"
        );
    }
}

/// Adds one, again and again, in some tasks for each client, while the session moves; then checks its history.
pub(crate) async fn add_during(
    clients: &[Client],
    app: &AppName,
    session: &SessionId,
    moves: impl Future<Output = ()>,
) {
    const TASKS: usize = 3;
    let done = Arc::new(AtomicBool::new(false));
    let mut writers: JoinSet<Vec<u64>> = JoinSet::new();
    for client in clients.iter().flat_map(|client| [client; TASKS]) {
        let (client, app, session, done) = (client.clone(), app.clone(), session.clone(), Arc::clone(&done));
        writers.spawn(async move {
            let mut totals = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let reply = client.invoke(&app, &session, &"add".parse().unwrap(), "1").await;
                let output = reply.unwrap_or_else(|error| panic!("{error}: {error:?}")).output;
                totals.push(String::from_utf8(output.to_vec()).unwrap().parse().unwrap());
            }
            totals
        });
    }
    moves.await;
    done.store(true, Ordering::Relaxed);
    let mut history = History::default();
    let totals: Vec<u64> = writers.join_all().await.into_iter().flatten().collect();
    totals.iter().for_each(|total| history.add(*total));
    history.check(totals.len() as u64);
}

async fn add_while_it_is_converted(
    clients: &[Client],
    converter: &Client,
    app: &AppName,
    session: &SessionId,
    models: &[ExecutionModel],
) {
    let conversions = async {
        for model in models.iter().cycle().take(4 * models.len() + 1) {
            converter
                .convert(app, session, *model)
                .await
                .unwrap_or_else(|error| panic!("{model}: {error:?}"));
        }
    };
    add_during(clients, app, session, conversions).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversions_among_edge_and_cloud_under_load_lose_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let nodes = Nodes::start(folder.path(), Setup::default()).await;
    Caller::new(nodes.url("one"))
        .deploy("counter", str::to_owned)
        .await;
    let client = |node: &str| Client::builder(nodes.url(node)).build().unwrap();
    let clients = [client("one"), client("two"), client("cloud")];
    let app: AppName = "counter".parse().unwrap();
    let session = clients[0].create_session(&app, None).await.unwrap().session;
    add_while_it_is_converted(&clients, &client("two"), &app, &session, &EDGE).await;
    nodes.stop().await;
}

async fn with_the_client_among_them(guard: &str, mischief: Mischief) {
    let folder = tempfile::tempdir().unwrap();
    let nodes = Nodes::start(folder.path(), Setup::default()).await;
    Caller::new(nodes.url("one"))
        .deploy("counter", with_guard(guard))
        .await;
    let proxy = Proxy::start(vec![nodes.url("one"), nodes.url("two")], mischief).await;
    let client = Client::builder(proxy.url()).build().unwrap();
    let app: AppName = "counter".parse().unwrap();
    let session = client.create_session(&app, None).await.unwrap().session;
    add_while_it_is_converted(std::slice::from_ref(&client), &client, &app, &session, &ALL).await;
    nodes.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversions_under_load_lose_and_double_nothing_unguarded() {
    with_the_client_among_them("none", Mischief::None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversions_under_load_lose_and_double_nothing_guarded() {
    with_the_client_among_them("mark", Mischief::None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversions_under_load_lose_and_double_nothing_guarded_when_requests_are_sent_twice() {
    with_the_client_among_them("mark", Mischief::Twice).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversions_under_load_lose_and_double_nothing_guarded_when_answers_are_lost() {
    with_the_client_among_them("mark", Mischief::Lost).await;
}
