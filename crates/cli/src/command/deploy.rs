//! `fogline deploy`.

use std::path::PathBuf;

use fogline_client::Package;
use fogline_manifest::application;

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
    let app = network.wait(network.client.deploy(&package))?;
    match args.output {
        Format::Json => output::json(&app),
        Format::Text => output::data(&describe::app(&app)),
    }
}
