//! `fogline migrate`.

use fogline_core::model::{AppName, NodeName, SessionId};

use super::describe;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::remote::Address;

/// The arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The session
    session: SessionId,
    /// Where to
    node: NodeName,
    /// Its application; it is looked for if this is left out
    #[arg(long, value_name = "APP")]
    app: Option<AppName>,
    #[command(flatten)]
    network: Address,
    /// How the result is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let network = args.network.connect()?;
    let app = match &args.app {
        Some(app) => app.clone(),
        None => network.wait(network.client.app_of(&args.session))?,
    };
    let session = network.wait(network.client.migrate(&app, &args.session, &args.node))?;
    match args.output {
        Format::Json => output::json(&session),
        Format::Text => output::data(&describe::session(&session)),
    }
}
