//! Where the network is.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use fogline_client::{Client, Error, network_file};
use fogline_core::model::NodeName;
use fogline_core::model::limits::DEFAULT_DEADLINE;
use fogline_protocol::api::Presence;
use tokio::runtime::{Builder, Runtime};

use crate::failure::Failure;
use crate::output;

/// How long a network of this machine may take to say that it is there.
const GREETING: Duration = Duration::from_secs(5);

/// Where the network is.
#[derive(clap::Args)]
pub(crate) struct Address {
    /// A node's address; else $FOGLINE_URL, else the network that `fogline up` runs on this machine
    #[arg(long, help_heading = "Network", value_name = "URL")]
    url: Option<String>,
    /// The tenant's token; else $FOGLINE_TOKEN, else that of the network on this machine
    #[arg(long, help_heading = "Network", value_name = "TOKEN")]
    token: Option<String>,
    /// How long to wait for an answer, as 500ms or 2m [default: 30s]
    #[arg(long, help_heading = "Network", value_name = "TIME", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
}

/// A network that is there.
pub(crate) struct Network {
    /// Its client.
    pub(crate) client: Client,
    /// Where the client keeps what outlives the command.
    pub(crate) folder: PathBuf,
    /// The tenant's token, if the network wants one.
    pub(crate) token: Option<String>,
    /// How long to wait for an answer.
    pub(crate) timeout: Duration,
    /// What it is known by: its folder, which outlives its addresses, or its address.
    pub(crate) name: String,
    runtime: Runtime,
}

impl Address {
    /// Finds the network, and asks whether it is there.
    pub(crate) fn connect(&self) -> Result<Network, Failure> {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let state = network_file::state_folder().ok_or_else(|| {
            Failure::usage(
                "there is no folder for what outlives a command",
                "set HOME or XDG_STATE_HOME",
            )
        })?;
        let url = self.url.clone().or_else(|| set("FOGLINE_URL"));
        let token = self.token.clone().or_else(|| set("FOGLINE_TOKEN"));
        let is_named = url.is_some();
        let (url, token, data) = match url {
            Some(url) => (url, token, None),
            None => match network_file::read(&state)? {
                Some(network) => (network.url, token.or(network.token), network.data),
                None => return Err(absent("no network runs on this machine".to_owned())),
            },
        };
        let folder = state.join("client");
        let client = Client::builder(&url).token(token.clone()).journal(&folder);
        let timeout = self.timeout.unwrap_or(DEFAULT_DEADLINE);
        let client = client.timeout(timeout).build()?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| Failure::System {
                doing: "starting to wait for the network".to_owned(),
                hint: "close other programs, or raise the limit of open files".to_owned(),
                source,
            })?;
        match runtime.block_on(client.with_timeout(GREETING).check()) {
            Err(Error::Unreachable { .. } | Error::TimedOut { .. }) if !is_named => Err(absent(format!(
                "the network that ran on this machine at {url} has ended"
            ))),
            Err(error) => Err(error.into()),
            Ok(()) => Ok(Network {
                client,
                folder,
                token,
                timeout,
                name: data.map_or(url, |data| data.display().to_string()),
                runtime,
            }),
        }
    }
}

impl Network {
    /// Does it, and waits.
    pub(crate) fn wait<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
        Ok(self.wait_for(work)?)
    }

    /// Asks each node of the network the same, and gives what they answer. The node that all else is asked has to; of the
    /// others those are named, also to whoever waits, that do not.
    pub(crate) fn ask_each<T>(
        &self,
        ask: impl AsyncFn(&Client, &NodeName) -> Result<T, Error>,
    ) -> Result<(BTreeMap<NodeName, T>, Vec<NodeName>), Failure> {
        let nodes = self.wait(self.client.nodes())?;
        let first = self.wait(ask(&self.client, &nodes.here))?;
        let others = nodes.nodes.into_iter().filter(|node| node.name != nodes.here);
        let (mut answers, mut silent) = (BTreeMap::new(), Vec::new());
        for node in others {
            let answer = match node.http.filter(|_| node.presence == Presence::Alive) {
                Some(http) => {
                    let client = self.client_of(http)?;
                    self.wait_for(ask(&client, &node.name)).ok()
                }
                None => None,
            };
            match answer {
                Some(answer) => drop(answers.insert(node.name, answer)),
                None => silent.push(node.name),
            }
        }
        answers.insert(nodes.here, first);
        if !silent.is_empty() {
            let names: Vec<_> = silent.iter().map(NodeName::as_str).collect();
            output::note(&format!("no answer from {}", names.join(", ")));
        }
        Ok((answers, silent))
    }

    /// A client of another node of the network, of the same tenant, which does not wait long.
    fn client_of(&self, http: SocketAddr) -> Result<Client, Failure> {
        let client = Client::builder(format!("http://{http}")).token(self.token.clone());
        Ok(client.timeout(GREETING).build()?)
    }

    /// As [`Network::wait`], for those who tell errors apart.
    pub(crate) fn wait_for<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.runtime.block_on(work)
    }
}

fn absent(problem: String) -> Failure {
    Failure::Remote {
        problem,
        hint: "start one with `fogline up`, or name one with --url".to_owned(),
        exit_code: 1,
    }
}
