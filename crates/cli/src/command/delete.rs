//! `fogline delete`.

use fogline_core::model::{AppName, NodeName, SessionId};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::{self, Format};
use crate::remote::{Address, Last};

/// The arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The application; without a session, it is deleted with all of its sessions
    app: AppName,
    /// One of its sessions
    session: Option<SessionId>,
    #[command(flatten)]
    network: Address,
    /// How the result is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Serialize)]
struct Deleted<'a> {
    deleted: bool,
    app: &'a AppName,
    session: Option<&'a SessionId>,
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let network = args.network.connect()?;
    let app = &args.app;
    match &args.session {
        None => {
            let pending = network.wait(network.client.delete_app(app))?;
            if !pending.is_empty() {
                let names: Vec<&str> = pending.iter().map(NodeName::as_str).collect();
                output::note(&format!("{} will hear of it later", names.join(", ")));
            }
        }
        Some(session) => {
            network.wait(network.client.delete_session(app, session))?;
            Last::forget(&network.folder, app, &network.name, session)?;
        }
    }
    match args.output {
        Format::Json => output::json(&Deleted {
            deleted: true,
            app,
            session: args.session.as_ref(),
        }),
        Format::Text => {
            let what = args
                .session
                .as_ref()
                .map_or_else(|| app.to_string(), ToString::to_string);
            output::note(&format!("deleted {what}"));
            Ok(())
        }
    }
}
