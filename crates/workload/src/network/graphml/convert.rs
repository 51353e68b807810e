//! From nodes and edges with attributes to a network.

use std::collections::HashMap;

use fogline_core::model::{BadInput, BitRate, Bytes, Device, Seconds};
use fogline_core::network::{Link, Network, NetworkBuilder, Node, VertexId, VertexKind};

use super::document::{Datum, Document, Element, Source};
use crate::network::role;
use crate::network::text::{excerpt, not_a_network};

pub(super) fn network(document: &Document<'_>) -> Result<Network, BadInput> {
    let source = document.source;
    let mut wiring = Wiring {
        builder: NetworkBuilder::new(),
        source,
        wires: HashMap::new(),
        links: HashMap::new(),
    };
    for element in &document.nodes {
        let kind = match machine(element, source)? {
            Some(node) => VertexKind::Node(node),
            None => VertexKind::Switch,
        };
        wiring.add(element, element.id.clone(), kind)?;
    }
    for element in &document.edges {
        wiring.edge(element)?;
    }
    wiring
        .builder
        .build()
        .map_err(|error| match not_a_network(source.name(), &error) {
            bad if document.nodes.is_empty() => bad,
            bad if matches!(error, fogline_core::network::NetworkError::NoNode) => BadInput {
                hint: "all nodes are switches; give machines the attribute model, as nuci5, or cores and \
                       memory_gb"
                    .to_owned(),
                ..bad
            },
            bad => bad,
        })
}

/// The edges so far.
struct Wiring<'a> {
    builder: NetworkBuilder,
    source: Source<'a>,
    /// Latencies of the edges without capacity.
    wires: HashMap<(VertexId, VertexId), Seconds>,
    /// How many link vertices share a name but for their number.
    links: HashMap<String, u32>,
}

impl Wiring<'_> {
    fn add(&mut self, element: &Element, name: String, kind: VertexKind) -> Result<VertexId, BadInput> {
        self.builder.add(name, kind).map_err(|error| {
            let bad = not_a_network(self.source.name(), &error);
            self.source.bad(element.offset, bad.problem, &bad.hint)
        })
    }

    fn edge(&mut self, element: &Element) -> Result<(), BadInput> {
        let find = |id: &str| {
            self.builder.find(id).ok_or_else(|| {
                let problem = format!("the edge names the node \"{}\", which is not there", excerpt(id));
                self.source
                    .bad(element.offset, problem, "declare every node before the edges")
            })
        };
        let (from, to) = (find(&element.id)?, find(&element.target)?);
        let latency = quantity(element, &LATENCY, self.source)?.unwrap_or(0.0);
        let rate = quantity(element, &RATE, self.source)?;
        if from == to {
            return Ok(());
        }
        let directions = [(from, to), (to, from)];
        let directions = &directions[..if element.directed { 1 } else { 2 }];
        let Some(rate) = rate else {
            for &(from, to) in directions {
                let wire = self.wires.entry((from, to)).or_insert(Seconds(latency));
                wire.0 = wire.0.min(latency);
                let quickest = *wire;
                self.connect(element, from, to, quickest)?;
            }
            return Ok(());
        };
        let link = Link {
            rate: BitRate(rate),
            kind: "shared".to_owned(),
        };
        let name = self.link_name(element);
        let middle = self.add(element, name, VertexKind::Link(link))?;
        for &(from, to) in directions {
            self.connect(element, from, middle, Seconds(latency))?;
            self.connect(element, middle, to, Seconds::ZERO)?;
        }
        Ok(())
    }

    fn connect(
        &mut self,
        element: &Element,
        from: VertexId,
        to: VertexId,
        latency: Seconds,
    ) -> Result<(), BadInput> {
        self.builder.connect(from, to, latency).map_err(|error| {
            let bad = not_a_network(self.source.name(), &error);
            self.source.bad(element.offset, bad.problem, &bad.hint)
        })
    }

    /// A name that no vertex has.
    fn link_name(&mut self, element: &Element) -> String {
        let base = format!("link_{}_{}", element.id, element.target);
        let number = self.links.entry(base.clone()).or_default();
        loop {
            *number += 1;
            let name = match *number {
                1 => base.clone(),
                number => format!("{base}_{number}"),
            };
            if self.builder.find(&name).is_none() {
                return name;
            }
        }
    }
}

/// A quantity with many names: the stems alone mean the first unit.
struct Quantity {
    stems: &'static [&'static str],
    /// Suffix and factor to the unit of the model.
    units: &'static [(&'static str, f64)],
    /// Names that stand for themselves.
    others: &'static [(&'static str, f64)],
    positive: bool,
}

/// In seconds.
const LATENCY: Quantity = Quantity {
    stems: &["latency", "delay"],
    units: &[("", 1e-3), ("_ms", 1e-3), ("_us", 1e-6), ("_s", 1.0)],
    others: &[],
    positive: false,
};

/// In bits per second.
const RATE: Quantity = Quantity {
    stems: &["bandwidth", "capacity", "rate", "bw"],
    units: &[
        ("", 1e6),
        ("_mbps", 1e6),
        ("_bps", 1.0),
        ("_kbps", 1e3),
        ("_gbps", 1e9),
    ],
    // The Internet Topology Zoo's.
    others: &[("linkspeedraw", 1.0)],
    positive: true,
};

/// In thousandths of a core.
const CPU: Quantity = Quantity {
    stems: &[],
    units: &[],
    others: &[("cpu_millis", 1.0), ("cores", 1e3)],
    positive: true,
};

