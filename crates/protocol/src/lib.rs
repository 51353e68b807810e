//! What crosses a wire: the client API, and the calls between nodes.

pub mod api;
pub mod headers;
pub mod multipart;
pub mod openapi;
pub mod peer;
pub mod problem;
pub mod trace;
