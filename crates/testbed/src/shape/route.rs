//! Ways through the network, vertex by vertex, by the rule of `core::network::Routes`: the least time of one
//! full packet, then the fewest links.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use fogline_core::model::Seconds;
use fogline_core::network::{Network, VertexId};

use super::queue::lasting;

/// A full packet, in bytes (Ethernet's MTU), as in `core`.
const PACKET_BYTES: f64 = 1500.0;

/// The kind of links on which all directions share the capacity.
const SHARED: &str = "shared";

/// A way from one vertex to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// For each link on it: how long it takes from the link before, and which queue stands there.
    pub(super) legs: Vec<Leg>,
    /// How long it takes from the last link.
    pub(super) rest: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leg {
    pub(super) latency: Duration,
    pub(super) queue: usize,
}

/// One direction of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Direction {
    pub(super) link: VertexId,
    /// None where all directions share the medium.
    pub(super) towards: Option<VertexId>,
}

/// The directions of all links, in the order of their queues. A link between two neighbours is a wire, with a
/// queue each way; one of kind `shared`, or with more neighbours, is a medium that all traffic shares.
pub(super) fn directions(network: &Network) -> Vec<Direction> {
    let mut neighbours = BTreeMap::<VertexId, BTreeSet<VertexId>>::new();
    for from in (0..network.vertices().len() as u32).map(VertexId) {
        for edge in network.edges(from) {
            neighbours.entry(from).or_default().insert(edge.to);
            neighbours.entry(edge.to).or_default().insert(from);
        }
    }
    let mut directions = BTreeSet::new();
    for (vertex, near) in neighbours {
        let Some(link) = network.link(vertex) else {
            continue;
        };
        if link.kind == SHARED || near.len() > 2 {
            directions.insert(Direction {
                link: vertex,
                towards: None,
            });
            continue;
        }
        directions.extend(network.edges(vertex).iter().map(|edge| Direction {
            link: vertex,
            towards: Some(edge.to),
        }));
    }
    directions.into_iter().collect()
}

/// The best ways from one vertex to all others.
#[derive(Debug)]
pub(super) struct Tree {
    from: VertexId,
    /// By vertex: the one before it, and the latency between the two.
    previous: Vec<Option<(VertexId, Seconds)>>,
}

impl Tree {
    /// Dijkstra's algorithm.
    pub(super) fn new(network: &Network, from: VertexId) -> Self {
        let count = network.vertices().len();
        let mut best = vec![(f64::INFINITY, u32::MAX); count];
        let mut previous = vec![None; count];
        best[from.0 as usize] = (0.0, 0);
        let mut heap = BinaryHeap::from([Reverse((Time(0.0), 0, from))]);
        while let Some(Reverse((Time(time), links, vertex))) = heap.pop() {
            if (time, links) > best[vertex.0 as usize] {
                continue;
            }
            for edge in network.edges(vertex) {
                let link = network.link(edge.to);
                let packet = link.map_or(0.0, |link| link.rate.seconds_per_byte() * PACKET_BYTES);
                let found = (
                    time + (edge.latency.0 + packet),
                    links + u32::from(link.is_some()),
                );
                if found < best[edge.to.0 as usize] {
                    best[edge.to.0 as usize] = found;
                    previous[edge.to.0 as usize] = Some((vertex, edge.latency));
                    heap.push(Reverse((Time(found.0), found.1, edge.to)));
                }
            }
        }
        Self { from, previous }
    }

    /// The vertices from the start to `to`, both included, each with the latency before it; none if `to`
    /// cannot be reached.
    pub(super) fn walk(&self, to: VertexId) -> Option<Vec<(VertexId, Seconds)>> {
        let mut walk = Vec::new();
        let mut at = to;
        while at != self.from {
            let (before, latency) = self.previous[at.0 as usize]?;
            walk.push((at, latency));
            at = before;
        }
        walk.push((self.from, Seconds::ZERO));
        walk.reverse();
        Some(walk)
    }

    /// The route to a vertex, if it can be reached.
    pub(super) fn route(&self, to: VertexId, directions: &[Direction]) -> Option<Route> {
        let walk = self.walk(to)?;
        let mut legs = Vec::new();
        let mut since = Seconds::ZERO;
        for (place, &(vertex, latency)) in walk.iter().enumerate() {
            since += latency;
            let queue = |towards| {
                directions
                    .binary_search(&Direction {
                        link: vertex,
                        towards,
                    })
                    .ok()
            };
            let next = walk.get(place + 1).map(|&(next, _)| next);
            // What starts or ends at a link does not cross it.
            let (Some(next), true) = (next, place > 0) else {
                continue;
            };
            if let Some(queue) = queue(None).or_else(|| queue(Some(next))) {
                legs.push(Leg {
                    latency: lasting(since.0),
                    queue,
                });
                since = Seconds::ZERO;
            }
        }
        Some(Route {
            legs,
            rest: lasting(since.0),
        })
    }
}

/// A time that is never NaN, in order.
#[derive(Clone, Copy, PartialEq)]
struct Time(f64);

impl Eq for Time {}

impl PartialOrd for Time {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Time {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}
