//! What a network is made of.

use std::collections::BTreeMap;

use fogline_core::network::{Edge, Network, VertexId, VertexKind};
use serde::Serialize;

/// A network in figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Description {
    /// Machines.
    pub nodes: u64,
    /// Machines that may run functions.
    pub workers: u64,
    /// Machines that may own sessions.
    pub clients: u64,
    /// Capacities.
    pub links: u64,
    /// Transparent meeting points.
    pub switches: u64,
    /// Directed edges.
    pub edges: u64,
    /// Machines by model.
    pub models: BTreeMap<String, u64>,
    /// Capacities in Mb/s, by kind of link.
    pub rates_mbps: BTreeMap<String, Quantiles>,
    /// Latencies in milliseconds, of the edges that have one.
    pub latencies_ms: Option<Quantiles>,
    /// What looks as if it were not meant.
    pub warnings: Vec<String>,
}

/// Where values lie.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantiles {
    /// How many values.
    pub count: u64,
    /// The least.
    pub min: f64,
    /// Ten percent are below it.
    pub p10: f64,
    /// Half are below it.
    pub median: f64,
    /// Ninety percent are below it.
    pub p90: f64,
    /// The greatest.
    pub max: f64,
}

impl Quantiles {
    /// Of these values; none of nothing. Each is a value of the sample: the one at position ⌊q·(n−1)⌋.
    #[must_use]
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (&min, &max) = (values.first()?, values.last()?);
        let at = |tenths: usize| values[tenths * (values.len() - 1) / 10];
        Some(Self {
            count: values.len() as u64,
            min,
            p10: at(1),
            median: at(5),
            p90: at(9),
            max,
        })
    }
}

impl Description {
    /// Describes a network.
    #[must_use]
    pub fn of(network: &Network) -> Self {
        let mut models = BTreeMap::new();
        let (mut workers, mut clients) = (0, 0);
        for id in network.node_ids() {
            let node = network.node(id);
            *models.entry(node.model.clone()).or_default() += 1;
            workers += u64::from(node.worker);
            clients += u64::from(node.client);
        }
        let mut rates: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for link in network.links().iter().filter_map(|&id| network.link(id)) {
            rates
                .entry(link.kind.clone())
                .or_default()
                .push(link.rate.as_mbps());
        }
        let rates_mbps = rates
            .into_iter()
            .filter_map(|(kind, rates)| Some((kind, Quantiles::of(rates)?)));
        let latencies: Vec<f64> = edges(network)
            .map(|(_, edge)| edge.latency.as_millis())
            .filter(|ms| *ms > 0.0)
            .collect();
        let mut description = Self {
            nodes: network.node_count() as u64,
            workers,
            clients,
            links: network.links().len() as u64,
            switches: (network.vertices().len() - network.node_count() - network.links().len()) as u64,
            edges: edges(network).count() as u64,
            models,
            rates_mbps: rates_mbps.collect(),
            latencies_ms: Quantiles::of(latencies),
            warnings: Vec::new(),
        };
        description.warnings = description.warn(network);
        description
    }

    fn warn(&self, network: &Network) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.clients == 0 {
            warnings.push("no node is a client, so nobody calls a function".to_owned());
        }
        if self.workers == 0 {
            warnings.push("no node is a worker, so no function can run".to_owned());
        }
        if self.latencies_ms.is_none() && self.nodes > 1 {
            warnings.push("no edge has a latency; StateSim's files do not hold any".to_owned());
        }
        let ends = dead_ends(network);
        if let Some(first) = ends.first() {
            let name = &network.vertex(*first).name;
            let count = ends.len();
            warnings.push(format!(
                "{count} links or switches cannot be passed through, as \"{name}\""
            ));
        }
        warnings
    }
}

/// All edges, and where they begin.
fn edges(network: &Network) -> impl Iterator<Item = (VertexId, &Edge)> {
    let vertices = (0..network.vertices().len() as u32).map(VertexId);
    vertices.flat_map(|from| network.edges(from).iter().map(move |edge| (from, edge)))
}

/// Links and switches without an edge in or without an edge out.
fn dead_ends(network: &Network) -> Vec<VertexId> {
    let mut entered = vec![false; network.vertices().len()];
    for (_, edge) in edges(network) {
        entered[edge.to.0 as usize] = true;
    }
    let passable = |id: VertexId| entered[id.0 as usize] && !network.edges(id).is_empty();
    let ids = (0..network.vertices().len() as u32).map(VertexId);
    ids.filter(|&id| !matches!(network.vertex(id).kind, VertexKind::Node(_)) && !passable(id))
        .collect()
}
