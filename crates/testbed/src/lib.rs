//! Real nodes on an emulated network in one process.

pub mod shape;
