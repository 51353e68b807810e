//! `fogline up`: a network of real nodes for daily work, on this machine.

use std::fmt::Write as _;
use std::path::PathBuf;

use fogline_client::network_file::{self, Network};
use fogline_state::seal::Keyring;
use fogline_testbed::{Plan, Testbed};

use super::node::keyring;
use crate::asynchronous;
use crate::failure::Failure;
use crate::output;

/// What is said of nodes that ask for no tokens.
pub(super) const LOOPBACK: &str = "loopback development mode: no tokens, whoever reaches a node is trusted";

/// Run a network of nodes on this machine until it is interrupted.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A scenario whose first network file and cloud are run [default: that of `fogline demo`]
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// The folder of the nodes' data, which outlives the network [default: fogline/network in the user's state folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Leave out the network's rates, latencies and speeds: as fast as this machine is
    #[arg(long)]
    unshaped: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    asynchronous::run(async {
        let folder = match &args.data {
            Some(folder) => folder.clone(),
            None => state_folder()?.join("network"),
        };
        let data = std::path::absolute(&folder).unwrap_or_else(|_| folder.clone());
        let mut plan = match &args.scenario {
            Some(path) => Plan::read(path, folder.clone())?,
            None => Plan::demo(folder.clone())?,
        };
        // Clients go on with what they hold from the network that was here before.
        plan.keyring = Some(keyring(&folder.join("local.key"), Keyring::generate)?);
        (plan.shaped, plan.paced) = (!args.unshaped, !args.unshaped);
        let network = Testbed::start(plan).await?;
        serve(&network, LOOPBACK, Some(data)).await?;
        network.stop().await;
        Ok(())
    })
}

/// Says where the network is, and from which folder it goes on later, and waits for the interrupt.
pub(crate) async fn serve(network: &Testbed, remark: &str, data: Option<PathBuf>) -> Result<(), Failure> {
    let mut text = String::new();
    for node in network.nodes() {
        let role = if network.clients().contains(node) {
            "  (clients' requests enter here)"
        } else {
            ""
        };
        let _ = writeln!(text, "{node:<12} {}{role}", network.url(node).unwrap_or_default());
    }
    output::data(&text)?;
    let folder = state_folder()?;
    let url = network
        .clients()
        .first()
        .and_then(|node| network.url(node))
        .unwrap_or_default();
    let it = Network {
        url,
        token: None,
        data,
    };
    network_file::write(&folder, &it)?;
    output::note(&format!(
        "{remark}\n`fogline deploy` and `fogline invoke` find it; stop it with Ctrl-C"
    ));
    let interrupted = asynchronous::interrupted().await;
    network_file::remove(&folder, &it)?;
    interrupted
}

fn state_folder() -> Result<PathBuf, Failure> {
    network_file::state_folder().ok_or_else(|| {
        Failure::usage(
            "there is no folder for what outlives a command",
            "set HOME, or XDG_STATE_HOME",
        )
    })
}