/// In bytes.
const MEMORY: Quantity = Quantity {
    stems: &[],
    units: &[],
    others: &[("memory_bytes", 1.0), ("memory_mb", 1e6), ("memory_gb", 1e9)],
    positive: true,
};

fn quantity(element: &Element, quantity: &Quantity, source: Source<'_>) -> Result<Option<f64>, BadInput> {
    let stems = quantity.stems.iter().flat_map(|stem| {
        let units = quantity.units.iter();
        units.map(move |(unit, factor)| (format!("{stem}{unit}"), *factor))
    });
    let others = quantity
        .others
        .iter()
        .map(|(name, factor)| ((*name).to_owned(), *factor));
    for (name, factor) in stems.chain(others) {
        let Some(datum) = element.data.get(&name) else {
            continue;
        };
        // Dividing by 1000 instead of multiplying with 0.001 gives the nearest float.
        let convert = |value: f64| {
            if factor < 1.0 {
                value / (1.0 / factor)
            } else {
                value * factor
            }
        };
        let value = datum.text.parse().ok().map(convert);
        let fits = |value: &f64| value.is_finite() && *value >= 0.0 && (*value > 0.0 || !quantity.positive);
        let Some(value) = value.filter(fits) else {
            let least = if quantity.positive {
                "a positive number"
            } else {
                "a number of at least 0"
            };
            let problem = format!("{name}: expected {least}, found \"{}\"", excerpt(&datum.text));
            let hint = "write digits and a point, without a unit; the attribute's name tells the unit";
            return Err(source.bad(datum.offset, problem, hint));
        };
        return Ok(Some(value));
    }
    Ok(None)
}

/// What a node calls itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Client,
    Worker,
    Host,
    Switch,
}

fn role_of(element: &Element) -> Option<Role> {
    let named = |key: &str| element.data.get(key).map(|datum| datum.text.to_lowercase());
    ["role", "type", "kind"].into_iter().find_map(|key| {
        Some(match named(key)?.as_str() {
            "client" => Role::Client,
            "worker" | "server" => Role::Worker,
            "host" | "node" => Role::Host,
            "switch" | "router" => Role::Switch,
            _ => return None,
        })
    })
}

/// The machine that a node is, if it is one.
fn machine(element: &Element, source: Source<'_>) -> Result<Option<Node>, BadInput> {
    let model = ["model", "device"]
        .into_iter()
        .find_map(|key| element.data.get(key));
    let cpu = quantity(element, &CPU, source)?;
    let memory = quantity(element, &MEMORY, source)?;
    let role = role_of(element);
    if role == Some(Role::Switch) || (role.is_none() && model.is_none() && cpu.is_none() && memory.is_none())
    {
        return Ok(None);
    }
    let device = model.and_then(|datum| {
        let name = datum.text.as_str();
        Device::by_model(name).or_else(|| Device::by_name(name))
    });
    let text = |key: &str| element.data.get(key).map(|datum| datum.text.clone());
    let usual = device.map(role::node);
    let (cpu, memory) = (
        cpu.map(|millis| millis.ceil() as u64),
        memory.map(|bytes| Bytes(bytes.ceil() as u64)),
    );
    let mut node = match (usual, cpu, memory) {
        (Some(usual), cpu, memory) => Node {
            cpu_millis: cpu.unwrap_or(usual.cpu_millis),
            memory: memory.unwrap_or(usual.memory),
            ..usual
        },
        (None, Some(cpu_millis), Some(memory)) => Node {
            cpu_millis,
            memory,
            arch: "unknown".to_owned(),
            kind: "unknown".to_owned(),
            model: model.map_or_else(|| "unknown".to_owned(), |datum| datum.text.clone()),
            worker: true,
            client: false,
            capabilities: Vec::new(),
        },
        (None, _, _) => return Err(unknown_machine(element, model, source)),
    };
    match role {
        Some(Role::Client) => (node.worker, node.client) = (false, true),
        Some(Role::Worker) => node.client = false,
        Some(Role::Host | Role::Switch) | None => {}
    }
    node.arch = text("arch").unwrap_or(node.arch);
    node.client = flag(element, "client", source)?.unwrap_or(node.client);
    node.worker = flag(element, "worker", source)?.unwrap_or(node.worker);
    Ok(Some(node))
}

fn unknown_machine(element: &Element, model: Option<&Datum>, source: Source<'_>) -> BadInput {
    let hint = format!(
        "give cores and memory_gb too, or one of the models {}",
        role::known_models()
    );
    let id = excerpt(&element.id);
    match model {
        Some(datum) => source.bad(
            datum.offset,
            format!("\"{id}\" is of the unknown model \"{}\"", excerpt(&datum.text)),
            &hint,
        ),
        None => source.bad(
            element.offset,
            format!("\"{id}\" is a machine without a model"),
            &hint,
        ),
    }
}

fn flag(element: &Element, name: &str, source: Source<'_>) -> Result<Option<bool>, BadInput> {
    let Some(datum) = element.data.get(name) else {
        return Ok(None);
    };
    match datum.text.to_lowercase().as_str() {
        "true" | "1" => Ok(Some(true)),
        "false" | "0" => Ok(Some(false)),
        _ => Err(source.bad(
            datum.offset,
            format!(
                "{name}: expected true or false, found \"{}\"",
                excerpt(&datum.text)
            ),
            "write true or false",
        )),
    }
}
