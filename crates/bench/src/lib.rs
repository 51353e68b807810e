//! Load on nodes: a generator of requests, an application to invoke under each model, and a node to load.

mod app;
mod connection;
mod error;
mod load;
mod local;
mod pace;
mod row;
mod script;
mod session;

pub use app::{ADD, Kind, deploy, deploy_files, remove};
pub use connection::{Answer, Connection, Server};
pub use error::BenchError;
pub use load::{Load, run};
pub use local::{LocalNode, LocalOptions};
pub use pace::Pace;
pub use row::{Row, table};
pub use script::{Same, Script};
pub use session::{InSession, create, sessions};
