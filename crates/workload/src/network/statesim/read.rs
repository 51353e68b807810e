use std::collections::HashMap;
use std::path::Path;

use fogline_core::model::{BadInput, BitRate, Bytes, Device, Seconds};
use fogline_core::network::{Link, Network, NetworkBuilder, Node, VertexId, VertexKind};

use super::LINK_KINDS;
use crate::network::role;
use crate::network::text::{self, Layout, excerpt, not_a_network};

/// Reads a network. Nodes and links are numbered as in their files, vertices in the order of the edges' lines.
///
/// # Errors
/// When a file cannot be read or has a fault.
pub fn read(nodes: &Path, links: &Path, edges: &Path) -> Result<Network, BadInput> {
    let load = |path: &Path| Ok((path.display().to_string(), text::load(path, Layout::Lines)?));
    assemble(load(nodes)?, load(links)?, load(edges)?)
}

/// Reads a network from memory; messages call the files `nodes`, `links` and `edges`.
///
/// # Errors
/// When one has a fault.
pub fn parse(nodes: &[u8], links: &[u8], edges: &[u8]) -> Result<Network, BadInput> {
    let load = |name: &str, bytes: &[u8]| Ok((name.to_owned(), text::gather(bytes, name, Layout::Lines)?));
    assemble(
        load("nodes", nodes)?,
        load("links", links)?,
        load("edges", edges)?,
    )
}

type NamedText = (String, String);

fn assemble(nodes: NamedText, links: NamedText, edges: NamedText) -> Result<Network, BadInput> {
    let mut machines = Vec::new();
    for record in records(&nodes) {
        machines.push(node(&record)?);
    }
    let mut capacities = Vec::new();
    for record in records(&links) {
        capacities.push(link(&record)?);
    }
    let node_count = machines.len();
    let mut kinds = HashMap::new();
    let mut names = Vec::new();
    for (name, kind) in machines.into_iter().chain(capacities) {
        if kinds.insert(name.text, kind).is_some() {
            return Err(name.bad(
                "a name that is not taken",
                "give every node and every link a name of its own",
            ));
        }
        names.push(name.text);
    }
    let adjacency = adjacency(&edges)?;

    let mut builder = NetworkBuilder::new();
    for name in order(&adjacency, &kinds, &names)? {
        let kind = kinds.remove(name).unwrap_or(VertexKind::Switch);
        builder
            .add(name, kind)
            .map_err(|error| not_a_network(&edges.0, &error))?;
    }
    let id = |builder: &NetworkBuilder, name: &str| {
        builder
            .find(name)
            .expect("every name in any of the files was added")
    };
    for line in &adjacency {
        let Some((from, targets)) = line.split_first() else {
            continue;
        };
        for to in targets {
            let (from, to) = (id(&builder, from.text), id(&builder, to.text));
            builder
                .connect(from, to, Seconds::ZERO)
                .map_err(|error| not_a_network(&edges.0, &error))?;
        }
    }
    let ids: Vec<VertexId> = names.iter().map(|name| id(&builder, name)).collect();
    let (node_ids, link_ids) = ids.split_at(node_count);
    builder.order(node_ids.to_vec(), link_ids.to_vec());
    let file = if node_count == 0 { &nodes.0 } else { &edges.0 };
    builder.build().map_err(|error| not_a_network(file, &error))
}

/// The lines of the file of edges: a vertex, then its neighbours.
fn adjacency(edges: &NamedText) -> Result<Vec<Vec<Field<'_>>>, BadInput> {
    let mut lines = Vec::new();
    for record in records(edges).filter(|record| !record.text.starts_with('#')) {
        let fields = record.fields(is_blank);
        fields.iter().try_for_each(Field::word)?;
        lines.push(fields);
    }
    Ok(lines)
}

/// All names: those with a line of edges first, in that order, then the rest.
fn order<'a>(
    adjacency: &[Vec<Field<'a>>],
    kinds: &HashMap<&str, VertexKind>,
    names: &[&'a str],
) -> Result<Vec<&'a str>, BadInput> {
    let mut seen = std::collections::HashSet::new();
    let mut order: Vec<&str> = adjacency
        .iter()
        .filter_map(|line| line.first())
        .map(|from| from.text)
        .filter(|name| seen.insert(*name))
        .collect();
    for to in adjacency.iter().flatten() {
        if seen.insert(to.text) {
            if !kinds.contains_key(to.text) {
                return Err(to.bad(
                    "a node, a link or a switch with edges of its own",
                    "nothing leads away from this name; is it misspelt, or is the file cut off?",
                ));
            }
            order.push(to.text);
        }
    }
    order.extend(names.iter().copied().filter(|name| seen.insert(*name)));
    Ok(order)
}

