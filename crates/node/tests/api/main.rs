//! The client API on a real node.

mod answers;
mod book;
mod call;
mod dashboard;
#[path = "../support/node.rs"]
mod node;
mod observe;
mod openapi;
mod problems;
mod programs;
mod runs;
