//! Sessions: created, described, listed, deleted, converted and moved.

mod convert;
mod create;
mod delete;
mod describe;
mod keeper;
mod list;
mod migrate;

pub(crate) use convert::{convert, too_many_wait};
pub(crate) use create::{check_with_client, create, states_of};
pub(crate) use delete::{delete, deletion};
pub(crate) use describe::{describe, find, held};
pub(crate) use list::{all, list};
pub(crate) use migrate::{known, migrate, migrate_part};

/// How often whoever looks for a session may be overtaken by its commits and moves.
const MAX_TRIES: usize = 100;
