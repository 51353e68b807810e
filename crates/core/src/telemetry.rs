//! What a node tells the others about itself: plain data, bounded in size, damped so that noise is not told.

mod damp;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{AppName, BitRate, Bytes, FunctionClass, FunctionName, NodeName, Speed, TenantName};

/// Functions whose service times a node tells: those that it has executed most of late.
pub const MAX_TOLD_FUNCTIONS: usize = 64;
/// Nodes to which a node tells its paths: the nearest. Whoever needs another measures it itself.
pub const MAX_TOLD_PATHS: usize = 32;
/// Labels that a node tells.
pub const MAX_LABELS: usize = 32;
/// Longest label, architecture or GPU, in bytes; a longer label is not told, the others are cut.
pub const MAX_LABEL: usize = 64;

/// What one node knows about itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Telemetry {
    /// What it can run, and how fast.
    pub capabilities: Capabilities,
    /// How much it has to do.
    pub load: Load,
    /// Service times that it has learnt.
    pub services: BTreeMap<FunctionKey, ServiceTime>,
    /// What it has measured on the way to other nodes.
    pub paths: BTreeMap<NodeName, PathFigures>,
}

/// A function of an application of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FunctionKey {
    /// Whose.
    pub tenant: TenantName,
    /// The application.
    pub app: AppName,
    /// The function.
    pub function: FunctionName,
}

/// What a node can run. It does not change while the node is up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Instruction set, as `aarch64`; empty if it was not said.
    pub arch: String,
    /// CPU capacity, in thousandths of a core.
    pub cpu_millis: u64,
    /// Main memory.
    pub memory: Bytes,
    /// Family of the GPU, as `pascal`, if there is one.
    pub gpu: Option<String>,
    /// Labels, as `site=roof`.
    pub labels: BTreeSet<String>,
    /// Speed by class of function, where it was measured or catalogued.
    pub speeds: BTreeMap<FunctionClass, Speed>,
}

/// How much a node has to do, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Invocations that wait for a slot.
    pub queued: u32,
    /// Invocations that are being executed.
    pub running: u32,
    /// Invocations that can be executed at once.
    pub slots: u32,
    /// Processor time in use by anything on the machine, in thousandths of all of it.
    pub busy_permille: u16,
    /// Memory that workers can still have.
    pub free_memory: Bytes,
}

/// How long a function takes on a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceTime {
    /// Mean of late, from taking the slot to giving it back.
    pub mean: Duration,
    /// Executions behind it, old ones counting less: how far it can be trusted.
    pub recent: u32,
}

/// What was measured on the way to a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PathFigures {
    /// A short message there and its answer.
    pub rtt: Option<Duration>,
    /// Rate of large transfers, whichever way.
    pub rate: Option<BitRate>,
}

impl Telemetry {
    /// The same within [`MAX_TOLD_FUNCTIONS`], [`MAX_TOLD_PATHS`], [`MAX_LABELS`] and [`MAX_LABEL`].
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.capabilities.bound();
        keep(&mut self.services, MAX_TOLD_FUNCTIONS, |service| {
            std::cmp::Reverse(service.recent)
        });
        keep(&mut self.paths, MAX_TOLD_PATHS, |path| {
            path.rtt.unwrap_or(Duration::MAX)
        });
        self
    }
}

impl Capabilities {
    fn bound(&mut self) {
        for text in std::iter::once(&mut self.arch).chain(&mut self.gpu) {
            let end = (0..=MAX_LABEL.min(text.len())).rfind(|end| text.is_char_boundary(*end));
            text.truncate(end.unwrap_or(0));
        }
        let labels = std::mem::take(&mut self.labels);
        let short = labels.into_iter().filter(|label| label.len() <= MAX_LABEL);
        self.labels = short.take(MAX_LABELS).collect();
    }
}

/// Keeps the `most` entries of lowest rank; the lower key where ranks are equal.
fn keep<K: Ord + Clone, V, R: Ord>(map: &mut BTreeMap<K, V>, most: usize, rank: impl Fn(&V) -> R) {
    if map.len() <= most {
        return;
    }
    let mut ranked: Vec<(R, K)> = map
        .iter()
        .map(|(key, value)| (rank(value), key.clone()))
        .collect();
    ranked.sort();
    for (_, key) in ranked.split_off(most) {
        map.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{FunctionKey, PathFigures, ServiceTime, Telemetry};
    use super::{MAX_LABEL, MAX_LABELS, MAX_TOLD_FUNCTIONS, MAX_TOLD_PATHS};

    fn function(number: usize) -> FunctionKey {
        FunctionKey {
            tenant: "t".parse().unwrap(),
            app: "a".parse().unwrap(),
            function: format!("f{number}").parse().unwrap(),
        }
    }

    #[test]
    fn only_the_most_executed_functions_and_the_nearest_nodes_are_told() {
        let mut told = Telemetry::default();
        for number in 0..200 {
            let service = ServiceTime {
                mean: Duration::from_millis(5),
                recent: number as u32,
            };
            told.services.insert(function(number), service);
            let path = PathFigures {
                rtt: (number != 0).then(|| Duration::from_millis(number as u64)),
                rate: None,
            };
            told.paths.insert(format!("n{number}").parse().unwrap(), path);
        }
        let told = told.bounded();
        assert_eq!(told.services.len(), MAX_TOLD_FUNCTIONS);
        assert!(told.services.values().all(|service| service.recent >= 136));
        assert_eq!(told.paths.len(), MAX_TOLD_PATHS);
        let farthest = told.paths.values().map(|path| path.rtt).max();
        assert_eq!(
            farthest,
            Some(Some(Duration::from_millis(32))),
            "what was not measured goes first"
        );
    }

    #[test]
    fn labels_are_few_and_short() {
        let mut told = Telemetry::default();
        told.capabilities.arch = "é".repeat(MAX_LABEL);
        told.capabilities.labels = (0..100).map(|number| format!("label-{number:03}")).collect();
        told.capabilities.labels.insert("a".repeat(MAX_LABEL + 1));
        let told = told.bounded().capabilities;
        assert_eq!(told.arch, "é".repeat(MAX_LABEL / 2));
        assert_eq!(told.labels.len(), MAX_LABELS);
        assert!(told.labels.contains("label-000"));
    }
}