fn node<'a>(record: &Record<'a>) -> Result<(Field<'a>, VertexKind), BadInput> {
    const NAMES: [&str; 7] = [
        "index",
        "name",
        "memory_bytes",
        "cpu_millis",
        "arch",
        "kind",
        "model",
    ];
    let [index, name, memory, cpu, arch, kind, model] = record.exactly(NAMES)?;
    index.whole(0)?;
    name.word()?;
    let Some(device) = Device::by_model(model.text) else {
        return Err(model.bad(
            "a known device model",
            format!("known are {}", role::known_models()),
        ));
    };
    let node = Node {
        cpu_millis: cpu.whole(1)?,
        memory: Bytes(memory.whole(1)?),
        arch: arch.text.to_owned(),
        kind: kind.text.to_owned(),
        ..role::node(device)
    };
    Ok((name, VertexKind::Node(node)))
}

fn link<'a>(record: &Record<'a>) -> Result<(Field<'a>, VertexKind), BadInput> {
    let [index, rate, name, kind] = record.exactly(["index", "rate_mbps", "name", "kind"])?;
    index.whole(0)?;
    name.word()?;
    let mbps = rate.text.parse::<f64>().ok();
    let Some(mbps) = mbps.filter(|mbps| *mbps > 0.0 && BitRate::from_mbps(*mbps).0.is_finite()) else {
        return Err(rate.bad(
            "a positive number of Mb/s",
            "write it with digits and a point, as 50",
        ));
    };
    if !LINK_KINDS.contains(&kind.text) {
        return Err(kind.bad("a kind of link", format!("known are {}", LINK_KINDS.join(", "))));
    }
    let link = Link {
        rate: BitRate::from_mbps(mbps),
        kind: kind.text.to_owned(),
    };
    Ok((name, VertexKind::Link(link)))
}

/// The lines of a file that are not blank.
fn records((file, text): &NamedText) -> impl Iterator<Item = Record<'_>> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.chars().all(is_blank))
        .map(move |(index, text)| Record {
            file,
            line: index as u64 + 1,
            text,
        })
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

/// One line.
struct Record<'a> {
    file: &'a str,
    line: u64,
    text: &'a str,
}

impl<'a> Record<'a> {
    /// The pieces between separators; empty pieces are dropped, as the reference does.
    fn fields(&self, separator: fn(char) -> bool) -> Vec<Field<'a>> {
        let mut start = 0;
        let mut fields = Vec::new();
        for piece in self.text.split(separator) {
            if !piece.is_empty() {
                fields.push(Field {
                    file: self.file,
                    line: self.line,
                    start,
                    record: self.text,
                    text: piece,
                    name: "name",
                });
            }
            // Every separator is one byte.
            start += piece.len() + 1;
        }
        fields
    }

    /// Exactly `N` fields between semicolons.
    fn exactly<const N: usize>(&self, names: [&'static str; N]) -> Result<[Field<'a>; N], BadInput> {
        let mut fields = self.fields(|character| character == ';');
        for (field, name) in fields.iter_mut().zip(names) {
            field.name = name;
        }
        <[Field<'a>; N]>::try_from(fields).map_err(|fields| {
            let column = fields.get(N).map_or_else(
                || self.text.chars().count() as u64 + 1,
                |surplus| surplus.place().1,
            );
            BadInput::at(
                self.file,
                self.line,
                column,
                format!("expected {N} fields, found {}", fields.len()),
                format!("a record is {}", names.join(";")),
            )
        })
    }
}

/// One field of a line.
#[derive(Clone, Copy)]
struct Field<'a> {
    file: &'a str,
    line: u64,
    start: usize,
    record: &'a str,
    text: &'a str,
    name: &'static str,
}

impl Field<'_> {
    fn place(&self) -> (u64, u64) {
        let (_, column) = text::place(self.record, self.start);
        (self.line, column)
    }

    fn bad(&self, expected: &str, hint: impl Into<String>) -> BadInput {
        let (line, column) = self.place();
        let found = excerpt(self.text);
        let problem = format!("{}: expected {expected}, found \"{found}\"", self.name);
        BadInput::at(self.file, line, column, problem, hint)
    }

    /// Checks that this can be referred to in a line of edges.
    fn word(&self) -> Result<(), BadInput> {
        if super::write::is_word(self.text) {
            return Ok(());
        }
        Err(self.bad(
            "a name without spaces",
            "names are separated by spaces in the file of edges, and # begins a comment there",
        ))
    }

    /// A whole number that is at least this, also as `1e9`.
    fn whole(&self, least: u64) -> Result<u64, BadInput> {
        // Floats are whole and exact up to 2^53.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let float = || {
            let value = self.text.parse::<f64>().ok()?;
            (value.fract() == 0.0 && (0.0..=EXACT).contains(&value)).then_some(value as u64)
        };
        let value = self.text.parse::<u64>().ok().or_else(float);
        value.filter(|value| *value >= least).ok_or_else(|| {
            self.bad(
                &format!("a whole number of at least {least}"),
                "write it with digits only, as 4000",
            )
        })
    }
}
