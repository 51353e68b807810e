//! Our own trace: jobs drawn from tables that are fitted to the marginals of the Alibaba trace of 2018.
//!
//! No row of that trace is in here. The tables hold rounded aggregates of it: those of one hour, and the
//! counts of tasks per job and of levels that Spår publishes over its eight days (MIT, © 2019 All-less). What
//! is drawn together stays together: durations, CPU, memory and instances of a job's tasks are correlated, as
//! they are in the trace, and unlike what Spår's own generator makes of it.

mod arrivals;
mod attributes;
mod shape;

use fogline_core::model::Seconds;

use self::arrivals::Clock;
use super::{Trace, TraceJob};

/// What the random numbers of a trace decide. The values keep clear of those of other users of a seed.
mod purpose {
    pub(super) const ARRIVALS: u32 = 0x7261_0001;
    pub(super) const MINUTE: u32 = 0x7261_0002;
    pub(super) const SHAPE: u32 = 0x7261_0003;
    pub(super) const ATTRIBUTES: u32 = 0x7261_0004;
}

/// How long a generated trace is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// So many jobs.
    Jobs(u64),
    /// All jobs that arrive before this moment.
    Duration(Seconds),
}

/// Which trace is generated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeneratorParams {
    /// The seed; another seed is another trace.
    pub seed: u64,
    /// The draw; another replication of a seed is another trace, too.
    pub replication: u64,
    /// How long it is.
    pub length: Length,
}

/// Generates a trace and holds it in memory.
#[must_use]
pub fn generate(params: &GeneratorParams) -> Trace {
    Trace {
        jobs: Generator::new(params).collect(),
        ..Trace::default()
    }
}

/// The jobs of a generated trace, one at a time, in order of arrival (whole seconds, as in the reference).
///
/// The k-th job's tasks depend on seed, replication and k alone, and the trace of a longer length begins with
/// that of a shorter one.
#[derive(Clone, Debug)]
pub struct Generator {
    params: GeneratorParams,
    clock: Clock,
    made: u64,
}

impl Generator {
    /// Starts at the first job.
    #[must_use]
    pub fn new(params: &GeneratorParams) -> Self {
        Self {
            params: *params,
            clock: Clock::new(params.seed, params.replication),
            made: 0,
        }
    }
}

impl Iterator for Generator {
    type Item = TraceJob;

    fn next(&mut self) -> Option<TraceJob> {
        if matches!(self.params.length, Length::Jobs(jobs) if self.made >= jobs) {
            return None;
        }
        let arrival = self.clock.next_arrival();
        if matches!(self.params.length, Length::Duration(end) if arrival >= end) {
            return None;
        }
        let GeneratorParams {
            seed, replication, ..
        } = self.params;
        let parents = shape::draw(seed, replication, self.made);
        let tasks = attributes::draw(seed, replication, self.made, parents);
        self.made += 1;
        Some(TraceJob {
            name: format!("j_{}", self.made),
            arrival,
            tasks,
            independent: 0,
        })
    }
}
