use std::fmt::Write as _;

use fogline_core::model::Device;
use fogline_core::network::{Edge, Link, Network, Node, VertexId, VertexKind};
use serde::Serialize;

use super::Notation;
use super::record::{UNKNOWN, VERSION};
use crate::network::unwritable::Unwritable;
use crate::network::{figure, role};

/// Writes a network, one record a line.
///
/// # Errors
/// When a number is larger than the notation can hold (in TOML 2^63).
pub fn write(network: &Network, notation: Notation) -> Result<String, Unwritable> {
    let mut nodes = Vec::with_capacity(network.node_count());
    for id in network.node_ids() {
        let (name, node) = (network.node_name(id), network.node(id));
        if notation == Notation::Toml && i64::try_from(node.cpu_millis.max(node.memory.0)).is_err() {
            return Err(Unwritable::new(name, "TOML holds whole numbers below 2^63 only"));
        }
        nodes.push(node_record(name, node).render(notation));
    }
    let links = network.links().iter().filter_map(|&id| {
        let link = network.link(id)?;
        Some(link_record(&network.vertex(id).name, link).render(notation))
    });
    let switches = network
        .vertices()
        .iter()
        .filter(|vertex| vertex.kind == VertexKind::Switch)
        .map(|vertex| literal(&vertex.name));
    let edges = (0..network.vertices().len() as u32)
        .map(VertexId)
        .flat_map(|from| {
            let edges = network.edges(from).iter();
            edges.map(move |edge| edge_record(network, from, *edge).render(notation))
        });
    let mut lists = vec![
        ("nodes", nodes),
        ("links", links.collect()),
        ("switches", switches.collect()),
        ("edges", edges.collect()),
    ];
    if !is_in_list_order(network) {
        let names = network.vertices().iter().map(|vertex| literal(&vertex.name));
        lists.push(("order", names.collect()));
    }
    Ok(render(&lists, notation))
}

fn render(lists: &[(&str, Vec<String>)], notation: Notation) -> String {
    let mut text = match notation {
        Notation::Toml => format!("fogline_network = {VERSION}\n"),
        Notation::Json => format!("{{\n\"fogline_network\": {VERSION}"),
    };
    for (name, records) in lists {
        let _ = match notation {
            Notation::Toml => write!(text, "\n{name} = ["),
            Notation::Json => write!(text, ",\n\"{name}\": ["),
        };
        for (index, record) in records.iter().enumerate() {
            text.push_str(if index == 0 { "\n  " } else { ",\n  " });
            text.push_str(record);
        }
        text.push_str(match notation {
            Notation::Toml if records.is_empty() => "]\n",
            Notation::Toml => ",\n]\n",
            Notation::Json => "\n]",
        });
    }
    if notation == Notation::Json {
        text.push_str("\n}\n");
    }
    text
}

/// Whether the vertices are nodes, links and switches, in this order, each in the order of their numbers.
fn is_in_list_order(network: &Network) -> bool {
    let nodes = network.node_ids().map(|id| network.node_vertex(id));
    let listed = nodes.chain(network.links().iter().copied());
    listed.zip(0..).all(|(id, position)| id == VertexId(position))
}

/// Keys and values, in the order in which they are written.
struct Record(Vec<(&'static str, String)>);

impl Record {
    fn with(mut self, key: &'static str, value: impl Serialize) -> Self {
        self.0.push((key, literal(&value)));
        self
    }

    fn with_unless<T: Serialize + PartialEq>(self, key: &'static str, value: &T, usual: Option<&T>) -> Self {
        if usual == Some(value) {
            self
        } else {
            self.with(key, value)
        }
    }

    fn render(self, notation: Notation) -> String {
        let fields: Vec<String> = self
            .0
            .into_iter()
            .map(|(key, value)| match notation {
                Notation::Toml => format!("{key} = {value}"),
                Notation::Json => format!("\"{key}\": {value}"),
            })
            .collect();
        format!("{{ {} }}", fields.join(", "))
    }
}

/// A number, boolean, string or list of strings, in the notation that TOML and JSON share.
fn literal<T: Serialize + ?Sized>(value: &T) -> String {
    let json = serde_json::to_string(value).expect("numbers, booleans and strings can be written");
    // TOML does not allow this one control character as it is; JSON leaves it so.
    json.replace('\u{7f}', "\\u007f")
}

fn node_record(name: &str, node: &Node) -> Record {
    let usual = Device::by_model(&node.model).map(role::node);
    let usual = usual.as_ref();
    let unknown = UNKNOWN.to_owned();
    let none = Vec::new();
    Record(Vec::new())
        .with("name", name)
        .with_unless("model", &node.model, Some(&unknown))
        .with_unless("cpu_millis", &node.cpu_millis, usual.map(|node| &node.cpu_millis))
        .with_unless("memory_bytes", &node.memory, usual.map(|node| &node.memory))
        .with_unless(
            "arch",
            &node.arch,
            Some(usual.map_or(&unknown, |node| &node.arch)),
        )
        .with_unless(
            "kind",
            &node.kind,
            Some(usual.map_or(&unknown, |node| &node.kind)),
        )
        .with_unless("worker", &node.worker, Some(&true))
        .with_unless("client", &node.client, Some(&false))
        .with_unless(
            "capabilities",
            &node.capabilities,
            Some(usual.map_or(&none, |node| &node.capabilities)),
        )
}

fn link_record(name: &str, link: &Link) -> Record {
    let record = Record(Vec::new()).with("name", name).with("kind", &link.kind);
    match figure::mbps(link.rate) {
        Some(mbps) => record.with("rate_mbps", mbps),
        None => record.with("rate_bps", link.rate.0),
    }
}

fn edge_record(network: &Network, from: VertexId, edge: Edge) -> Record {
    let record = Record(Vec::new())
        .with("from", &network.vertex(from).name)
        .with("to", &network.vertex(edge.to).name);
    match figure::millis(edge.latency) {
        Some(ms) => record.with("latency_ms", ms),
        None => record.with("latency_s", edge.latency.0),
    }
}
