//! A report as one HTML file: no script, nothing fetched, readable on a phone, on paper and in the dark.
//!
//! [`render`] takes plain strings; [`FigureBlock::of`], [`results`], [`winners`] and [`StatementLine::of`] make
//! them from what the rest of this crate computes.

mod data;
mod page;
mod results;
mod section;

pub use data::{
    Command, Fact, FigureBlock, InputFile, ReportData, StatementLine, Switch, TableBlock, VerdictCell,
};
pub use page::render;
pub use results::{results, winners};
