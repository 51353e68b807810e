//! `fogline authority`: who is a node of a network.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Subcommand;
use fogline_core::model::NodeName;
use fogline_node::peers::{Authority, revoke, system_clock};

use crate::failure::Failure;
use crate::peering::{authority, failed, resolve};
use crate::{asynchronous, output};

/// How long a revocation may take, over all peers that are tried.
const PATIENCE: Duration = Duration::from_secs(60);

/// Say who is a node of a network.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Make the authority of a new network
    New {
        /// Where its certificate and key are written; made if it is not there
        folder: PathBuf,
    },
    /// Print a token with which a machine becomes a node
    Token {
        /// The authority's folder
        folder: PathBuf,
        /// The node that it is for; without, any name that no node has yet
        #[arg(long, value_name = "NAME")]
        node: Option<NodeName>,
        /// How long it serves, as 30m or 2days
        #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
        valid: Duration,
    },
    /// Throw a node out of its network: its certificates are void from now on
    Revoke {
        /// The authority's folder
        folder: PathBuf,
        /// Its name
        node: NodeName,
        /// Where peers are, as 10.0.0.1:7071: the first that answers tells all others
        #[arg(long = "peer", value_name = "ADDRESS", required = true)]
        peers: Vec<String>,
    },
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.act {
        Act::New { folder } => {
            std::fs::create_dir_all(&folder).map_err(|source| Failure::writing(&folder, source))?;
            let hint = "choose a folder that may be written, and where no authority is yet";
            let made = Authority::new().and_then(|authority| authority.save(&folder));
            made.map_err(|error| failed(&error, hint))?;
            output::note(&format!(
                "{} holds the network's authority: whoever has authority.key says who is a node",
                folder.display()
            ));
            Ok(())
        }
        Act::Token { folder, node, valid } => {
            let token = authority(&folder)?.token(node.as_ref(), system_clock()(), valid);
            let token = token.map_err(|error| failed(&error, "look after the machine"))?;
            output::data(&format!("{}\n", token.text()))
        }
        Act::Revoke { folder, node, peers } => {
            let authority = authority(&folder)?;
            let mut addresses = Vec::new();
            for peer in &peers {
                addresses.extend(resolve(peer)?);
            }
            asynchronous::run(async {
                let deadline = Instant::now() + PATIENCE;
                let revoked = revoke(&node, &authority, system_clock(), &addresses, deadline).await;
                revoked.map_err(|error| failed(&error, "name a peer that is up, with --peer"))
            })?;
            output::note(&format!("{node} is out"));
            Ok(())
        }
    }
}
