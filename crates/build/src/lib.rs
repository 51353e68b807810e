//! Makes projects of functions, and builds them into components.
//!
//! What a node loads is a component of the world in `wit/function.wit`. [`new_project`] writes a project
//! that gives one, [`build_project`] compiles it, encodes it and checks it against the world.
//! docs/src/functions.md is the manual.

mod all;
mod cargo;
mod compiler;
mod component;
mod error;
mod manifest;
mod new;
mod output;
mod project;
mod sdk;

pub use all::{COMPILER_FILE, build_all};
pub use compiler::Compiler;
pub use component::{check, encode};
pub use error::BuildError;
pub use new::{ProjectKind, new_project};
pub use project::{Built, BuiltComponent, build_project};
