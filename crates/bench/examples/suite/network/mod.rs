//! What a network of nodes does, each node a process of its own.

#[path = "../../../../state/tests/etcd/cluster.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    reason = "of the store's tests, which use the rest, and fail where they stand"
)]
mod cluster;
mod failover;
mod gossip;
mod hop;
mod moves;
#[path = "../../../../cli/tests/chaos/network.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    reason = "of the tests of faults, which use the rest, and fail where they stand"
)]
mod processes;
mod scale;

use std::time::{Duration, Instant};

use bytes::Bytes;
use fogline_bench::{Answer, Connection, Server};
use http::{Method, Request};
use http_body_util::Full;

use crate::{Args, Findings, Outcome};
use processes::{Network, Setup};

/// How long nodes may take to find each other.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) async fn measure(args: &Args, findings: &mut Findings) -> Outcome<()> {
    hop::measure(args, findings).await?;
    scale::measure(args, findings).await?;
    moves::measure(args, findings).await?;
    failover::measure(args, findings).await?;
    gossip::measure(args, findings).await
}

/// A network in a folder of its own, which goes with it.
struct Site {
    network: Network,
    _folder: tempfile::TempDir,
}

impl Site {
    /// These nodes, and the cloud, which know of each other.
    async fn start(args: &Args, names: &[&str], settings: &str, servers: Option<&[String]>) -> Outcome<Self> {
        let folder = tempfile::tempdir_in(&args.data)?;
        let program = std::path::absolute(&args.full)?;
        let setup = Setup {
            program: &program,
            folder: folder.path(),
            settings,
            servers,
        };
        let site = Self {
            network: Network::start(&setup, names),
            _folder: folder,
        };
        let nodes: Outcome<Vec<Server>> = names.iter().map(|name| site.server(name)).collect();
        all_see_all(&nodes?, names.len() + 1).await?;
        Ok(site)
    }

    fn server(&self, name: &str) -> Outcome<Server> {
        Ok(Server::at(&self.network.url(name), None)?)
    }

    async fn connect(&self, name: &str) -> Outcome<Connection> {
        Ok(self.server(name)?.connect().await?)
    }
}

/// Sends a request.
async fn ask(
    connection: &mut Connection,
    method: Method,
    path: &str,
    body: impl Into<Bytes>,
) -> Outcome<Answer> {
    let request = Request::builder().method(method).uri(path);
    Ok(connection.send(request.body(Full::new(body.into()))?).await?)
}

/// The sum of a node's metrics whose lines begin so.
async fn metric(node: &Server, begin: &str) -> Outcome<f64> {
    let mut connection = node.connect().await?;
    let answer = ask(&mut connection, Method::GET, "/metrics", Bytes::new()).await?;
    let answer = answer.ok("reading the metrics")?;
    let text = String::from_utf8_lossy(&answer.body);
    let lines = text.lines().filter(|line| line.starts_with(begin));
    let figures = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
    Ok(figures.sum())
}

/// Waits until each of these nodes knows of so many, itself among them.
async fn all_see_all(nodes: &[Server], count: usize) -> Outcome<()> {
    let ends = Instant::now() + PATIENCE;
    for node in nodes {
        while metric(node, "fogline_members{presence=\"alive\"}").await? < count as f64 {
            if Instant::now() > ends {
                return Err(format!("{count} nodes do not find each other in {PATIENCE:?}").into());
            }
            // Nothing tells of the next change.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    Ok(())
}

/// The figure that so much of them, which are sorted, do not exceed.
fn at(sorted: &[f64], share: f64) -> f64 {
    let place = (sorted.len() as f64 * share).ceil() as usize;
    sorted[place.clamp(1, sorted.len()) - 1]
}
