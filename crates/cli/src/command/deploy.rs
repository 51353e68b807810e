//! `fogline deploy`.

use std::path::PathBuf;

use fogline_client::Package;
use fogline_core::model::NodeName;
use fogline_manifest::application;
use fogline_protocol::api::App;

use super::describe;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::remote::Address;

/// The arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The project: the folder of a fogline.toml, with its components built
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Deploy also what cannot read the states that the version before it writes: sessions that have them are refused
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
    // A mistake in the manifest is told with its place, before anything is sent.
    application::read(&args.folder.join("fogline.toml"))?;
    let package = Package::read(&args.folder).map_err(fogline_client::Error::from)?;
    let network = args.network.connect()?;
    let app = match args.force {
        false => network.wait(network.client.deploy(&package))?,
        true => network.wait(network.client.force_deploy(&package))?,
    };
    print(&app, args.output)
}

/// Prints what is deployed now, and which nodes do not have it yet.
pub(super) fn print(app: &App, format: Format) -> Result<(), Failure> {
    if !app.pending.is_empty() {
        let names: Vec<&str> = app.pending.iter().map(NodeName::as_str).collect();
        output::note(&format!(
            "not yet at {}: they get it by themselves",
            names.join(", ")
        ));
    }
    match format {
        Format::Json => output::json(app),
        Format::Text => output::data(&describe::app(app)),
    }
}
