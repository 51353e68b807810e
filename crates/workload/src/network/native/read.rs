use std::collections::{HashMap, HashSet};
use std::path::Path;

use fogline_core::model::BadInput;
use fogline_core::network::{Network, NetworkBuilder, NetworkError, VertexId, VertexKind};

use super::Notation;
use super::locate::{self, List};
use super::record::{EdgeRecord, File, LinkRecord, NodeRecord, VERSION};
use crate::network::text::{self, Layout, excerpt, not_a_network, place};

/// Reads a network; the file is JSON if its name ends in `.json`, else TOML.
///
/// # Errors
/// When the file cannot be read or has a fault.
pub fn read(path: &Path) -> Result<Network, BadInput> {
    let notation = match path.extension() {
        Some(end) if end == "json" => Notation::Json,
        _ => Notation::Toml,
    };
    let text = text::load(path, layout(notation))?;
    interpret(&text, notation, &path.display().to_string())
}

/// Reads a network from memory; messages call it `name`.
///
/// # Errors
/// When it has a fault.
pub fn parse(bytes: &[u8], notation: Notation, name: &str) -> Result<Network, BadInput> {
    let text = text::gather(bytes, name, layout(notation))?;
    interpret(&text, notation, name)
}

fn layout(notation: Notation) -> Layout {
    match notation {
        Notation::Toml => Layout::Lines,
        Notation::Json => Layout::Free,
    }
}

fn interpret(text: &str, notation: Notation, name: &str) -> Result<Network, BadInput> {
    let file = match notation {
        Notation::Toml => toml::from_str::<File>(text).map_err(|error| {
            let (line, column) = place(text, error.span().map_or(0, |span| span.start));
            syntax(name, line, column, error.message())
        })?,
        Notation::Json => serde_json::from_str::<File>(text).map_err(|error| {
            let message = error.to_string();
            // The position is told apart from the message.
            let bare = message
                .rsplit_once(" at line ")
                .map_or(&*message, |(bare, _)| bare);
            syntax(name, error.line() as u64, error.column() as u64, bare)
        })?,
    };
    let source = Source { text, notation, name };
    assemble(file, &source)
}

fn syntax(file: &str, line: u64, column: u64, message: &str) -> BadInput {
    // Messages of the parsers may hold line breaks and pieces of the file.
    let problem: Vec<&str> = message.split_whitespace().collect();
    BadInput::at(
        file,
        line.max(1),
        column.max(1),
        excerpt_message(&problem.join(" ")),
        "a network file has fogline_network = 1, nodes, links, switches and edges; see docs/src/networks.md",
    )
}

/// A parser's message, at most a few lines of it.
fn excerpt_message(message: &str) -> String {
    const LONGEST: usize = 400;
    match message.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

/// The file, to point into.
struct Source<'a> {
    text: &'a str,
    notation: Notation,
    name: &'a str,
}

impl Source<'_> {
    fn bad(&self, (list, index): (List, usize), problem: impl Into<String>, hint: &str) -> BadInput {
        match locate::record(self.text, self.notation, list, index) {
            Some((line, column)) => BadInput::at(self.name, line, column, problem, hint),
            None => BadInput::whole(self.name, problem, hint),
        }
    }

    fn refused(&self, at: (List, usize), error: &NetworkError) -> BadInput {
        let whole = not_a_network(self.name, error);
        self.bad(at, whole.problem, &whole.hint)
    }
}

/// Names, what they are, and where they are listed.
type Vertices = Vec<(String, VertexKind, (List, usize))>;

fn assemble(file: File, source: &Source<'_>) -> Result<Network, BadInput> {
    if file.version != VERSION {
        let problem = format!(
            "fogline_network is {}, but only {VERSION} can be read",
            file.version
        );
        return Err(BadInput::whole(
            source.name,
            problem,
            "use the release of fogline that wrote it",
        ));
    }
    let counts = (file.nodes.len(), file.links.len());
    let vertices = vertices(file.nodes, file.links, file.switches, source)?;
    let mut builder = NetworkBuilder::new();
    let ids = add(vertices, file.order, &mut builder, source)?;
    let (node_ids, rest) = ids.split_at(counts.0);
    builder.order(node_ids.to_vec(), rest[..counts.1].to_vec());
    connect(file.edges, &mut builder, source)?;
    builder
        .build()
        .map_err(|error| not_a_network(source.name, &error))
}

