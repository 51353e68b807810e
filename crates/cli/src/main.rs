//! The command `fogline`.

mod asynchronous;
mod atomic_file;
mod command;
mod demo;
mod failure;
mod logging;
mod output;
mod peering;
mod remote;
mod study;
mod threads;
mod top;

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

/// A third less time in the allocator than with the C library's (`cargo xtask bench --nodes`).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Stateful functions at the edge of the network: where should their state live?
#[derive(Parser)]
#[command(name = "fogline", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: command::Command,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match command::run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::error(&failure);
            failure.exit_code()
        }
    }
}
