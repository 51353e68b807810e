use std::fmt::Write as _;

use fogline_core::model::Device;
use fogline_core::network::{Link, Network, Node, VertexId};

use super::LINK_KINDS;
use crate::network::text::{MAX_LINE, excerpt};
use crate::network::unwritable::Unwritable;
use crate::network::{figure, role};

/// A network in StateSim's format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatesimFiles {
    /// The file `.nodes`.
    pub nodes: String,
    /// The file `.links`.
    pub links: String,
    /// The file `.edges`.
    pub edges: String,
}

/// Writes a network. Latencies, capabilities and roles have no place in these files ([`lost`] says what that
/// concerns).
///
/// # Errors
/// When a name, device model or kind of link is none that `StateSim` could read back.
pub fn write(network: &Network) -> Result<StatesimFiles, Unwritable> {
    let mut files = StatesimFiles {
        nodes: String::new(),
        links: String::new(),
        edges: String::new(),
    };
    for (index, id) in network.node_ids().enumerate() {
        let (name, node) = (network.node_name(id), network.node(id));
        check_node(name, node)?;
        let _ = writeln!(
            files.nodes,
            "{index};{name};{};{};{};{};{}",
            node.memory.0, node.cpu_millis, node.arch, node.kind, node.model
        );
    }
    for (index, &id) in network.links().iter().enumerate() {
        if let Some(link) = network.link(id) {
            let name = &network.vertex(id).name;
            check_link(name, link)?;
            let _ = writeln!(
                files.links,
                "{index};{};{name};{}",
                figure::mbps(link.rate).unwrap_or(link.rate.as_mbps()),
                link.kind
            );
        }
    }
    for (index, vertex) in network.vertices().iter().enumerate() {
        if !is_word(&vertex.name) {
            return Err(Unwritable::new(
                &vertex.name,
                "StateSim's names have no spaces and no semicolons, and do not begin with #",
            ));
        }
        edges_of(&mut files.edges, network, VertexId(index as u32));
    }
    Ok(files)
}

/// What of this network its files in StateSim's format do not tell, in words.
#[must_use]
pub fn lost(network: &Network) -> Vec<&'static str> {
    let mut lost = Vec::new();
    let edges = (0..network.vertices().len() as u32).flat_map(|v| network.edges(VertexId(v)));
    if edges.into_iter().any(|edge| edge.latency.0 > 0.0) {
        lost.push("latencies");
    }
    let nodes = || network.node_ids().map(|id| network.node(id));
    if nodes().any(|node| !node.worker || node.client != role::is_client(&node.model)) {
        lost.push("roles");
    }
    let usual = |node: &Node| Device::by_model(&node.model).map(|device| role::node(device).capabilities);
    if nodes().any(|node| usual(node).is_some_and(|usual| usual != node.capabilities)) {
        lost.push("capabilities");
    }
    lost
}

/// Whether a name can stand in these files.
pub(super) fn is_word(name: &str) -> bool {
    const LONGEST: usize = 1024;
    let forbidden = |character: char| character == ';' || character.is_whitespace() || character.is_control();
    !name.is_empty() && name.len() <= LONGEST && !name.starts_with('#') && !name.contains(forbidden)
}

/// One line, or several where it would be too long to be read back.
fn edges_of(text: &mut String, network: &Network, from: VertexId) {
    let source = &network.vertex(from).name;
    text.push_str(source);
    let mut length = source.len();
    for edge in network.edges(from) {
        let target = &network.vertex(edge.to).name;
        if length + 1 + target.len() > MAX_LINE {
            text.push('\n');
            text.push_str(source);
            length = source.len();
        }
        text.push(' ');
        text.push_str(target);
        length += 1 + target.len();
    }
    text.push('\n');
}

fn check_node(name: &str, node: &Node) -> Result<(), Unwritable> {
    if Device::by_model(&node.model).is_none() {
        return Err(Unwritable::new(
            name,
            format!(
                "\"{}\" is none of the device models {}",
                excerpt(&node.model),
                role::known_models()
            ),
        ));
    }
    for (what, value) in [("arch", &node.arch), ("kind", &node.kind)] {
        if value.is_empty() || value.contains(|character: char| character == ';' || character.is_control()) {
            return Err(Unwritable::new(
                name,
                format!("its {what} is empty or has semicolons"),
            ));
        }
    }
    Ok(())
}

fn check_link(name: &str, link: &Link) -> Result<(), Unwritable> {
    if LINK_KINDS.contains(&link.kind.as_str()) {
        return Ok(());
    }
    Err(Unwritable::new(
        name,
        format!(
            "\"{}\" is none of the kinds of link {}",
            excerpt(&link.kind),
            LINK_KINDS.join(", ")
        ),
    ))
}
