//! `fogline bench`.

use std::path::PathBuf;
use std::time::Duration;

use fogline_bench::{
    BenchError, InSession, Kind, Load, LocalNode, LocalOptions, Pace, Row, Same, Server, deploy, remove,
    run as load, sessions, table,
};
use fogline_core::application::Durability;
use fogline_core::model::{BadInput, ExecutionModel};
use serde::Serialize;

use crate::asynchronous;
use crate::failure::{Failure, chain};
use crate::output::{self, Format};
use crate::remote::Address;

/// Load a network, or a node of this process: a function without state, and one with a state under each model
///
/// Deploys an application of its own, and deletes it in the end.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    network: Address,
    /// Load one node in this process instead of a network
    #[arg(long, conflicts_with_all = ["url", "token"])]
    local: bool,
    /// The folder of that node's data; its disk decides how fast a commit is [default: a new one below the current]
    #[arg(long, value_name = "DIR", requires = "local")]
    data: Option<PathBuf>,
    /// Connections at once, each with a session of its own
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// Open loop: so many requests per second in all, at even distances; latencies count from when a request was due.
    /// Else closed loop: each connection sends when it has its answer
    #[arg(long, value_name = "PER-SECOND", value_parser = rate)]
    rate: Option<f64>,
    /// How long each load is measured, as 500ms or 1m
    #[arg(long = "for", value_name = "TIME", default_value = "5s", value_parser = period)]
    lasts: Duration,
    /// How long it lasts before that
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = at_most_a_day)]
    warm_up: Duration,
    /// A model to be loaded; may be given several times [default: all four]
    #[arg(long = "model", value_name = "MODEL")]
    models: Vec<ExecutionModel>,
    /// Under in-function: only memory, and not every commit in the store
    #[arg(long)]
    in_memory: bool,
    /// How the rows are printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Serialize)]
struct Rows {
    rows: Vec<Row>,
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let rows = if args.local { local(args)? } else { network(args)? };
    match args.output {
        Format::Json => output::json(&Rows { rows }),
        Format::Text => output::data(&table(&rows)),
    }
}

fn network(args: &Args) -> Result<Vec<Row>, Failure> {
    let network = args.network.connect()?;
    let server = Server::at(network.client.url(), network.token.as_deref())?.waiting(network.timeout);
    let mut rows = Vec::new();
    asynchronous::run(async {
        rows = measure(args, &server).await?;
        Ok(())
    })?;
    Ok(rows)
}

fn local(args: &Args) -> Result<Vec<Row>, Failure> {
    let here = PathBuf::from(".");
    let parent = args.data.as_ref().unwrap_or(&here);
    std::fs::create_dir_all(parent).map_err(|source| Failure::writing(parent, source))?;
    let folder = tempfile::Builder::new()
        .prefix("fogline-bench-")
        .tempdir_in(parent);
    let folder = folder.map_err(|source| Failure::writing(parent, source))?;
    let mut rows = Vec::new();
    asynchronous::run(async {
        let node = LocalNode::start(LocalOptions {
            data: folder.path().to_owned(),
            pooling: true,
        })
        .await?;
        let measured = measure(args, &Server::of(node.address())).await;
        node.stop().await;
        rows = measured?;
        Ok(())
    })?;
    Ok(rows)
}

async fn measure(args: &Args, server: &Server) -> Result<Vec<Row>, BenchError> {
    let durability = if args.in_memory {
        Durability::Memory
    } else {
        Durability::EveryCommit
    };
    let kind = Kind { durability };
    let mut connection = server.connect().await?;
    deploy(&mut connection, kind).await?;
    let rows = all(args, server, kind).await;
    remove(&mut server.connect().await?, kind).await?;
    rows
}

async fn all(args: &Args, server: &Server, kind: Kind) -> Result<Vec<Row>, BenchError> {
    let pace = args
        .rate
        .map_or(Pace::Closed, |per_second| Pace::Open { per_second });
    let how = Load {
        pace,
        warm_up: args.warm_up,
        lasts: args.lasts,
    };
    let count = usize::from(args.connections);
    let stateless = vec![Same::post(&format!("/v1/apps/{}/functions/echo", kind.app()), "1"); count];
    output::note("no state");
    let mut rows = vec![load("no state", server, &how, stateless).await?];
    let models = if args.models.is_empty() {
        &ExecutionModel::PAPER[..]
    } else {
        &args.models[..]
    };
    for model in models {
        output::note(model.name());
        let made: Vec<InSession> = {
            let mut connection = server.connect().await?;
            sessions(&mut connection, kind, *model, "add", "1", count).await?
        };
        rows.push(load(model.name(), server, &how, made).await?);
    }
    Ok(rows)
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if (0.01..=1e7).contains(&rate) {
        Ok(rate)
    } else {
        Err("expected 0.01 to 10000000".to_owned())
    }
}

fn period(text: &str) -> Result<Duration, String> {
    match at_most_a_day(text)? {
        Duration::ZERO => Err("expected some time".to_owned()),
        period => Ok(period),
    }
}

/// A time that can be added to a clock's.
pub(super) fn at_most_a_day(text: &str) -> Result<Duration, String> {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    match humantime::parse_duration(text) {
        Ok(period) if period > DAY => Err("expected at most a day".to_owned()),
        parsed => parsed.map_err(|error| error.to_string()),
    }
}

impl From<BenchError> for Failure {
    fn from(error: BenchError) -> Self {
        let problem = chain(&error);
        match error {
            BenchError::Url(_) => Self::Input(BadInput::whole(
                "command line",
                problem,
                "load a node by its address",
            )),
            BenchError::Start(_) | BenchError::Runtime(_) | BenchError::Pace(_) => Self::Remote {
                problem,
                hint: "look at the node's folder and limits".to_owned(),
                exit_code: 1,
            },
            BenchError::Io(..) | BenchError::Http(..) | BenchError::Answer { .. } => Self::Remote {
                problem,
                hint: "check that the node is there, and its version".to_owned(),
                exit_code: 1,
            },
            BenchError::Refused { .. } | BenchError::AllFailed { .. } => Self::Remote {
                problem,
                hint: "the answer says what to do".to_owned(),
                exit_code: 1,
            },
        }
    }
}