/// All that the file lists.
fn vertices(
    nodes: Vec<NodeRecord>,
    links: Vec<LinkRecord>,
    switches: Vec<String>,
    source: &Source<'_>,
) -> Result<Vertices, BadInput> {
    let mut vertices = Vec::with_capacity(nodes.len() + links.len() + switches.len());
    for (index, record) in nodes.into_iter().enumerate() {
        let (at, name) = ((List::Nodes, index), record.name.clone());
        let hint = "give cpu_millis and memory_bytes, or a model that is known";
        let node = record.node().map_err(|problem| source.bad(at, problem, hint))?;
        vertices.push((name, VertexKind::Node(node), at));
    }
    for (index, record) in links.into_iter().enumerate() {
        let (at, name) = ((List::Links, index), record.name.clone());
        let link = record
            .link()
            .map_err(|problem| source.bad(at, problem, "write one of the two"))?;
        vertices.push((name, VertexKind::Link(link), at));
    }
    for (index, name) in switches.into_iter().enumerate() {
        vertices.push((name, VertexKind::Switch, (List::Switches, index)));
    }
    Ok(vertices)
}

/// Adds the vertices in the order that the file asks for; gives their ids in the order of the lists.
fn add(
    vertices: Vertices,
    order: Option<Vec<String>>,
    builder: &mut NetworkBuilder,
    source: &Source<'_>,
) -> Result<Vec<VertexId>, BadInput> {
    let count = vertices.len();
    let mut positions = HashMap::with_capacity(count);
    for (position, (name, _, at)) in vertices.iter().enumerate() {
        if positions.insert(name.clone(), position).is_some() {
            return Err(source.refused(*at, &NetworkError::DuplicateName(name.clone())));
        }
    }
    let sequence = match order {
        None => (0..count).collect(),
        Some(names) => permutation(&names, &mut positions, source)?,
    };
    let mut waiting: Vec<_> = vertices.into_iter().map(Some).collect();
    let mut ids = vec![VertexId(0); count];
    for position in sequence {
        let (name, kind, at) = waiting[position]
            .take()
            .expect("a permutation names every position once");
        ids[position] = builder
            .add(name, kind)
            .map_err(|error| source.refused(at, &error))?;
    }
    Ok(ids)
}

/// The positions of these names, which must be all that there are.
fn permutation(
    names: &[String],
    positions: &mut HashMap<String, usize>,
    source: &Source<'_>,
) -> Result<Vec<usize>, BadInput> {
    const HINT: &str = "order lists every node, link and switch exactly once; it may be left out";
    let mut sequence = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        let Some(position) = positions.remove(name) else {
            let problem = format!("\"{}\" is unknown or listed twice in order", excerpt(name));
            return Err(source.bad((List::Order, index), problem, HINT));
        };
        sequence.push(position);
    }
    match positions.keys().min() {
        None => Ok(sequence),
        Some(missing) => {
            let problem = format!("order does not list \"{}\"", excerpt(missing));
            Err(source.bad((List::Order, 0), problem, HINT))
        }
    }
}

fn connect(
    edges: Vec<EdgeRecord>,
    builder: &mut NetworkBuilder,
    source: &Source<'_>,
) -> Result<(), BadInput> {
    let mut seen = HashSet::with_capacity(edges.len());
    for (index, edge) in edges.into_iter().enumerate() {
        let at = (List::Edges, index);
        let find = |name: &str| {
            builder.find(name).ok_or_else(|| {
                let problem = format!("the edge names \"{}\", which is not there", excerpt(name));
                source.bad(at, problem, "list it among nodes, links or switches")
            })
        };
        let (from, to) = (find(&edge.from)?, find(&edge.to)?);
        let latency = edge
            .latency()
            .map_err(|problem| source.bad(at, problem, "write one of the two"))?;
        let back = (edge.both_ways && from != to).then_some((to, from));
        for (from, to) in std::iter::once((from, to)).chain(back) {
            if !seen.insert((from, to)) {
                let (a, b) = (excerpt(&edge.from), excerpt(&edge.to));
                let problem = format!("there is an earlier edge between \"{a}\" and \"{b}\"");
                return Err(source.bad(
                    at,
                    problem,
                    "keep one of the two; both_ways stands for both directions",
                ));
            }
            builder
                .connect(from, to, latency)
                .map_err(|error| source.refused(at, &error))?;
        }
    }
    Ok(())
}
