//! A text that several authors write at once: a set of operations, whose text is the same in whichever order
//! they arrive.
//!
//! An insertion puts a piece of text after another piece, or at the beginning. The pieces form a tree; the
//! text is the tree read depth first, later pieces before earlier ones that were put at the same place. A
//! deletion hides a piece; it stays as a place for others. (Roh and others, "Replicated abstract data
//! types", 2011.)

mod log;
mod operation;
mod text;

pub use log::{line, missing, parse};
pub use operation::{Id, Operation};
pub use text::text;
