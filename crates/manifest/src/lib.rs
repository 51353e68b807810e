//! The files that people write, and what is said about mistakes in them.

pub mod scenario;
mod source;

pub use source::Source;
