//! `fogline state`.

use clap::Subcommand;
use data_encoding::BASE64;
use fogline_core::model::{AppName, ExecutionModel, SessionId, StateName};
use fogline_protocol::api::States;
use serde::Serialize;

use super::describe;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::remote::{Address, Input, Network};

/// The arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// List the states of a session
    Ls(Target),
    /// Print a state's bytes
    Get {
        #[command(flatten)]
        target: Target,
        /// The state
        state: StateName,
    },
    /// Set a state
    Put {
        #[command(flatten)]
        target: Target,
        /// The state
        state: StateName,
        /// Its bytes: a text, @FILE for a file's, - for standard input
        #[arg(allow_hyphen_values = true)]
        value: Input,
    },
    /// Delete a state
    Rm {
        #[command(flatten)]
        target: Target,
        /// The state
        state: StateName,
    },
    /// Go on with a session that has lost acknowledged changes, from what is left of it
    Accept(Target),
    /// Move a session to another execution model, also while it is in use
    Convert {
        #[command(flatten)]
        target: Target,
        /// Where to: external, in-edge, in-function or in-client
        #[arg(long, value_name = "MODEL")]
        to: ExecutionModel,
    },
}

/// Which session is meant.
#[derive(clap::Args)]
struct Target {
    /// The session
    session: SessionId,
    /// Its application; it is looked for if this is left out
    #[arg(long, value_name = "APP")]
    app: Option<AppName>,
    #[command(flatten)]
    network: Address,
    /// How the result is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Serialize)]
struct Value {
    state: StateName,
    /// The bytes, if they are text.
    value: Option<String>,
    value_base64: String,
}

#[derive(Serialize)]
struct Done<'a> {
    session: &'a SessionId,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'a StateName>,
    done: &'static str,
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    match &args.act {
        Act::Ls(target) => {
            let (network, app) = target.find()?;
            let states = network.wait(network.client.states(&app, &target.session))?;
            match target.output {
                Format::Json => output::json(&States { states }),
                Format::Text => output::data(&describe::states(&states)),
            }
        }
        Act::Get { target, state } => {
            let (network, app) = target.find()?;
            let bytes = network.wait(network.client.get_state(&app, &target.session, state))?;
            match target.output {
                Format::Text => output::value(&bytes),
                Format::Json => output::json(&Value {
                    state: state.clone(),
                    value: String::from_utf8(bytes.to_vec()).ok(),
                    value_base64: BASE64.encode(&bytes),
                }),
            }
        }
        Act::Put { target, state, value } => {
            let value = value.read()?;
            let (network, app) = target.find()?;
            network.wait(network.client.put_state(&app, &target.session, state, value))?;
            target.done(Some(state), "set")
        }
        Act::Rm { target, state } => {
            let (network, app) = target.find()?;
            network.wait(network.client.delete_state(&app, &target.session, state))?;
            target.done(Some(state), "deleted")
        }
        Act::Accept(target) => {
            let (network, app) = target.find()?;
            network.wait(network.client.accept_loss(&app, &target.session))?;
            target.done(None, "accepted")
        }
        Act::Convert { target, to } => convert(target, *to),
    }
}

fn convert(target: &Target, to: ExecutionModel) -> Result<(), Failure> {
    let (network, app) = target.find()?;
    let session = network.wait(network.client.convert(&app, &target.session, to))?;
    if session.parts.first().is_some_and(|part| part.model != to) {
        output::note("another client holds it: it is asked for at that client's next request");
    }
    match target.output {
        Format::Json => output::json(&session),
        Format::Text => output::data(&describe::session(&session)),
    }
}

impl Target {
    fn find(&self) -> Result<(Network, AppName), Failure> {
        let network = self.network.connect()?;
        let app = match &self.app {
            Some(app) => app.clone(),
            None => network.wait(network.client.app_of(&self.session))?,
        };
        Ok((network, app))
    }

    fn done(&self, state: Option<&StateName>, done: &'static str) -> Result<(), Failure> {
        match self.output {
            Format::Json => output::json(&Done {
                session: &self.session,
                state,
                done,
            }),
            Format::Text => {
                let what = state.map_or_else(|| self.session.to_string(), ToString::to_string);
                output::note(&format!("{done} {what}"));
                Ok(())
            }
        }
    }
}
