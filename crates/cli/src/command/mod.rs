//! The subcommands: one module each, with its arguments and what it does.

pub(crate) mod network;
pub(crate) mod reproduce;
pub(crate) mod sim;
pub(crate) mod statesim;
pub(crate) mod workload;

use clap::Subcommand;

use crate::failure::Failure;

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Reproduce the paper's simulation: Figures 4, 5 and 6, exactly and then correctly.
    Reproduce(sim::RunOptions),
    /// Run scenarios, take them apart, put them together.
    Sim(sim::Args),
    /// Generate, convert and describe networks.
    Network(network::Args),
    /// Simulate as StateSim v1.1.1 does, to the last bit: a drop-in replacement.
    Statesim(statesim::Args),
    /// Describe and generate traces of jobs.
    Workload(workload::Args),
}

/// Does it.
pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Reproduce(args) => reproduce::run(args),
        Command::Sim(args) => sim::run(args),
        Command::Network(args) => network::run(args),
        Command::Statesim(args) => statesim::run(args),
        Command::Workload(args) => workload::run(args),
    }
}
