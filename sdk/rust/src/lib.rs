//! Writes stateful edge functions for [Fogline](https://fogline.dev) in Rust.
//!
//! A function takes an input and gives an output. What it must remember until the next call, it keeps in the
//! *states* of its session. Where those live is not its concern: the same component runs under every
//! execution model.
//!
//! ```
//! use fogline::{Error, State};
//!
//! const TOTAL: State<i64> = State::new("total");
//!
//! fn add(amount: i64) -> Result<i64, Error> {
//!     let total = TOTAL.load()?.unwrap_or(0) + amount;
//!     TOTAL.store(&total)?;
//!     Ok(total)
//! }
//!
//! fogline::json_function!(add);
//! # fn main() {}
//! ```
//!
//! Everything that a function sets is committed together after it has returned `Ok`, or not at all. It may
//! run more than once for one invocation, so what it does must follow from its input, its states and its
//! [`Invocation`] alone: the clock and the source of chance are there too, the same in every attempt.

#[doc(hidden)]
pub mod bindings;
mod context;
mod error;
mod inputs;
#[cfg(feature = "json")]
mod json;
pub mod log;
#[cfg(target_arch = "wasm32")]
mod memory;
mod register;
mod state;

pub use context::{Invocation, context};
pub use error::Error;
pub use inputs::inputs;
#[cfg(feature = "json")]
pub use json::State;
pub use state::{ByteState, StateError};

/// What the macros expand to; not for use by hand.
#[doc(hidden)]
pub mod internal {
    #[cfg(feature = "json")]
    pub use crate::json::call as call_json;
    pub use crate::register::call;
}
