//! Functions that are programs in any language, reached by HTTP/1.1 over a Unix socket.
//!
//! The node starts the program in the folder of the manifest with `FOGLINE_SOCKET`, the path to listen on, and asks
//! `GET /ready` until it answers 200 (`supervisor`). An invocation is a `POST /` (`protocol`), each over a
//! connection of its own (`exchange`). A program that ends is started again, after a pause that doubles.
//!
//! Of the node's environment it gets what `program` lists, and `FOGLINE_FUNCTION`, the name of its function. Its
//! standard output and error go to the node's log. Its memory is limited to that of as many workers as may be busy at
//! once (on Linux). It is killed with its process group when the function is no longer deployed.

mod exchange;
mod executor;
mod program;
mod protocol;
mod runtime;
mod supervisor;

pub use runtime::ProcessRuntime;
