//! The OpenAPI description of the client API.

/// The document, in JSON.
pub const DOCUMENT: &str = include_str!("openapi.json");
