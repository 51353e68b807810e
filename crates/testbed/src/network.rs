//! What is to be emulated.

use std::path::{Path, PathBuf};

use fogline_core::model::{BadInput, BitRate, Seconds};
use fogline_core::network::Network;
use fogline_manifest::Source;
use fogline_manifest::scenario::{CloudSection, Scenario};
use fogline_state::seal::Keyring;
use fogline_workload::network::native::{self, Notation};

/// A network, and how its nodes are run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The machines and links, without the cloud.
    pub network: Network,
    /// The cloud, which keeps external state.
    pub cloud: CloudSection,
    /// The folder of the nodes' data; each has one of its own in it.
    pub folder: PathBuf,
    /// The keys with which states that are with clients are sealed; new ones, if they need not outlive the network.
    pub keyring: Option<Keyring>,
    /// Whether links have the network's rates and latencies, or none.
    pub shaped: bool,
    /// Whether executions take as long as on the network's machines.
    pub paced: bool,
}

impl Plan {
    /// From a scenario file: its first network file and its cloud.
    ///
    /// # Errors
    /// When the file, or the network that it names, is not as expected.
    pub fn read(path: &Path, folder: PathBuf) -> Result<Self, BadInput> {
        let scenario = Scenario::parse(&Source::read(path)?)?;
        let file = scenario
            .networks
            .iter()
            .find_map(|network| network.file.as_ref())
            .ok_or_else(|| {
                BadInput::whole(
                    path.display().to_string(),
                    "names no network file",
                    "name one as file = \"…\" in [[networks]]; `fogline network generate` writes some",
                )
            })?;
        let network = native::read(&path.parent().unwrap_or(Path::new(".")).join(file))?;
        Ok(Self::new(network, scenario.cloud, folder))
    }

    /// The network of the demonstration, `scenarios/demo.toml`.
    ///
    /// # Errors
    /// Never: a test reads the file.
    pub fn demo(folder: PathBuf) -> Result<Self, BadInput> {
        let (name, text) = (
            "scenarios/demo.toml",
            include_str!("../../../scenarios/demo.toml"),
        );
        let scenario = Scenario::parse(&Source {
            name: name.to_owned(),
            text: text.to_owned(),
        })?;
        let network = include_bytes!("../../../scenarios/demo-network.toml");
        let network = native::parse(network, Notation::Toml, "scenarios/demo-network.toml")?;
        Ok(Self::new(network, scenario.cloud, folder))
    }

    /// A network whose links and machines are emulated.
    #[must_use]
    pub fn new(network: Network, cloud: CloudSection, folder: PathBuf) -> Self {
        Self {
            network,
            cloud,
            folder,
            keyring: None,
            shaped: true,
            paced: true,
        }
    }

    /// How far the cloud is, one way.
    pub(crate) fn cloud_one_way(&self) -> Seconds {
        Seconds::from_millis(self.cloud.rtt_ms / 2.0)
    }

    /// The rate of the link to the cloud.
    pub(crate) fn cloud_rate(&self) -> BitRate {
        BitRate::from_mbps(self.cloud.rate_mbps)
    }
}
