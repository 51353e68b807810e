//! fogline-report

pub mod figure;
pub mod paper;
pub mod stats;
pub mod summary;
pub mod table;
pub mod terminal;
