//! Shortest paths without an all-pairs table.
//!
//! The biconnected components ("blocks") of a graph hang together in a tree: a path between two blocks
//! passes through the vertices where blocks meet. Rooted at the network's middle, every other vertex has one
//! *gateway*, the meeting vertex on its way to the root; a path climbs from gateway to gateway, turns, and
//! descends. Edge networks are made of cells behind an uplink, so blocks are small and the tree is flat: a
//! path costs as many steps as there are levels, and memory is linear in the size of the network.
//!
//! Inside a block paths are shortest by the time of one full packet, ties by fewer links, then by the order
//! of the vertices.
//!
//! Float addition is not associative, so *where* sums start is part of the contract: from the start up to the
//! turn from left to right, from the end up to the turn from right to left. [`Routes::join`] lets a search
//! put the best of a whole subtree in an end's place, and gets a bound that is exact to the last bit.

mod blocks;
mod inside;

use std::sync::OnceLock;

use super::graph::{Network, VertexId};
use super::path::{Path, Transfer};
use blocks::Blocks;
use inside::Inside;

/// What paths are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteOptions {
    /// How messages cross several links.
    pub transfer: Transfer,
    /// Whether a transfer from a to b is charged with the path from b to a, as `StateSim` does.
    pub reversed: bool,
}

/// The shortest paths of a network.
#[derive(Debug)]
pub struct Routes {
    transfer: Transfer,
    blocks: Blocks,
    /// By vertex: from it to its gateway, and back. [`Path::NONE`] at the root.
    up: Vec<Path>,
    down: Vec<Path>,
    inside: Inside,
    /// By position in `blocks.members`, for each member of a block with several ports: paths to the
    /// others, made when first asked for.
    rows: Vec<OnceLock<Box<[Path]>>>,
    is_link: Vec<bool>,
}

impl Routes {
    /// Finds the shortest paths.
    #[must_use]
    pub fn new(network: &Network, options: RouteOptions) -> Self {
        let blocks = Blocks::of(network);
        let inside = Inside::new(network, &blocks, options);
        let (up, down) = inside.to_and_from_gateways(&blocks);
        let rows = (0..blocks.len()).map(|_| OnceLock::new()).collect();
        let is_link = (0..up.len() as u32)
            .map(|id| network.link(VertexId(id)).is_some())
            .collect();
        Self {
            transfer: options.transfer,
            blocks,
            up,
            down,
            inside,
            rows,
            is_link,
        }
    }

    /// The path from one vertex to another.
    #[must_use]
    pub fn path(&self, from: VertexId, to: VertexId) -> Path {
        self.join(Path::NONE, from, to, Path::NONE)
    }

    /// The path that starts with `head`, which ends at `from`, and ends with `tail`, which starts at `to`.
    #[must_use]
    pub fn join(&self, head: Path, from: VertexId, to: VertexId, tail: Path) -> Path {
        let (mut from, mut to, mut head, mut tail) = (from, to, head, tail);
        loop {
            if from == to {
                return head.then(tail, self.transfer);
            }
            let (from_depth, to_depth) = (self.blocks.depth(from), self.blocks.depth(to));
            if from_depth == to_depth && self.blocks.block_of(from) == self.blocks.block_of(to) {
                return head.then(self.across(from, to).then(tail, self.transfer), self.transfer);
            }
            if from_depth >= to_depth {
                head = head.then(self.up[from.0 as usize], self.transfer);
                from = self.blocks.gateway(from);
            }
            if to_depth >= from_depth {
                tail = self.down[to.0 as usize].then(tail, self.transfer);
                to = self.blocks.gateway(to);
            }
        }
    }

    /// How messages cross several links.
    #[must_use]
    pub fn transfer(&self) -> Transfer {
        self.transfer
    }

    /// The root of the tree.
    pub(crate) fn root(&self) -> VertexId {
        self.blocks.root()
    }

    /// The vertices whose gateway this is, block by block.
    pub(crate) fn members_below(&self, gateway: VertexId) -> impl Iterator<Item = &[VertexId]> {
        self.blocks
            .below(gateway)
            .iter()
            .map(|block| self.blocks.members(*block))
    }

    /// Its gateway to it, and it to its gateway.
    pub(crate) fn gateway_paths(&self, vertex: VertexId) -> (Path, Path) {
        (self.down[vertex.0 as usize], self.up[vertex.0 as usize])
    }

    /// The vertex through which this one reaches the root.
    pub(crate) fn gateway(&self, vertex: VertexId) -> VertexId {
        self.blocks.gateway(vertex)
    }

    /// How many vertices the network has.
    pub(crate) fn vertex_count(&self) -> usize {
        self.up.len()
    }

    /// All vertices of the tree, each behind its gateway, everything behind one gateway in one piece.
    pub(crate) fn tree_order(&self) -> Vec<VertexId> {
        let mut order = Vec::with_capacity(self.blocks.len() + 1);
        let mut stack = vec![self.blocks.root()];
        while let Some(vertex) = stack.pop() {
            order.push(vertex);
            for &block in self.blocks.below(vertex).iter().rev() {
                stack.extend(self.blocks.members(block).iter().rev());
            }
        }
        order
    }

    /// Whether a path may start or end at this vertex, or behind it: it is no mere link.
    pub(crate) fn may_be_peer(&self, vertex: VertexId) -> bool {
        !self.is_link[vertex.0 as usize] || !self.blocks.below(vertex).is_empty()
    }

    /// The vertex next behind `gateway` on the way to `vertex`, if `vertex` is behind `gateway`.
    pub(crate) fn branch_towards(&self, gateway: VertexId, mut vertex: VertexId) -> Option<VertexId> {
        while self.blocks.depth(vertex) > self.blocks.depth(gateway) + 1 {
            vertex = self.blocks.gateway(vertex);
        }
        (self.blocks.depth(vertex) > self.blocks.depth(gateway) && self.blocks.gateway(vertex) == gateway)
            .then_some(vertex)
    }

    /// Whether two vertices other than the root are members of one block.
    pub(crate) fn same_block(&self, one: VertexId, other: VertexId) -> bool {
        self.blocks.block_of(one) == self.blocks.block_of(other)
    }

    /// Between two members of one block.
    fn across(&self, from: VertexId, to: VertexId) -> Path {
        let block = self.blocks.block_of(from);
        let row = self.rows[self.blocks.slot(from)]
            .get_or_init(|| self.inside.row(&self.blocks, block, from).into_boxed_slice());
        row[self.blocks.slot(to) - self.blocks.first_slot(block)]
    }
}
