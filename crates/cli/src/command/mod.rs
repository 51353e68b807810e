//! The subcommands: one module each, with its arguments and what it does.

pub(crate) mod network;

use clap::Subcommand;

use crate::failure::Failure;

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Generate, convert and describe networks.
    Network(network::Args),
}

/// Does it.
pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Network(args) => network::run(args),
    }
}
