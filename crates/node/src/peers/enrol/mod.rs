//! How a machine becomes a node, stays one, and how one is thrown out: a protocol of its own beside that of calls
//! (by its name in TLS), in which also those who have no certificate may speak.

mod ask;
mod issuer;
mod join;
mod office;
mod rate;
mod renew;
#[cfg(test)]
mod tests;
mod wire;

pub(super) use ask::Asker;
pub use join::revoke;
pub(super) use office::Office;
pub(super) use renew::renew;
pub use wire::Refusal;
