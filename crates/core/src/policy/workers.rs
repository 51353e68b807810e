//! The workers among which a policy chooses.

use crate::network::{NodeId, VertexId};

/// A worker, by its position among the candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerIndex(pub u32);

/// The candidates: where they are, how fast they are, and what they already have to do.
///
/// A *profile* is a row of speeds, one for each worker: there is one for each kind of function that differs in
/// speed or in what it requires of a worker; a speed of 0 says that the worker cannot run it.
#[derive(Clone, Debug)]
pub struct Workers {
    nodes: Vec<NodeId>,
    vertices: Vec<VertexId>,
    /// Operations per second, by profile and worker.
    speeds: Vec<Vec<f64>>,
    /// What one more invocation would get, by profile and worker.
    rates: Vec<Vec<f64>>,
    loads: Vec<u32>,
    /// By worker: the load that rates are reckoned with, which may be out of date.
    seen: Vec<u32>,
}

impl Workers {
    /// Candidates without load. `speeds` has, for each profile, a speed in operations per second for each
    /// worker.
    ///
    /// # Panics
    /// When the lists differ in length, which is a mistake of the caller's.
    #[must_use]
    pub fn new(nodes: Vec<NodeId>, vertices: Vec<VertexId>, speeds: Vec<Vec<f64>>) -> Self {
        assert!(
            vertices.len() == nodes.len() && speeds.iter().all(|row| row.len() == nodes.len()),
            "every worker has a place, and a speed in every profile"
        );
        let loads = vec![0; nodes.len()];
        let rates = speeds.clone();
        Self {
            nodes,
            vertices,
            speeds,
            rates,
            seen: loads.clone(),
            loads,
        }
    }

    /// How many candidates there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// How many profiles there are.
    #[must_use]
    pub fn profiles(&self) -> usize {
        self.speeds.len()
    }

    /// All candidates, ascending.
    pub fn indices(&self) -> impl ExactSizeIterator<Item = WorkerIndex> + use<> {
        (0..self.nodes.len() as u32).map(WorkerIndex)
    }

    /// The node of a worker.
    #[must_use]
    pub fn node(&self, worker: WorkerIndex) -> NodeId {
        self.nodes[worker.0 as usize]
    }

    /// Where a worker is.
    #[must_use]
    pub fn vertex(&self, worker: WorkerIndex) -> VertexId {
        self.vertices[worker.0 as usize]
    }

    /// Invocations placed on a worker.
    #[must_use]
    pub fn load(&self, worker: WorkerIndex) -> u32 {
        self.loads[worker.0 as usize]
    }

    /// Invocations that a worker's rates are reckoned with.
    #[must_use]
    pub fn seen(&self, worker: WorkerIndex) -> u32 {
        self.seen[worker.0 as usize]
    }

    /// Operations per second of a worker that has nothing else to do; 0 if it cannot run the function.
    #[must_use]
    pub fn speed(&self, worker: WorkerIndex, profile: usize) -> f64 {
        self.speeds[profile][worker.0 as usize]
    }

    /// Operations per second that one more invocation would get: all invocations share the processor evenly.
    #[must_use]
    pub fn rate(&self, worker: WorkerIndex, profile: usize) -> f64 {
        self.rates[profile][worker.0 as usize]
    }

    /// The same for all workers.
    #[must_use]
    pub fn rates(&self, profile: usize) -> &[f64] {
        &self.rates[profile]
    }

    /// Places an invocation on a worker.
    pub fn place(&mut self, worker: WorkerIndex) {
        self.place_unseen(worker);
        self.see(worker);
    }

    /// Places an invocation on a worker, whose rates stay what they were.
    pub fn place_unseen(&mut self, worker: WorkerIndex) {
        self.loads[worker.0 as usize] += 1;
    }

    /// Takes one more invocation into account in a worker's rates.
    pub fn see(&mut self, worker: WorkerIndex) {
        self.seen[worker.0 as usize] += 1;
        self.rate_anew(worker.0 as usize);
    }

    /// Takes back what [`Self::see`] did.
    pub fn unsee(&mut self, worker: WorkerIndex) {
        self.seen[worker.0 as usize] -= 1;
        self.rate_anew(worker.0 as usize);
    }

    /// Takes all invocations that were placed into account, and each once.
    pub fn refresh(&mut self) {
        for at in 0..self.nodes.len() {
            if self.seen[at] != self.loads[at] {
                self.seen[at] = self.loads[at];
                self.rate_anew(at);
            }
        }
    }

    fn rate_anew(&mut self, at: usize) {
        let sharing = f64::from(self.seen[at] + 1);
        for (rates, speeds) in self.rates.iter_mut().zip(&self.speeds) {
            rates[at] = speeds[at] / sharing;
        }
    }

    /// Takes all load away.
    pub fn clear(&mut self) {
        self.loads.fill(0);
        self.seen.fill(0);
        self.rates.clone_from(&self.speeds);
    }
}
