//! A store in a Redis or Valkey server: the external home.

mod configuration;
mod connect;
mod scripts;
mod store;

pub use connect::{ConnectError, RedisOptions};
pub use store::RedisStore;
