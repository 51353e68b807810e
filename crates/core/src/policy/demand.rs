//! What an invocation asks of a worker, as a policy sees it.

use crate::cost::Leg;
use crate::model::{Operations, Seconds};
use crate::network::Path;

/// An invocation that needs a worker.
#[derive(Clone, Copy, Debug)]
pub struct Demand<'a> {
    /// What is to be computed.
    pub operations: Operations,
    /// Which of [`super::Workers`]' speed profiles applies.
    pub profile: usize,
    /// The transfers that count.
    pub legs: &'a [Leg],
}

impl Demand<'_> {
    /// Processing time at `rate` operations per second, and the time of the legs on the paths (to the worker
    /// and back) that `paths` gives for a peer in the network.
    ///
    /// Monotone in the rate and in every path, to the last bit: fed with bounds, it gives a bound.
    #[must_use]
    pub fn score(
        &self,
        rate: f64,
        mut paths: impl FnMut(crate::network::VertexId) -> (Path, Path),
    ) -> Seconds {
        let mut score = Seconds(self.operations.0 as f64 / rate);
        for leg in self.legs {
            let (to_worker, from_worker) = leg.peer.paths(&mut paths);
            score += leg.time(to_worker, from_worker);
        }
        score
    }
}
