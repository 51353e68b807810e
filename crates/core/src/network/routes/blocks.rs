//! The tree of biconnected components of a network, seen as an undirected graph.

use std::collections::VecDeque;

use crate::network::graph::{Network, VertexId};

/// A block, by its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockId(u32);

/// No block: the root's.
const NONE: u32 = u32::MAX;

/// The blocks, each without its gateway; every vertex but the root is a member of exactly one.
#[derive(Debug)]
pub(super) struct Blocks {
    root: VertexId,
    /// By vertex.
    gateway: Vec<VertexId>,
    depth: Vec<u32>,
    block: Vec<u32>,
    slot: Vec<u32>,
    below: Vec<Vec<BlockId>>,
    /// Members of all blocks, one block after the other.
    members: Vec<VertexId>,
    /// By block: where its members start; one more at the end.
    starts: Vec<u32>,
}

impl Blocks {
    /// Finds the blocks, rooted in the middle of the network.
    pub(super) fn of(network: &Network) -> Self {
        let neighbours = undirected(network);
        let root = middle(&neighbours, network.node_vertex(super::super::NodeId(0)));
        let groups = components(&neighbours, root);
        Self::rooted(neighbours.len(), root, groups)
    }

    /// `groups` are (gateway, members), children before their parents.
    fn rooted(count: usize, root: VertexId, groups: Vec<(VertexId, Vec<VertexId>)>) -> Self {
        let mut blocks = Self {
            root,
            gateway: vec![root; count],
            depth: vec![0; count],
            block: vec![NONE; count],
            slot: vec![0; count],
            below: vec![Vec::new(); count],
            members: Vec::with_capacity(count),
            starts: Vec::with_capacity(groups.len() + 1),
        };
        // Parents first, so that depths are known when children need them.
        for (index, (gateway, mut members)) in groups.into_iter().rev().enumerate() {
            members.sort_unstable();
            let id = BlockId(index as u32);
            blocks.below[gateway.0 as usize].push(id);
            blocks.starts.push(blocks.members.len() as u32);
            for member in members {
                let at = member.0 as usize;
                blocks.gateway[at] = gateway;
                blocks.depth[at] = blocks.depth[gateway.0 as usize] + 1;
                blocks.block[at] = id.0;
                blocks.slot[at] = blocks.members.len() as u32;
                blocks.members.push(member);
            }
        }
        blocks.starts.push(blocks.members.len() as u32);
        blocks
    }

    /// How many members all blocks have.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// The vertex that has no gateway.
    pub(super) fn root(&self) -> VertexId {
        self.root
    }

    /// The vertex through which this one reaches the root; the root's is the root.
    pub(super) fn gateway(&self, vertex: VertexId) -> VertexId {
        self.gateway[vertex.0 as usize]
    }

    /// How many gateways there are up to the root.
    pub(super) fn depth(&self, vertex: VertexId) -> u32 {
        self.depth[vertex.0 as usize]
    }

    /// The block of which this vertex is a member.
    pub(super) fn block_of(&self, vertex: VertexId) -> BlockId {
        BlockId(self.block[vertex.0 as usize])
    }

    /// The blocks whose gateway this is.
    pub(super) fn below(&self, gateway: VertexId) -> &[BlockId] {
        &self.below[gateway.0 as usize]
    }

    /// The members of a block, ascending.
    pub(super) fn members(&self, block: BlockId) -> &[VertexId] {
        let at = block.0 as usize;
        &self.members[self.starts[at] as usize..self.starts[at + 1] as usize]
    }

    /// All blocks.
    pub(super) fn all(&self) -> impl Iterator<Item = BlockId> + use<> {
        (0..self.starts.len() as u32 - 1).map(BlockId)
    }

    /// Position of a vertex among the members of all blocks.
    pub(super) fn slot(&self, vertex: VertexId) -> usize {
        self.slot[vertex.0 as usize] as usize
    }

    /// Position of a block's first member.
    pub(super) fn first_slot(&self, block: BlockId) -> usize {
        self.starts[block.0 as usize] as usize
    }
}

/// Neighbours in either direction, ascending.
fn undirected(network: &Network) -> Vec<Vec<VertexId>> {
    let mut neighbours = vec![Vec::new(); network.vertices().len()];
    for from in (0..network.vertices().len() as u32).map(VertexId) {
        for edge in network.edges(from) {
            neighbours[from.0 as usize].push(edge.to);
            neighbours[edge.to.0 as usize].push(from);
        }
    }
    for list in &mut neighbours {
        list.sort_unstable();
        list.dedup();
    }
    neighbours
}

/// The middle of a longest shortest path (found by two sweeps), so that the tree is flat.
fn middle(neighbours: &[Vec<VertexId>], start: VertexId) -> VertexId {
    let (end, _) = farthest(neighbours, start);
    let (other_end, before) = farthest(neighbours, end);
    let mut path = vec![other_end];
    while let Some(previous) = before[path[path.len() - 1].0 as usize] {
        path.push(previous);
    }
    path[path.len() / 2]
}

/// The vertex that a breadth-first search meets last, and each vertex's predecessor.
fn farthest(neighbours: &[Vec<VertexId>], start: VertexId) -> (VertexId, Vec<Option<VertexId>>) {
    let mut before = vec![None; neighbours.len()];
    let mut seen = vec![false; neighbours.len()];
    seen[start.0 as usize] = true;
    let mut queue = VecDeque::from([start]);
    let mut last = start;
    while let Some(vertex) = queue.pop_front() {
        last = vertex;
        for &next in &neighbours[vertex.0 as usize] {
            if !std::mem::replace(&mut seen[next.0 as usize], true) {
                before[next.0 as usize] = Some(vertex);
                queue.push_back(next);
            }
        }
    }
    (last, before)
}

/// Biconnected components by depth-first search (Hopcroft and Tarjan, 1973), without recursion, children
/// before their parents. Vertices that the root does not reach are in none: no node is among them.
fn components(neighbours: &[Vec<VertexId>], root: VertexId) -> Vec<(VertexId, Vec<VertexId>)> {
    const UNSEEN: u32 = u32::MAX;
    let mut entered = vec![UNSEEN; neighbours.len()];
    let mut low = vec![UNSEEN; neighbours.len()];
    let mut found = Vec::new();
    let mut open: Vec<VertexId> = Vec::new();
    // (vertex, its parent, which neighbour is next)
    let mut stack = vec![(root, root, 0_usize)];
    let mut clock = 0;
    entered[root.0 as usize] = clock;
    low[root.0 as usize] = clock;
    while let Some((vertex, parent, next)) = stack.pop() {
        let at = vertex.0 as usize;
        if let Some(&to) = neighbours[at].get(next) {
            stack.push((vertex, parent, next + 1));
            if entered[to.0 as usize] == UNSEEN {
                clock += 1;
                entered[to.0 as usize] = clock;
                low[to.0 as usize] = clock;
                open.push(to);
                stack.push((to, vertex, 0));
            } else if to != parent {
                low[at] = low[at].min(entered[to.0 as usize]);
            }
        } else if vertex != root {
            let above = parent.0 as usize;
            low[above] = low[above].min(low[at]);
            if low[at] >= entered[above] {
                let start = open.iter().rposition(|open| *open == vertex).unwrap_or(0);
                found.push((parent, open.split_off(start)));
            }
        }
    }
    found
}
