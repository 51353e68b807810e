//! `GraphML`, as networkx, igraph, yEd or the Internet Topology Zoo write it; only read.
//!
//! What an attribute means is told by its name (`attr.name` of its key), in upper or lower case:
//!
//! | of | names | meaning |
//! |---|---|---|
//! | a node | `model`, `device` | a model (`nuci5`) or name (`nuc`) of the device catalogue |
//! | | `cpu_millis`; `cores` | CPU, where the catalogue does not tell |
//! | | `memory_bytes`; `memory_mb`, `memory_gb` (10^6, 10^9) | memory, where the catalogue does not tell |
//! | | `arch` | instruction set |
//! | | `client`, `worker` | `true` or `false` |
//! | | `role`, `type`, `kind` | `host`, `server`, `worker`, `client`: a machine; `switch`, `router`: none |
//! | an edge | `latency`, `delay` (ms), or with `_us`, `_ms`, `_s` | time to cross it |
//! | | `bandwidth`, `capacity`, `rate`, `bw` (Mb/s), or with `_bps`, `_kbps`, `_mbps`, `_gbps`; `LinkSpeedRaw` (bit/s) | its capacity |
//!
//! A node with a model, CPU or memory is a machine even without a role; all others are switches. An undirected
//! edge becomes two directed ones. An edge with a capacity becomes a link vertex in its middle, shared by both
//! directions. Of parallel edges without capacity the quickest counts; loops are dropped.

mod convert;
mod document;

use std::path::Path;

use fogline_core::model::BadInput;
use fogline_core::network::Network;

use super::text::{self, Layout};

/// Reads a network.
///
/// # Errors
/// When the file cannot be read or has a fault.
pub fn read(path: &Path) -> Result<Network, BadInput> {
    let name = path.display().to_string();
    let text = text::load(path, Layout::Free)?;
    convert::network(&document::parse(&text, &name)?)
}

/// Reads a network from memory; messages call it `name`.
///
/// # Errors
/// When it has a fault.
pub fn parse(bytes: &[u8], name: &str) -> Result<Network, BadInput> {
    let text = text::gather(bytes, name, Layout::Free)?;
    convert::network(&document::parse(&text, name)?)
}
