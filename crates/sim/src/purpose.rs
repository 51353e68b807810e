//! What random numbers decide here; the prefix keeps them apart from those of other modules.

const ENGINE: u32 = 0x5349_4D00;
/// Whether a job of the pool runs; the entity is the job.
pub(crate) const JOB: u32 = ENGINE + 1;
/// Which job runs, where more run than there are; the entity is the position in the replication.
pub(crate) const JOB_AGAIN: u32 = ENGINE + 2;
/// Whose a job is; the entity is the job.
pub(crate) const CLIENT: u32 = ENGINE + 3;
/// When a job is placed; the entity is the job.
pub(crate) const ORDER: u32 = ENGINE + 4;
/// The functions of a job's steps; the entity is the job's position in the trace.
pub(crate) const FUNCTION: u32 = ENGINE + 5;
/// What policies draw; the entity is the position of the job in the replication, its steps take a number each.
pub(crate) const POLICY: u32 = ENGINE + 6;
/// The first turn of round-robin; the entity is the worker that dispatches and the function (in the low 16 bits).
pub(crate) const TURN: u32 = ENGINE + 7;
