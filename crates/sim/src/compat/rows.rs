//! Replications as the rows that reports are made from.

use fogline_core::model::{Bytes, Seconds};
use fogline_core::record::{Condition, JobRow, NodeRow, Replication, SeedRow, Spent};

use super::measure::Sample;
use super::options::AllocPolicy;
use super::replicate::{Prepared, Replicate, Run};
use crate::reduce::seed_row;

/// What rows are called that a replicate does not know.
#[derive(Clone, Copy, Debug)]
pub struct RowNames<'a> {
    /// Name of the network.
    pub network: &'a str,
    /// Which draw of the network.
    pub topology: u32,
}

impl RowNames<'_> {
    fn condition(&self, replicate: &Replicate, run: &Run) -> Condition {
        Condition {
            network: self.network.to_owned(),
            load: replicate.target_jobs,
            policy: run.alloc.policy().to_owned(),
            model: run.exec.model(),
        }
    }

    fn replication(&self, replicate: &Replicate) -> Replication {
        Replication {
            topology: self.topology,
            seed: replicate.seed,
        }
    }
}

impl Sample {
    /// What the job took, split by what was moved. Where states travel with arguments, all is arguments.
    #[must_use]
    pub fn spent(&self) -> Spent {
        Spent {
            processing: Seconds(self.processing),
            arguments: Seconds(self.network - self.states),
            states: Seconds(self.states),
            argument_traffic: Bytes(self.data.wrapping_sub(self.state_data)),
            state_traffic: Bytes(self.state_data),
        }
    }

    /// Time in all. Not the sum of [`Self::spent`]'s parts to the last bit, but the sum of what StateSim
    /// prints.
    #[must_use]
    pub fn latency(&self) -> Seconds {
        Seconds(self.processing + self.network)
    }
}

impl Replicate {
    /// A row per pair of policies.
    #[must_use]
    pub fn seed_rows(&self, prepared: &Prepared, names: RowNames<'_>) -> Vec<SeedRow> {
        let row = |run: &Run| {
            let placed = prepared.placed(self.loads_of(run.alloc));
            let runs = run
                .samples
                .iter()
                .map(|sample| (sample.chain, sample.spent(), sample.latency()));
            seed_row(names.condition(self, run), names.replication(self), placed, runs)
        };
        self.runs.iter().filter_map(row).collect()
    }

    /// A row per pair of policies and job.
    #[must_use]
    pub fn job_rows(&self, prepared: &Prepared, names: RowNames<'_>) -> Vec<JobRow> {
        let clients = prepared.client_names();
        let mut rows = Vec::with_capacity(self.runs.len() * self.pool_jobs().len());
        for run in &self.runs {
            for (job, sample) in run.samples.iter().enumerate() {
                rows.push(JobRow {
                    condition: names.condition(self, run),
                    replication: names.replication(self),
                    job: job as u32,
                    pool_job: self.pool_jobs()[job],
                    client: clients[self.clients()[job] as usize].to_owned(),
                    steps: sample.chain,
                    spent: sample.spent(),
                });
            }
        }
        rows
    }

    /// A row per pair of policies and node.
    #[must_use]
    pub fn node_rows(&self, prepared: &Prepared, names: RowNames<'_>) -> Vec<NodeRow> {
        let mut rows = Vec::with_capacity(self.runs.len() * prepared.node_names().len());
        for run in &self.runs {
            let invocations = self.loads_of(run.alloc).iter();
            rows.extend(
                prepared
                    .node_names()
                    .iter()
                    .zip(invocations)
                    .map(|(node, load)| NodeRow {
                        condition: names.condition(self, run),
                        replication: names.replication(self),
                        node: node.clone(),
                        invocations: u64::from(*load),
                    }),
            );
        }
        rows
    }

    /// The final loads under one allocation policy, in the order of [`Prepared::node_names`]; nothing when it
    /// was not run.
    #[must_use]
    pub fn loads_of(&self, alloc: AllocPolicy) -> &[u32] {
        let found = self.loads.iter().find(|loads| loads.alloc == alloc);
        found.map_or(&[], |found| &found.loads)
    }
}
