//! fogline-report

pub mod stats;
pub mod summary;
pub mod table;
