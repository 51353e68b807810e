//! Which format a file has.

use std::path::{Path, PathBuf};

use fogline_core::model::BadInput;
use fogline_core::network::Network;

use super::{graphml, native, statesim};

/// A format of networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Fogline's own, as TOML.
    Toml,
    /// Fogline's own, as JSON.
    Json,
    /// `StateSim`'s three files.
    Statesim,
    /// `GraphML`, which is only read.
    Graphml,
}

impl Format {
    /// The format that the end of a path tells, if it does.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "toml" => Some(Self::Toml),
            "json" => Some(Self::Json),
            "nodes" | "links" | "edges" => Some(Self::Statesim),
            "graphml" | "xml" => Some(Self::Graphml),
            _ => None,
        }
    }
}

/// The three files of a network in StateSim's format: `PREFIX.nodes`, `.links` and `.edges`, where the path is
/// the prefix or one of the three.
#[must_use]
pub fn statesim_paths(path: &Path) -> [PathBuf; 3] {
    let prefix = match Format::of(path) {
        Some(Format::Statesim) => path.with_extension(""),
        _ => path.to_owned(),
    };
    [".nodes", ".links", ".edges"].map(|end| {
        // Not `with_extension`, which would cut `iiot.0` to `iiot`.
        let mut name = prefix.clone().into_os_string();
        name.push(end);
        name.into()
    })
}

/// Reads a network in whichever format the path tells: `.toml`, `.json`, `.graphml` or `.xml`, one of
/// `.nodes`, `.links`, `.edges`, or the prefix of these three.
///
/// # Errors
/// When no format is told, or the file cannot be read or has a fault.
pub fn read(path: &Path) -> Result<Network, BadInput> {
    let [nodes, links, edges] = statesim_paths(path);
    match Format::of(path) {
        Some(Format::Toml | Format::Json) => native::read(path),
        Some(Format::Graphml) => graphml::read(path),
        Some(Format::Statesim) => statesim::read(&nodes, &links, &edges),
        None if nodes.exists() => statesim::read(&nodes, &links, &edges),
        None => Err(BadInput::whole(
            path.display().to_string(),
            "the format of this network cannot be told from its name",
            format!(
                "name it .toml, .json or .graphml, or give the prefix of StateSim's files (there is no {})",
                nodes.display()
            ),
        )),
    }
}
