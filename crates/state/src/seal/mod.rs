//! The client as a home (R14, R17): each state in a sealed envelope of its own, which only a holder of the tenant's
//! key can open or make.
//!
//! ```text
//! head + bytes ──seal──► envelopes ──client──► envelopes ──open──► opened ─┬─ assemble ─► snapshot  (guard = none)
//!                                                                          └─ check ────► values    (guard = mark)
//! ```

mod assemble;
mod compress;
mod derive;
mod envelope;
mod error;
mod keyring;
mod mark;
mod network;
mod nonce;
mod sealer;

pub use assemble::assemble;
pub use envelope::{Opened, Sibling, version_of};
pub use error::{SealError, Why};
pub use keyring::{KeyFileError, Keyring};
pub use mark::{check_against_mark, leave_bytes_with_client};
pub use network::NetworkSecret;
pub use sealer::{Scope, Sealer};
