//! The client against a node that does what a test says.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod in_client;
mod node;
mod retries;
mod workflow;
