//! Lines for the application's log.
//!
//! A line over 4096 bytes is cut; so many lines per invocation are kept as the node allows.

use crate::bindings::fogline::function::log::{Level, write};

/// Of use while the function is being written.
pub fn debug(message: impl AsRef<str>) {
    write(Level::Debug, message.as_ref());
}

/// Worth keeping.
pub fn info(message: impl AsRef<str>) {
    write(Level::Info, message.as_ref());
}

/// Unusual; the function goes on.
pub fn warn(message: impl AsRef<str>) {
    write(Level::Warn, message.as_ref());
}

/// Somebody must act.
pub fn error(message: impl AsRef<str>) {
    write(Level::Error, message.as_ref());
}
