//! `fogline sim`: run scenarios, take them apart, put them together.

mod ablate;
mod explain;
mod gap;
mod merge;
mod pick;
mod rerun;
mod run;

use clap::Subcommand;

use crate::failure::Failure;
pub(crate) use run::{RunOptions, run_request};

/// The arguments of `fogline sim`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a scenario file.
    Run(run::Args),
    /// Turn the switches one by one, and print what each does to the paper's conclusions.
    Ablate(ablate::Args),
    /// Print the sum behind one job's latency and traffic, term by term.
    Explain(explain::Args),
    /// Print how far each policy is from the best placement there could be.
    Gap(gap::Args),
    /// Put the shards of a run together: the result is that of one run, bit for bit.
    Merge(merge::Args),
    /// Run again what made a folder of results, and verify that every file comes out the same.
    Rerun(rerun::Args),
}

/// Does it.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Command::Run(args) => run::run(args),
        Command::Ablate(args) => ablate::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Gap(args) => gap::run(args),
        Command::Merge(args) => merge::run(args),
        Command::Rerun(args) => rerun::run(args),
    }
}
