//! The XML: nodes and edges with their attributes, not yet understood.

use std::collections::HashMap;

use fogline_core::model::BadInput;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

use crate::network::text::{excerpt, place};

/// A graph.
pub(super) struct Document<'a> {
    pub(super) source: Source<'a>,
    pub(super) nodes: Vec<Element>,
    pub(super) edges: Vec<Element>,
}

/// The file, to point into.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    text: &'a str,
    name: &'a str,
}

impl<'a> Source<'a> {
    pub(super) fn name(&self) -> &'a str {
        self.name
    }

    pub(super) fn bad(&self, offset: usize, problem: impl Into<String>, hint: &str) -> BadInput {
        let (line, column) = place(self.text, offset);
        BadInput::at(self.name, line, column, problem, hint)
    }
}

/// A node or an edge.
pub(super) struct Element {
    /// Where it begins.
    pub(super) offset: usize,
    /// Of a node its id; of an edge the id of its source.
    pub(super) id: String,
    /// Of an edge the id of its target.
    pub(super) target: String,
    /// Whether an edge leads one way only.
    pub(super) directed: bool,
    /// Attributes that are not empty, by lower-case name.
    pub(super) data: HashMap<String, Datum>,
}

/// The value of an attribute, and where it stands.
#[derive(Clone)]
pub(super) struct Datum {
    pub(super) text: String,
    pub(super) offset: usize,
}

/// What a `key` element declares.
struct Key {
    name: String,
    nodes: bool,
    edges: bool,
    default: Option<Datum>,
}

/// What the elements that are open mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Nothing,
    Node,
    Edge,
}

struct Parser<'a> {
    source: Source<'a>,
    keys: HashMap<String, Key>,
    nodes: Vec<Element>,
    edges: Vec<Element>,
    rooted: bool,
    depth: usize,
    graphs: usize,
    edges_are_directed: bool,
    inside: Inside,
    /// The key whose declaration or value is open.
    key: Option<String>,
    /// The text of a `data` or `default` element that is open.
    collecting: Option<Datum>,
}

const SHAPE: &str = "a GraphML file is <graphml> with <key>s and one <graph> of <node>s and <edge>s";

