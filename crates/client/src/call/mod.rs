//! Invocations, and whatever else is sent with envelopes.

mod declared;
mod exchange;
mod invoke;
mod leave;

pub(crate) use declared::{Declared, Wanted};
pub(crate) use exchange::{Key, Lost};
