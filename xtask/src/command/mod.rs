//! The commands of the workshop: one module each.

mod api;
mod bench;
mod dist;
mod docs;
mod functions;
mod fuzz;
mod instructions;
mod otlp;
mod test;
mod trace;

use clap::Subcommand;

use crate::failure::Failure;

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run everything that CI runs, in its order; stop at the first failure.
    Test(test::Args),
    /// Get the real hour of the Alibaba trace into `traces/batch_task.csv`.
    Trace,
    /// Run the benchmarks, and say on what they ran.
    Bench(bench::Args),
    /// Build what packages hold.
    Dist,
    /// Count the instructions of the guarded parts, and compare with the committed figures.
    Instructions(instructions::Args),
    /// Build the example functions from source, and compare them with the committed ones.
    Functions,
    /// Fuzz the readers.
    Fuzz(fuzz::Args),
    /// Build the book into `target/book`.
    Docs,
}

/// Does it.
pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Test(args) => test::run(&args),
        Command::Trace => trace::run(),
        Command::Bench(args) => bench::run(&args),
        Command::Dist => dist::run(),
        Command::Instructions(args) => instructions::run(&args),
        Command::Functions => functions::check(),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Docs => docs::run(),
    }
}
