//! What the project does to itself: `cargo xtask COMMAND`.

mod check;
mod checked;
mod command;
mod failure;
mod say;
mod shell;
mod tool;

use std::process::ExitCode;

use clap::Parser;

/// What the project does to itself.
#[derive(Parser)]
#[command(name = "cargo xtask", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: command::Command,
}

fn main() -> ExitCode {
    match command::run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say::note(&format!("error: {failure}"));
            ExitCode::FAILURE
        }
    }
}
