//! Where an invocation runs, decided by each node for itself.
//!
//! A node has a [`View`] of the others: a [`Map`] of the network, what they last said of themselves, and what it has
//! sent them and not heard of. A placement policy scores those that can run the function, in terms that can be
//! printed: waiting for a slot, executing, arguments, results, states. [`choose()`] is what every invocation waits for;
//! [`place`] explains the same choice, [`record`] writes down what it rests on, and [`replay`] makes it again.
//! [`Following`] says when a session that is bound to a node leaves it for a better one.

mod budget;
mod choose;
mod circuit;
mod flat;
mod follow;
mod home;
mod logged;
mod map;
mod record;
mod request;
mod service;
mod standing;
mod view;

pub use budget::RetryBudget;
pub use choose::{Chosen, choose};
pub use circuit::{Circuit, pause_after};
pub use follow::{Cause, Following, Offer, offers};
pub use home::{nearest, owner};
pub use logged::{Choice, LoggedDecision};
pub use map::{Machine, Map};
pub use record::{
    Candidate, CandidateRecord, Decision, DecisionRecord, Excluded, Terms, Way, place, record, replay,
};
pub use request::Request;
pub use service::HALF_LIFE;
pub use standing::Standing;
pub use view::{MAX_FUNCTIONS, View};
