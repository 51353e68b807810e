//! What a node tells the others about itself: plain data, bounded in size, damped so that noise is not told.

mod damp;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{AppName, BitRate, Bytes, FunctionName, NodeName, TenantName};
use crate::network::Node;

/// Functions whose service times a node tells: those that it has executed most of late.
pub const MAX_TOLD_FUNCTIONS: usize = 64;
/// Nodes to which a node tells its paths: the nearest. Whoever needs another measures it itself.
pub const MAX_TOLD_PATHS: usize = 32;
/// Labels that a node tells.
pub const MAX_LABELS: usize = 32;
/// Longest label, architecture or model, in bytes; a longer label is not told, the others are cut.
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
    /// Model, as `rpi4` in the catalogue of devices, which says how fast it is; empty if it is none of them.
    pub model: String,
    /// Accelerators and labels, as `gpu=pascal` and `site=roof`.
    pub labels: BTreeSet<String>,
    /// Whether it runs functions.
    pub functions: bool,
    /// Whether it has the authority's key, and issues certificates.
    pub issuer: bool,
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
    /// Whether it is being emptied: it wants nothing new.
    pub draining: bool,
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
    /// The machine that has them. One that says that it has no processor or memory is taken to have a little.
    #[must_use]
    pub fn machine(&self) -> Node {
        Node {
            cpu_millis: self.cpu_millis.max(1),
            memory: self.memory.max(Bytes(1)),
            arch: self.arch.clone(),
            kind: "node".to_owned(),
            model: self.model.clone(),
            worker: self.functions,
            client: false,
            capabilities: self.labels.iter().cloned().collect(),
        }
    }

    fn bound(&mut self) {
        for text in [&mut self.arch, &mut self.model] {
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
