//! The client: a device that owns sessions.
//!
//! [`Client`] speaks the API of `fogline_protocol::api`: it sends a request again under the same number until it is
//! answered or the caller's deadline has passed, keeps the envelopes of states that live with it as one consistent
//! set (it holds no key, and cannot read them), runs workflows itself, and goes on after a restart.

mod answer;
mod apps;
mod builder;
mod call;
mod client;
mod error;
mod http;
mod journal;
mod json;
pub mod network_file;
mod nodes;
mod package;
mod random;
mod reply;
mod retry;
mod runs;
mod sessions;
mod states;
mod workflow;

pub use builder::Builder;
pub use client::Client;
pub use error::Error;
pub use package::{BadPackage, Package};
pub use reply::{Reply, RunReply, Target, Unanswered};
