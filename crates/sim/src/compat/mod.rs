//! StateSim v1.1.1, sample for sample.
//!
//! StateSim is the simulator of the paper "In-Network Computing with FaaS at the Edge". This module repeats
//! its arithmetic (floats where it has floats, sums in its order), its random numbers (those of libstdc++) and
//! its ties (the layout of boost's heap, the order of `std::map`), so that its figures can be had again, and
//! so that what a correction changes can be told from what a re-implementation changes. What is odd in it
//! stays here: nothing else in Fogline computes this way.
//!
//! One thing is not repeated: a data race in the reference's choice of the central node, by which
//! `UnchainedInEdge` may differ from run to run with several threads. Here every result is that of the
//! reference with one thread, whatever the number of threads.

mod allocate;
mod draw;
mod heap;
mod ladder;
mod machines;
mod measure;
mod options;
mod pool;
mod random;

pub(crate) use random::Engine;
mod replicate;
mod routes;
mod rows;
mod text;

pub use measure::Sample;
pub use options::{AllocPolicy, ExecPolicy, Options, Unfit, UnknownPolicy};
pub use replicate::{Loads, Prepared, Replicate, Run, Scratch};
pub use rows::RowNames;
pub use text::{job_file_name, node_file_name, write_loads, write_samples};
