//! The records of a file, and what each may hold.

use fogline_core::model::{BitRate, Bytes, Device, Seconds};
use fogline_core::network::{Link, Node};
use serde::Deserialize;

use crate::network::role;
use crate::network::text::excerpt;

/// The number that tells the format.
pub(super) const VERSION: u32 = 1;

/// A whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// The format's number, [`VERSION`].
    #[serde(rename = "fogline_network")]
    pub(super) version: u32,
    #[serde(default)]
    pub(super) nodes: Vec<NodeRecord>,
    #[serde(default)]
    pub(super) links: Vec<LinkRecord>,
    #[serde(default)]
    pub(super) switches: Vec<String>,
    #[serde(default)]
    pub(super) edges: Vec<EdgeRecord>,
    /// All names, in the order of the vertices, where that is not nodes, links, switches.
    pub(super) order: Option<Vec<String>>,
}

/// A node as people write it: what the catalogue knows of its model may be left out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NodeRecord {
    pub(super) name: String,
    model: Option<String>,
    cpu_millis: Option<u64>,
    memory_bytes: Option<u64>,
    arch: Option<String>,
    kind: Option<String>,
    #[serde(default = "yes")]
    worker: bool,
    #[serde(default)]
    client: bool,
    capabilities: Option<Vec<String>>,
}

/// Nodes work unless it is said that they do not.
fn yes() -> bool {
    true
}

/// What stands for an instruction set, form factor or model that is not told.
pub(super) const UNKNOWN: &str = "unknown";

impl NodeRecord {
    /// The node, or what is wrong with it.
    pub(super) fn node(self) -> Result<Node, String> {
        let model = self.model.unwrap_or_else(|| UNKNOWN.to_owned());
        let usual = Device::by_model(&model).map(role::node);
        let missing = |what: &str| {
            format!(
                "node \"{}\" lacks {what}, and the model \"{}\" is none of {}",
                excerpt(&self.name),
                excerpt(&model),
                role::known_models()
            )
        };
        let usual = usual.as_ref();
        let cpu_millis = self.cpu_millis.or_else(|| usual.map(|node| node.cpu_millis));
        let memory = self
            .memory_bytes
            .map(Bytes)
            .or_else(|| usual.map(|node| node.memory));
        let text = |given: Option<String>, usual: Option<&String>| {
            given
                .or_else(|| usual.cloned())
                .unwrap_or_else(|| UNKNOWN.to_owned())
        };
        Ok(Node {
            cpu_millis: cpu_millis.ok_or_else(|| missing("cpu_millis"))?,
            memory: memory.ok_or_else(|| missing("memory_bytes"))?,
            arch: text(self.arch, usual.map(|node| &node.arch)),
            kind: text(self.kind, usual.map(|node| &node.kind)),
            worker: self.worker,
            client: self.client,
            capabilities: self
                .capabilities
                .or_else(|| usual.map(|node| node.capabilities.clone()))
                .unwrap_or_default(),
            model,
        })
    }
}

/// A link as people write it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkRecord {
    pub(super) name: String,
    #[serde(default = "shared")]
    kind: String,
    rate_mbps: Option<f64>,
    rate_bps: Option<f64>,
}

fn shared() -> String {
    "shared".to_owned()
}

impl LinkRecord {
    /// The link, or what is wrong with it.
    pub(super) fn link(self) -> Result<Link, String> {
        let rate = match (self.rate_mbps, self.rate_bps) {
            (Some(mbps), None) => BitRate::from_mbps(mbps),
            (None, Some(bps)) => BitRate(bps),
            _ => {
                let name = excerpt(&self.name);
                return Err(format!(
                    "link \"{name}\" needs a rate, either as rate_mbps or as rate_bps"
                ));
            }
        };
        Ok(Link {
            rate,
            kind: self.kind,
        })
    }
}

/// An edge as people write it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EdgeRecord {
    pub(super) from: String,
    pub(super) to: String,
    latency_ms: Option<f64>,
    latency_s: Option<f64>,
    #[serde(default)]
    pub(super) both_ways: bool,
}

impl EdgeRecord {
    /// How long it takes to cross it, or what is wrong with that.
    pub(super) fn latency(&self) -> Result<Seconds, String> {
        match (self.latency_ms, self.latency_s) {
            (None, None) => Ok(Seconds::ZERO),
            (Some(ms), None) => Ok(Seconds::from_millis(ms)),
            (None, Some(s)) => Ok(Seconds(s)),
            (Some(_), Some(_)) => {
                let (from, to) = (excerpt(&self.from), excerpt(&self.to));
                Err(format!(
                    "the edge from \"{from}\" to \"{to}\" has its latency twice, as latency_ms and as latency_s"
                ))
            }
        }
    }
}
