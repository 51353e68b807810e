//! The application manifest, `fogline.toml`: functions, states, a workflow, and where the states live.

mod file;
mod files;
mod function;
mod limits;
mod order;
mod read;
mod state;
mod workflow;

pub(crate) use function::is_capability;
pub use read::{parse, read};
