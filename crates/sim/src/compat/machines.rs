//! The processing nodes, in the order of StateSim's maps: by the bytes of their names.

use fogline_core::network::{Network, Node, NodeId};

use super::options::{Options, Unfit};

/// What a function needs and a node has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Affinity {
    Cpu,
    Gpu,
}

/// Affinity of a model, and whether it may be a client (`Node::make` in v1.1.1).
fn traits_of(model: &str) -> Option<(Affinity, bool)> {
    match model {
        "server" | "nuci5" => Some((Affinity::Cpu, false)),
        "rpi3b+" => Some((Affinity::Cpu, true)),
        "nvidia_jetson_tx2" => Some((Affinity::Gpu, true)),
        _ => None,
    }
}

/// All nodes of the network: v1.1.1 lets clients work, too.
#[derive(Clone, Debug)]
pub(super) struct Machines {
    pub(super) ids: Vec<NodeId>,
    pub(super) names: Vec<String>,
    pub(super) affinity: Vec<Affinity>,
    /// In operations per second: v1.1.1 reads the column of the memory as the speed.
    pub(super) speed: Vec<f32>,
    /// Which of them are clients, ascending.
    pub(super) clients: Vec<u32>,
    /// What each machine is.
    pub(super) nodes: Vec<Node>,
}

impl Machines {
    pub(super) fn of(network: &Network) -> Result<Self, Unfit> {
        let mut ids: Vec<NodeId> = network.node_ids().collect();
        ids.sort_by_key(|id| network.node_name(*id).as_bytes());
        let mut machines = Self {
            names: ids.iter().map(|id| network.node_name(*id).to_owned()).collect(),
            affinity: Vec::with_capacity(ids.len()),
            speed: Vec::with_capacity(ids.len()),
            clients: Vec::new(),
            nodes: ids.iter().map(|id| network.node(*id).clone()).collect(),
            ids,
        };
        for (rank, id) in machines.ids.iter().enumerate() {
            let node = network.node(*id);
            let (affinity, client) = traits_of(&node.model).ok_or_else(|| Unfit::Model {
                node: machines.names[rank].clone(),
                model: node.model.clone(),
            })?;
            machines.affinity.push(affinity);
            machines.speed.push(node.memory.0 as f32);
            if client {
                machines.clients.push(rank as u32);
            }
        }
        if machines.clients.is_empty() {
            return Err(Unfit::NoClient);
        }
        Ok(machines)
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// How many functions, in the order of their names, need a CPU, and how many of those behind them a GPU:
    /// shared out by the speed that the network has of either.
    pub(super) fn functions_by_affinity(&self, options: &Options) -> (u64, u64) {
        let sum = |wanted| {
            let speeds = self.affinity.iter().zip(&self.speed);
            speeds
                .filter(|(affinity, _)| **affinity == wanted)
                .fold(0.0, |sum, (_, speed)| sum + f64::from(*speed))
        };
        let (cpu, gpu) = (sum(Affinity::Cpu), sum(Affinity::Gpu));
        let all = cpu + gpu;
        let share = |part: f64| (options.functions as f64 * part / all).round() as u64;
        (share(cpu), share(gpu))
    }
}
