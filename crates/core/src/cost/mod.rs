//! What an invocation costs under each execution model.
//!
//! A model decides which messages an invocation needs: its *legs*. A leg goes between the worker and a peer
//! (the client, the store, another worker), carries so many bytes each way, and is paid for arguments or for
//! states. Time and traffic of an invocation follow from its legs and the worker's paths to the peers; so does
//! the placement, because a policy is a choice of the legs that count.

mod leg;
mod legs;
mod options;

pub use leg::{Flow, Leg, Peer, Purpose};
pub use legs::{Cloud, Invocation, Repository, legs};
pub use options::{Access, CostOptions, InFunction, Replies, StateAccess};
