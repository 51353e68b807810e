//! Networks of real nodes, and what stands between them and their callers.

mod caller;
mod meddling;
mod nodes;
mod proxy;
mod receiver;

pub(crate) use caller::{Answer, CLIENT, Caller, Held, package, sees, with_durability, with_guard};
pub(crate) use meddling::{Meddling, now};
pub(crate) use nodes::{Nodes, Setup, deadline};
pub(crate) use proxy::{Mischief, Proxy};
pub(crate) use receiver::{Received, Receiver};
