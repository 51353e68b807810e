//! Where a record stands in a file that was already read: asked only when there is something to complain of.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use toml::Spanned;

use super::Notation;
use crate::network::text::place;

/// A list of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Nodes,
    Links,
    Switches,
    Edges,
    Order,
}

/// A file of which only the places of records matter.
#[derive(Deserialize)]
struct Rough<T> {
    #[serde(default = "Vec::new")]
    nodes: Vec<T>,
    #[serde(default = "Vec::new")]
    links: Vec<T>,
    #[serde(default = "Vec::new")]
    switches: Vec<T>,
    #[serde(default = "Vec::new")]
    edges: Vec<T>,
    #[serde(default = "Vec::new")]
    order: Vec<T>,
}

impl<T> Rough<T> {
    fn get(&self, list: List, index: usize) -> Option<&T> {
        match list {
            List::Nodes => &self.nodes,
            List::Links => &self.links,
            List::Switches => &self.switches,
            List::Edges => &self.edges,
            List::Order => &self.order,
        }
        .get(index)
    }
}

/// Line and column of a record.
pub(super) fn record(text: &str, notation: Notation, list: List, index: usize) -> Option<(u64, u64)> {
    let offset = match notation {
        Notation::Toml => {
            let rough: Rough<Spanned<IgnoredAny>> = toml::from_str(text).ok()?;
            rough.get(list, index)?.span().start
        }
        Notation::Json => {
            let rough: Rough<&RawValue> = serde_json::from_str(text).ok()?;
            // The raw value is a piece of the text.
            rough.get(list, index)?.get().as_ptr().addr() - text.as_ptr().addr()
        }
    };
    Some(place(text, offset))
}
