//! The subcommands: one module each, with its arguments and what it does.

use clap::Subcommand;

use crate::failure::Failure;

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {}

/// Does it.
pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {}
}
