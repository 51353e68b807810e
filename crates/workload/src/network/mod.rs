//! Networks: read, written, imported and generated.

mod describe;
pub mod ether;
mod figure;
mod file;
pub mod graphml;
pub mod native;
mod role;
pub mod statesim;
mod text;
mod unwritable;

pub use describe::{Description, Quantiles};
pub use file::{Format, read, statesim_paths};
pub use text::{MAX_FILE, MAX_LINE};
pub use unwritable::Unwritable;
