//! Real nodes on an emulated network in one process.