/// Reads the XML.
pub(super) fn parse<'a>(text: &'a str, name: &'a str) -> Result<Document<'a>, BadInput> {
    let mut parser = Parser {
        source: Source { text, name },
        keys: HashMap::new(),
        nodes: Vec::new(),
        edges: Vec::new(),
        rooted: false,
        depth: 0,
        graphs: 0,
        edges_are_directed: true,
        inside: Inside::Nothing,
        key: None,
        collecting: None,
    };
    let mut reader = Reader::from_str(text);
    loop {
        let offset = reader.buffer_position() as usize;
        let event = reader.read_event().map_err(|error| {
            let at = reader.error_position() as usize;
            parser
                .source
                .bad(at, format!("is not well-formed XML: {error}"), SHAPE)
        })?;
        match event {
            Event::Start(element) if parser.collecting.is_some() => {
                // Markup inside a value is drawing instructions of an editor.
                let end = reader.read_to_end(element.name());
                end.map_err(|error| parser.source.bad(offset, format!("is cut off: {error}"), SHAPE))?;
            }
            Event::Start(element) => {
                parser.depth += 1;
                parser.open(&element, offset)?;
            }
            Event::Empty(element) if parser.collecting.is_none() => {
                parser.open(&element, offset)?;
                parser.close(element.local_name().as_ref());
            }
            Event::End(element) => {
                parser.depth = parser.depth.saturating_sub(1);
                parser.close(element.local_name().as_ref());
            }
            Event::Text(piece) => parser.collect(&piece.xml10_content()),
            Event::CData(piece) => parser.collect(&piece.xml10_content()),
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().ok().flatten().map(String::from);
                let known = character.or_else(|| resolve_predefined_entity(&reference).map(str::to_owned));
                let Some(known) = known else {
                    let problem = format!("the entity \"{}\" is unknown", excerpt(&reference));
                    return Err(parser.source.bad(offset, problem, "write the character itself"));
                };
                parser.collect(&known);
            }
            Event::Eof => return parser.finish(offset),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

impl<'a> Parser<'a> {
    fn open(&mut self, element: &BytesStart<'_>, offset: usize) -> Result<(), BadInput> {
        let local = element.local_name();
        if !self.rooted && local.as_ref() != "graphml" {
            let problem = format!("expected <graphml>, found <{}>", excerpt(local.as_ref()));
            return Err(self.source.bad(offset, problem, SHAPE));
        }
        self.rooted = true;
        match local.as_ref() {
            "key" => self.open_key(element, offset)?,
            "default" => self.collecting = Some(empty(offset)),
            "graph" => self.open_graph(element, offset)?,
            "node" => {
                let id = self.required(element, "id", offset)?;
                self.nodes.push(self.element(offset, id, String::new()));
                self.inside = Inside::Node;
            }
            "edge" => {
                let (from, to) = (
                    self.required(element, "source", offset)?,
                    self.required(element, "target", offset)?,
                );
                let mut edge = self.element(offset, from, to);
                if let Some(directed) = self.attribute(element, "directed", offset)? {
                    edge.directed = directed == "true" || directed == "1";
                }
                self.edges.push(edge);
                self.inside = Inside::Edge;
            }
            "data" => {
                self.key = Some(self.required(element, "key", offset)?);
                self.collecting = Some(empty(offset));
            }
            "hyperedge" => {
                let hint = "replace it with a node and edges to that node";
                return Err(self.source.bad(offset, "a hyperedge cannot be read", hint));
            }
            _ => {}
        }
        Ok(())
    }

    fn element(&self, offset: usize, id: String, target: String) -> Element {
        Element {
            offset,
            id,
            target,
            directed: self.edges_are_directed,
            data: HashMap::new(),
        }
    }

    fn open_key(&mut self, element: &BytesStart<'_>, offset: usize) -> Result<(), BadInput> {
        let id = self.required(element, "id", offset)?;
        let name = self
            .attribute(element, "attr.name", offset)?
            .unwrap_or_else(|| id.clone());
        let domain = self.attribute(element, "for", offset)?;
        let domain = domain.as_deref().unwrap_or("all");
        let key = Key {
            name: name.trim().to_lowercase(),
            nodes: matches!(domain, "all" | "node"),
            edges: matches!(domain, "all" | "edge"),
            default: None,
        };
        self.keys.insert(id.clone(), key);
        self.key = Some(id);
        Ok(())
    }

    fn open_graph(&mut self, element: &BytesStart<'_>, offset: usize) -> Result<(), BadInput> {
        self.graphs += 1;
        if self.graphs > 1 {
            let hint = "flatten nested graphs, and keep one graph a file";
            return Err(self.source.bad(offset, "there is a second <graph>", hint));
        }
        match self.attribute(element, "edgedefault", offset)?.as_deref() {
            Some("undirected") => self.edges_are_directed = false,
            Some("directed") => {}
            _ => {
                let hint = "write <graph edgedefault=\"undirected\"> or \"directed\"";
                return Err(self.source.bad(offset, "expected edgedefault on <graph>", hint));
            }
        }
        Ok(())
    }

    fn close(&mut self, local: &str) {
        match local {
            "node" | "edge" => self.inside = Inside::Nothing,
            "key" => self.key = None,
            "default" => {
                let value = self.value();
                if let Some(key) = self.key.as_ref().and_then(|id| self.keys.get_mut(id)) {
                    key.default = value;
                }
            }
            "data" => {
                let value = self.value();
                let id = self.key.take().unwrap_or_default();
                let name = self
                    .keys
                    .get(&id)
                    .map_or_else(|| id.to_lowercase(), |key| key.name.clone());
                let element = match self.inside {
                    Inside::Nothing => None,
                    Inside::Node => self.nodes.last_mut(),
                    Inside::Edge => self.edges.last_mut(),
                };
                if let (Some(element), Some(value)) = (element, value) {
                    element.data.insert(name, value);
                }
            }
            _ => {}
        }
    }

    /// The text that was collected, if it is not blank.
    fn value(&mut self) -> Option<Datum> {
        let mut datum = self.collecting.take()?;
        datum.text = datum.text.trim().to_owned();
        (!datum.text.is_empty()).then_some(datum)
    }

    fn collect(&mut self, piece: &str) {
        if let Some(datum) = &mut self.collecting {
            datum.text.push_str(piece);
        }
    }

    fn finish(mut self, offset: usize) -> Result<Document<'a>, BadInput> {
        if self.depth > 0 {
            return Err(self
                .source
                .bad(offset, "the file ends in the middle of an element", SHAPE));
        }
        if self.graphs == 0 {
            return Err(self.source.bad(offset, "there is no <graph>", SHAPE));
        }
        for key in self.keys.into_values() {
            let Some(default) = key.default else { continue };
            let nodes = self.nodes.iter_mut().filter(|_| key.nodes);
            for element in nodes.chain(self.edges.iter_mut().filter(|_| key.edges)) {
                element
                    .data
                    .entry(key.name.clone())
                    .or_insert_with(|| default.clone());
            }
        }
        Ok(Document {
            source: self.source,
            nodes: self.nodes,
            edges: self.edges,
        })
    }

    fn required(&self, element: &BytesStart<'_>, name: &str, offset: usize) -> Result<String, BadInput> {
        self.attribute(element, name, offset)?.ok_or_else(|| {
            let local = element.local_name();
            let problem = format!("expected {name} on <{}>", excerpt(local.as_ref()));
            self.source.bad(offset, problem, SHAPE)
        })
    }

    fn attribute(
        &self,
        element: &BytesStart<'_>,
        name: &str,
        offset: usize,
    ) -> Result<Option<String>, BadInput> {
        let fault = |problem: String| {
            self.source
                .bad(offset, format!("is not well-formed XML: {problem}"), SHAPE)
        };
        let found = element
            .try_get_attribute(name)
            .map_err(|error| fault(error.to_string()))?;
        let Some(found) = found else {
            return Ok(None);
        };
        let value = found.normalized_value(quick_xml::XmlVersion::Implicit1_0);
        value
            .map(|value| Some(value.into_owned()))
            .map_err(|error| fault(error.to_string()))
    }
}

fn empty(offset: usize) -> Datum {
    Datum {
        text: String::new(),
        offset,
    }
}
