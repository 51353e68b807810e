//! The subcommands: one module each, with its arguments and what it does.

pub(crate) mod network;
pub(crate) mod statesim;

use clap::Subcommand;

use crate::failure::Failure;

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Generate, convert and describe networks.
    Network(network::Args),
    /// Simulate as StateSim v1.1.1 does, to the last bit: a drop-in replacement.
    Statesim(statesim::Args),
}

/// Does it.
pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Network(args) => network::run(args),
        Command::Statesim(args) => statesim::run(args),
    }
}
