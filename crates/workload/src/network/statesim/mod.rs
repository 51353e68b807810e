//! `StateSim`'s networks: three text files, `.nodes`, `.links` and `.edges`.
//!
//! - `.nodes`: `index;name;memory_bytes;cpu_millis;arch;kind;model`, one node a line;
//! - `.links`: `index;rate_mbps;name;kind`, with the kinds of [`LINK_KINDS`];
//! - `.edges`: `vertex neighbour neighbour …`, the directed edges that leave a vertex. A name that is neither
//!   a node nor a link is a switch. Lines that begin with `#` are comments.
//!
//! **The files hold no latencies**: whoever wrote them may have known some, but what is read from them has
//! none, and every edge takes no time. They hold no roles either: every node works, and those of the models
//! that `StateSim` calls clients (Raspberry Pi 3, Jetson TX2) own sessions too.

mod read;
mod write;

pub use read::{parse, read};
pub use write::{StatesimFiles, lost, write};

/// What a link may be.
pub const LINK_KINDS: [&str; 4] = ["node", "shared", "uplink", "downlink"];
