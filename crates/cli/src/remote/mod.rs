//! What the commands against a network share: where it is, who we are there, which session is meant.

mod address;
mod input;
mod last;
mod table;

pub(crate) use address::{Address, Network};
pub(crate) use input::{Input, InputOption};
pub(crate) use last::Last;
pub(crate) use table::table;
