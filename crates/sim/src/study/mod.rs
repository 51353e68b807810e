//! A study: a scenario with its inputs, run unit by unit.
//!
//! A *unit* is one replication of one load on one network in one mode. Units are pure functions of the scenario
//! and their own key; they are computed on any number of threads or machines and handed over in order, so every
//! result is the same bit for bit.

mod inputs;
mod run;

pub use inputs::{Origin, Study};
pub use run::{Shard, Stage, Unit, Units};
