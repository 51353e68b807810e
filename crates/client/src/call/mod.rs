//! Invocations, and whatever else is sent with envelopes.

mod declared;
mod exchange;
mod explain;
mod invoke;
mod leave;
mod lend;

pub(crate) use declared::{Declared, Wanted};
pub(crate) use exchange::{Key, Lost};
pub(crate) use lend::returned;
