//! The client API on a real node.

mod answers;
mod book;
mod call;
mod observe;
mod openapi;
mod problems;
mod runs;
#[path = "../support/node.rs"]
mod node;
