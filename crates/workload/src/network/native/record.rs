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
    #[expect(dead_code, reason = "reading it is what checks it")]
    pub(super) version: Version,
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

#[derive(Deserialize)]
#[serde(try_from = "u32")]
pub(super) struct Version;

impl TryFrom<u32> for Version {
    type Error = String;

    fn try_from(version: u32) -> Result<Self, String> {
        match version {
            VERSION => Ok(Self),
            other => Err(format!(
                "fogline_network is {other}, but only {VERSION} can be read"
            )),
        }
    }
}

#[derive(Deserialize)]
#[serde(try_from = "RawNode")]
pub(super) struct NodeRecord {
    pub(super) name: String,
    pub(super) node: Node,
}

/// A node as people write it: what the catalogue knows of its model may be left out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNode {
    name: String,
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

impl TryFrom<RawNode> for NodeRecord {
    type Error = String;

    fn try_from(raw: RawNode) -> Result<Self, String> {
        let model = raw.model.unwrap_or_else(|| UNKNOWN.to_owned());
        let usual = Device::by_model(&model).map(role::node);
        let missing = |what: &str| {
            format!(
                "node \"{}\" lacks {what}, and the model \"{}\" is none of {}",
                excerpt(&raw.name),
                excerpt(&model),
                role::known_models()
            )
        };
        let usual = usual.as_ref();
        let cpu_millis = raw.cpu_millis.or_else(|| usual.map(|node| node.cpu_millis));
        let memory = raw
            .memory_bytes
            .map(Bytes)
            .or_else(|| usual.map(|node| node.memory));
        let text = |given: Option<String>, usual: Option<&String>| {
            given
                .or_else(|| usual.cloned())
                .unwrap_or_else(|| UNKNOWN.to_owned())
        };
        let node = Node {
            cpu_millis: cpu_millis.ok_or_else(|| missing("cpu_millis"))?,
            memory: memory.ok_or_else(|| missing("memory_bytes"))?,
            arch: text(raw.arch, usual.map(|node| &node.arch)),
            kind: text(raw.kind, usual.map(|node| &node.kind)),
            worker: raw.worker,
            client: raw.client,
            capabilities: raw
                .capabilities
                .or_else(|| usual.map(|node| node.capabilities.clone()))
                .unwrap_or_default(),
            model,
        };
        Ok(Self { name: raw.name, node })
    }
}

#[derive(Deserialize)]
#[serde(try_from = "RawLink")]
pub(super) struct LinkRecord {
    pub(super) name: String,
    pub(super) link: Link,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLink {
    name: String,
    #[serde(default = "shared")]
    kind: String,
    rate_mbps: Option<f64>,
    rate_bps: Option<f64>,
}

fn shared() -> String {
    "shared".to_owned()
}

impl TryFrom<RawLink> for LinkRecord {
    type Error = String;

    fn try_from(raw: RawLink) -> Result<Self, String> {
        let rate = match (raw.rate_mbps, raw.rate_bps) {
            (Some(mbps), None) => BitRate::from_mbps(mbps),
            (None, Some(bps)) => BitRate(bps),
            _ => {
                return Err(format!(
                    "link \"{}\" needs a rate, either as rate_mbps or as rate_bps",
                    excerpt(&raw.name)
                ));
            }
        };
        Ok(Self {
            name: raw.name,
            link: Link { rate, kind: raw.kind },
        })
    }
}

#[derive(Deserialize)]
#[serde(try_from = "RawEdge")]
pub(super) struct EdgeRecord {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) latency: Seconds,
    pub(super) both_ways: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEdge {
    from: String,
    to: String,
    latency_ms: Option<f64>,
    latency_s: Option<f64>,
    #[serde(default)]
    both_ways: bool,
}

impl TryFrom<RawEdge> for EdgeRecord {
    type Error = String;

    fn try_from(raw: RawEdge) -> Result<Self, String> {
        let latency = match (raw.latency_ms, raw.latency_s) {
            (None, None) => Seconds::ZERO,
            (Some(ms), None) => Seconds::from_millis(ms),
            (None, Some(s)) => Seconds(s),
            (Some(_), Some(_)) => {
                return Err(format!(
                    "the edge from \"{}\" to \"{}\" has its latency twice, as latency_ms and as latency_s",
                    excerpt(&raw.from),
                    excerpt(&raw.to)
                ));
            }
        };
        Ok(Self {
            from: raw.from,
            to: raw.to,
            latency,
            both_ways: raw.both_ways,
        })
    }
}
