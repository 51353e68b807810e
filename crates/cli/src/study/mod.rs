//! What the commands that run scenarios have in common: run, write tables, conclude, say where it all came from.

mod conclude;
mod execute;
mod progress;
mod provenance;
mod request;
mod tables;

pub(crate) use conclude::{conclude, conclude_run};
pub(crate) use execute::{Seeds, execute, sort_as_in};
pub(crate) use progress::Progress;
pub(crate) use provenance::{About, FILE as MANIFEST, Provenance, hash_files};
pub(crate) use request::{Overrides, Request};
pub(crate) use tables::Tables;
