//! Shortest paths inside one block.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::RouteOptions;
use super::blocks::{BlockId, Blocks};
use crate::model::Seconds;
use crate::network::graph::{Network, VertexId};
use crate::network::path::Path;

/// A full packet, in bytes (Ethernet's MTU): its travel time decides which path is the shortest.
const PACKET_BYTES: f64 = 1500.0;

/// One step: the vertex that it leads to, and what it costs to get there.
#[derive(Clone, Copy, Debug)]
struct Hop {
    to: VertexId,
    path: Path,
    packet: Seconds,
}

/// The steps of all vertices, in both directions.
#[derive(Debug)]
pub(super) struct Inside {
    forward: Vec<Vec<Hop>>,
    backward: Vec<Vec<Hop>>,
    options: RouteOptions,
}

/// Which way a search walks the edges.
#[derive(Clone, Copy)]
enum Direction {
    From,
    To,
}

/// What a search knows of a vertex.
#[derive(Clone, Copy)]
struct Known {
    packet: f64,
    path: Path,
    done: bool,
}

impl Inside {
    pub(super) fn new(network: &Network, blocks: &Blocks, options: RouteOptions) -> Self {
        let count = network.vertices().len();
        let mut inside = Self {
            forward: vec![Vec::new(); count],
            backward: vec![Vec::new(); count],
            options,
        };
        for from in (0..count as u32).map(VertexId) {
            for edge in network.edges(from) {
                let link = network.link(edge.to);
                let per_byte = link.map_or(0.0, |link| link.rate.seconds_per_byte());
                let path = Path {
                    latency: edge.latency,
                    seconds_per_byte: per_byte,
                    links: u32::from(link.is_some()),
                };
                let packet = edge.latency + Seconds(per_byte * PACKET_BYTES);
                inside.forward[from.0 as usize].push(Hop {
                    to: edge.to,
                    path,
                    packet,
                });
                inside.backward[edge.to.0 as usize].push(Hop {
                    to: from,
                    path,
                    packet,
                });
            }
        }
        debug_assert!(blocks.len() < count);
        inside
    }

    /// By vertex: the path to its gateway and the path from it.
    pub(super) fn to_and_from_gateways(&self, blocks: &Blocks) -> (Vec<Path>, Vec<Path>) {
        let mut up = vec![Path::NONE; self.forward.len()];
        let mut down = vec![Path::NONE; self.forward.len()];
        for block in blocks.all() {
            let members = blocks.members(block);
            let gateway = blocks.gateway(members[0]);
            let from = self.search(blocks, block, gateway, Direction::From);
            let to = self.search(blocks, block, gateway, Direction::To);
            for (index, member) in members.iter().enumerate() {
                down[member.0 as usize] = from[index];
                up[member.0 as usize] = to[index];
            }
        }
        if self.options.reversed {
            (down, up)
        } else {
            (up, down)
        }
    }

    /// From one member of a block to all of its members.
    pub(super) fn row(&self, blocks: &Blocks, block: BlockId, from: VertexId) -> Vec<Path> {
        let direction = if self.options.reversed {
            Direction::To
        } else {
            Direction::From
        };
        self.search(blocks, block, from, direction)
    }

    /// Dijkstra's algorithm from (or to) `start` within a block and its gateway; the result is by position
    /// of the member. An unreachable member, on which no node depends, costs infinitely much.
    fn search(&self, blocks: &Blocks, block: BlockId, start: VertexId, direction: Direction) -> Vec<Path> {
        let members = blocks.members(block);
        let gateway = blocks.gateway(members[0]);
        // The gateway's place is behind the members.
        let place = |vertex: VertexId| {
            if vertex == gateway {
                Some(members.len())
            } else {
                (blocks.depth(vertex) > 0 && blocks.block_of(vertex) == block)
                    .then(|| blocks.slot(vertex) - blocks.first_slot(block))
            }
        };
        let far = Path {
            latency: Seconds(f64::INFINITY),
            seconds_per_byte: f64::INFINITY,
            links: u32::MAX,
        };
        let mut known = vec![
            Known {
                packet: f64::INFINITY,
                path: far,
                done: false
            };
            members.len() + 1
        ];
        let mut heap = BinaryHeap::new();
        if let Some(at) = place(start) {
            known[at] = Known {
                packet: 0.0,
                path: Path::NONE,
                done: false,
            };
            heap.push(Reverse((Ordered(0.0), 0, start)));
        }
        while let Some(Reverse((_, _, vertex))) = heap.pop() {
            let Some(at) = place(vertex) else { continue };
            if std::mem::replace(&mut known[at].done, true) {
                continue;
            }
            let here = known[at];
            let hops = match direction {
                Direction::From => &self.forward[vertex.0 as usize],
                Direction::To => &self.backward[vertex.0 as usize],
            };
            for hop in hops {
                let Some(next) = place(hop.to) else { continue };
                let path = here.path.then(hop.path, self.options.transfer);
                let packet = here.packet + hop.packet.0;
                if (packet, path.links) < (known[next].packet, known[next].path.links) {
                    known[next] = Known {
                        packet,
                        path,
                        done: known[next].done,
                    };
                    heap.push(Reverse((Ordered(packet), path.links, hop.to)));
                }
            }
        }
        known.truncate(members.len());
        known.into_iter().map(|known| known.path).collect()
    }
}

/// A time that is never NaN, in order.
#[derive(Clone, Copy, PartialEq)]
struct Ordered(f64);

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}
