//! The whole set of measurements of a node and of a network on this machine, with their goals: `cargo xtask bench` runs it.
//!
//! Servers are processes of their own; the load comes from this one, on the same processors. What is compared is
//! measured in turns, and the median of the rounds counts.

mod gateway;
mod goals;
mod library;
mod machine;
mod network;
mod process;

use std::error::Error;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use fogline_bench::Row;
use serde::Serialize;

use crate::goals::Goal;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What is measured, and how long.
#[derive(Parser)]
struct Args {
    /// Only what one node does.
    #[arg(long, conflicts_with = "network")]
    nodes: bool,
    /// Only what a network of nodes does.
    #[arg(long)]
    network: bool,
    /// Seconds of each load, after half a second to warm up.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Rounds of what is compared.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Also fill a store with so many GB, kill its node, and time the next start.
    #[arg(long, value_name = "GB")]
    store: Option<u64>,
    /// The command `fogline`, to be weighed; a network is made of it.
    #[arg(long, value_name = "FILE")]
    full: PathBuf,
    /// How many owners of sessions are killed, one after the other.
    #[arg(long, default_value = "10")]
    kills: NonZeroUsize,
    /// Sizes of the networks whose gossip is counted, in rising order.
    #[arg(long, value_delimiter = ',', default_value = "5,15,30")]
    gossip: Vec<usize>,
    /// Print rows and goals as JSON.
    #[arg(long)]
    json: bool,
    /// Where the nodes' data goes: on a disk, because where an fsync costs nothing nothing is measured.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// What was measured.
#[derive(Default, Serialize)]
struct Findings {
    rows: Vec<Row>,
    goals: Vec<Goal>,
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "it is what it is run for")]
async fn main() -> Outcome<()> {
    let args = Args::parse();
    std::fs::create_dir_all(&args.data)?;
    let mut findings = Findings::default();
    if !args.network {
        gateway::measure(&args, &mut findings).await?;
        library::measure(&args.data, &mut findings).await?;
        machine::measure(&args, &mut findings).await?;
    }
    if !args.nodes {
        network::measure(&args, &mut findings).await?;
    }
    let mut stdout = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut stdout, &findings)?;
        println!();
    } else {
        writeln!(
            stdout,
            "{}\n{}",
            fogline_bench::table(&findings.rows),
            goals::table(&findings.goals)
        )?;
    }
    Ok(())
}

impl Args {
    fn lasts(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

/// Says what is being done.
#[expect(clippy::print_stderr, reason = "it takes minutes")]
fn note(text: &str) {
    eprintln!("{text}");
}
