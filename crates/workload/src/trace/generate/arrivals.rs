//! When jobs arrive: in batches, at a rate that changes from minute to minute.
//!
//! In the reference hour the jobs per second have 4.4 times the variance of a Poisson process, and the jobs
//! per minute a coefficient of variation of 0.5. A lognormal rate per minute explains the latter and adds
//! λ·cv² ≈ 1.2 to the index of dispersion; batches of geometric size, whose E[B²]/E[B] is 2.2, the rest.

use fogline_core::model::Seconds;

use super::purpose;
use crate::random::Stream;

/// Jobs with a DAG per second: 15,478 in an hour.
const JOBS_PER_SECOND: f64 = 4.3;

/// Coefficient of variation of the rate of a minute. That of the counts of a minute is 0.02 larger.
const MINUTE_CV: f64 = 0.5;

/// Probability that a batch has yet another job; E[B²]/E[B] = (1 + p)/(1 − p) = 2.3, mean 1/(1 − p) = 1.65.
const ANOTHER: f64 = 0.53;

/// The process of arrivals.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    seed: u64,
    replication: u64,
    stream: Stream,
    /// Moment of the last batch.
    now: f64,
    minute: u64,
    /// Batches per second in this minute.
    rate: f64,
    /// Whether the batch goes on.
    another: bool,
}

impl Clock {
    pub(super) fn new(seed: u64, replication: u64) -> Self {
        Self {
            seed,
            replication,
            stream: Stream::new(seed, replication, 0, purpose::ARRIVALS),
            now: 0.0,
            minute: 0,
            rate: rate(seed, replication, 0),
            another: false,
        }
    }

    /// The next arrival, in whole seconds.
    pub(super) fn next_arrival(&mut self) -> Seconds {
        if !self.another {
            self.advance();
        }
        self.another = self.stream.uniform() < ANOTHER;
        Seconds(self.now.floor())
    }

    /// To the next batch.
    fn advance(&mut self) {
        // In units of the mean gap: what is left of it at the end of a minute is spent at the next one's rate.
        let mut gap = self.stream.exponential();
        loop {
            let end = (self.minute + 1) as f64 * 60.0;
            let left = (end - self.now) * self.rate;
            if gap < left {
                self.now += gap / self.rate;
                return;
            }
            gap -= left;
            self.now = end;
            self.minute += 1;
            self.rate = rate(self.seed, self.replication, self.minute);
        }
    }
}

/// Batches per second in a minute.
fn rate(seed: u64, replication: u64, minute: u64) -> f64 {
    let variance = libm::log1p(MINUTE_CV * MINUTE_CV);
    let normal = Stream::new(seed, replication, minute, purpose::MINUTE).normal();
    let factor = libm::exp(variance.sqrt() * normal - variance / 2.0);
    JOBS_PER_SECOND * (1.0 - ANOTHER) * factor
}
