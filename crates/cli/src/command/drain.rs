//! `fogline drain`.

use fogline_core::model::NodeName;
use fogline_protocol::api::Drained;

use crate::failure::Failure;
use crate::output::{self, Format};
use crate::remote::Address;

/// The arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The node; it takes no new sessions until it is started again
    node: NodeName,
    #[command(flatten)]
    network: Address,
    /// How the result is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Asks until nothing is left, or nothing more moves.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let network = args.network.connect()?;
    let mut all = Drained::default();
    loop {
        let drained = network.wait(network.client.drain(&args.node))?;
        all.moved += drained.moved;
        (all.left, all.runs) = (drained.left, drained.runs);
        if drained.left == 0 || drained.moved == 0 {
            break;
        }
    }
    match args.output {
        Format::Json => output::json(&all)?,
        Format::Text => output::data(&format!("{} sessions moved, {} left\n", all.moved, all.left))?,
    }
    if all.left > 0 {
        output::note(&format!(
            "the log of {} says why the others could not be moved",
            args.node
        ));
    }
    if all.runs > 0 {
        output::note(&format!(
            "{} accepted runs have not ended at {}: drain it again before it is switched off",
            all.runs, args.node
        ));
    }
    Ok(())
}
