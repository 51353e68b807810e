//! `fogline rollback`.

use fogline_core::model::AppName;

use super::deploy;
use crate::failure::Failure;
use crate::output::Format;
use crate::remote::Address;

/// The arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The application; its sessions stay
    app: AppName,
    /// Do so also if the older version cannot read the states that the newer one writes: sessions that have them are
    /// refused
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    network: Address,
    /// How the application is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let network = args.network.connect()?;
    let app = network.wait(network.client.roll_back(&args.app, args.force))?;
    deploy::print(&app, args.output)
}
