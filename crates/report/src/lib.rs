//! fogline-report

pub mod paper;
pub mod stats;
pub mod summary;
pub mod table;
pub mod terminal;
