//! The files that people write, and what is said about mistakes in them.

mod amount;
pub mod application;
mod bounds;
pub mod node;
pub mod scenario;
mod source;
mod suggest;

pub use source::Source;
