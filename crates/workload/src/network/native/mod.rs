//! Fogline's own format: one file with everything that a network is, as TOML or JSON (by the end of its name).
//!
//! ```toml
//! fogline_network = 1
//!
//! nodes = [
//!   { name = "gateway", model = "nuci5" },
//!   { name = "camera", model = "nvidia_jetson_tx2", client = true },
//!   { name = "box", cpu_millis = 8000, memory_bytes = 16_000_000_000, arch = "x86" },
//! ]
//! links = [
//!   { name = "wifi", kind = "shared", rate_mbps = 300 },
//! ]
//! switches = ["lan"]
//! edges = [
//!   { from = "camera", to = "wifi", latency_ms = 1.5, both_ways = true },
//!   { from = "wifi", to = "lan", both_ways = true },
//!   { from = "gateway", to = "lan", latency_ms = 0.5, both_ways = true },
//!   { from = "box", to = "lan", latency_ms = 0.5, both_ways = true },
//! ]
//! ```
//!
//! What is read back from a written file equals the network that was written, to the last bit.

mod locate;
mod read;
mod record;
mod write;

pub use read::{parse, read};
pub use write::write;

/// Which of the two notations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notation {
    /// For people.
    Toml,
    /// For programs, and for networks of 10^5 nodes and more.
    Json,
}
