//! The OpenAPI description of the client API, written with the limits, headers and kinds of problems that
//! nodes use.

mod document;
mod invocations;
mod management;
mod operation;
mod parameters;
mod schemas;
#[cfg(test)]
mod tests;

pub use document::document;
