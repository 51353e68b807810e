//! fogline-report

pub mod figure;
pub mod html;
pub mod paper;
pub mod stats;
pub mod summary;
pub mod table;
pub mod terminal;
