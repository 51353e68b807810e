//! Networks of real nodes, and what stands between them and their callers.

mod caller;
#[path = "../../../../state/tests/etcd/cluster.rs"]
#[expect(dead_code, reason = "the tests of the store use the rest")]
mod cluster;
mod gated;
mod meddling;
mod nodes;
mod process;
mod proxy;
mod receiver;
#[path = "../../../../state/tests/server/mod.rs"]
#[expect(dead_code, reason = "the tests of the store use the rest")]
#[expect(clippy::duplicate_mod, reason = "servers of either kind are paused alike")]
mod server;

pub(crate) use caller::{Answer, CLIENT, Caller, Held, package, program, sees, with_durability, with_guard};
pub(crate) use cluster::Cluster;
pub(crate) use gated::Gated;
pub(crate) use meddling::{Gate, Meddling, now};
pub(crate) use nodes::{Nodes, Setup, deadline};
pub(crate) use process::{Process, serve_if_told};
pub(crate) use proxy::{Mischief, Proxy};
pub(crate) use receiver::{Received, Receiver};
pub(crate) use server::Server;
