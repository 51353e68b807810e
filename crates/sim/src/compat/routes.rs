//! Who reaches whom over which links, and what that costs.

use std::collections::HashMap;

use fogline_core::network::{Network, VertexId};

use super::heap::Heap;
use super::machines::Machines;
use super::options::Unfit;

/// A sequence of link capacities, by its place in [`Routes`]. Two ways through the network whose links have
/// the same capacities in the same order are one path: they cost the same to the last bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Path {
    first: u32,
    length: u32,
}

/// The paths between all pairs of machines.
#[derive(Clone, Debug)]
pub(super) struct Routes {
    /// The distinct capacities of links, in bit/s, as v1.1.1 rounds them.
    capacities: Vec<f32>,
    /// The links of all paths, as positions in `capacities`.
    hops: Vec<u32>,
    /// Path by origin and target.
    paths: Vec<Path>,
    machines: usize,
}

/// For one number of bytes, the time over each distinct capacity, in seconds.
pub(super) type Times = [f32];

impl Routes {
    pub(super) fn of(network: &Network, machines: &Machines) -> Result<Self, Unfit> {
        let links = LinkClasses::of(network)?;
        let mut tree = Tree::new(network, &links);
        let mut trie = Trie::default();
        let count = machines.len();
        let mut lists = vec![List::EMPTY; count * count];
        for target in 0..count {
            // v1.1.1 grows the tree of shortest paths from the target along the direction of the edges and
            // walks it backwards, so that a transfer crosses the links of the way back.
            let ways = tree.grow(network.node_vertex(machines.ids[target]), &mut trie);
            for origin in 0..count {
                lists[origin * count + target] = ways[network.node_vertex(machines.ids[origin]).0 as usize];
            }
        }
        let (flat, hops) = trie.flatten();
        Ok(Self {
            capacities: links.capacities,
            hops,
            paths: lists.into_iter().map(|list| flat[list.0 as usize]).collect(),
            machines: count,
        })
    }

    /// The path between two machines, by rank.
    pub(super) fn path(&self, origin: u32, target: u32) -> Path {
        self.paths[origin as usize * self.machines + target as usize]
    }

    /// How many distinct capacities there are.
    pub(super) fn classes(&self) -> usize {
        self.capacities.len()
    }

    /// Fills in the times of so many bytes: one float division per distinct capacity.
    pub(super) fn fill(&self, bytes: u64, times: &mut Times) {
        let bits = bytes.wrapping_mul(8) as f32;
        for (time, capacity) in times.iter_mut().zip(&self.capacities) {
            *time = bits / capacity;
        }
    }

    fn links(&self, path: Path) -> &[u32] {
        &self.hops[path.first as usize..(path.first + path.length) as usize]
    }

    /// Time to move the bytes that `times` was filled for over a path: a sum of doubles in the order of the
    /// links.
    #[inline]
    pub(super) fn time(&self, path: Path, times: &Times) -> f64 {
        let links = self.links(path).iter();
        links.fold(0.0, |sum, link| sum + f64::from(times[*link as usize]))
    }

    /// Number of links of a path.
    pub(super) fn length(path: Path) -> u64 {
        u64::from(path.length)
    }

    /// Seconds per bit over a path, close to what [`Self::time`] gives per bit.
    pub(super) fn seconds_per_bit(&self, path: Path) -> f64 {
        let links = self.links(path).iter();
        links.fold(0.0, |sum, link| {
            sum + 1.0 / f64::from(self.capacities[*link as usize])
        })
    }

    /// The machine whose slowest exchange with any other is the fastest; the first by name of several.
    ///
    /// The reference has a data race here: with several threads it may use a machine that it has not
    /// finished comparing. This is what its single thread finds.
    pub(super) fn central(&self) -> u32 {
        /// Size of the message that is compared, in bytes.
        const PROBE: u64 = 1000;
        let mut times = vec![0.0; self.classes()];
        self.fill(PROBE, &mut times);
        let slowest = |here: u32| {
            (0..self.machines as u32).fold(0.0, |worst: f64, there| {
                let go = self.time(self.path(here, there), &times);
                let come = self.time(self.path(there, here), &times);
                worst.max(go.max(come))
            })
        };
        let mut best = (0, f64::INFINITY);
        for machine in 0..self.machines as u32 {
            let worst = slowest(machine);
            if worst < best.1 {
                best = (machine, worst);
            }
        }
        best.0
    }
}

/// The distinct capacities of links.
struct LinkClasses {
    capacities: Vec<f32>,
    /// For each vertex, its capacity's position, if it is a link.
    of_vertex: Vec<Option<u32>>,
}

impl LinkClasses {
    fn of(network: &Network) -> Result<Self, Unfit> {
        let mut classes = Self {
            capacities: Vec::new(),
            of_vertex: vec![None; network.vertices().len()],
        };
        let mut known = HashMap::new();
        for &vertex in network.links() {
            let Some(link) = network.link(vertex) else {
                continue;
            };
            // v1.1.1 reads Mb/s as a float.
            let capacity = (1e6 * f64::from(link.rate.as_mbps() as f32)) as f32;
            if capacity <= 0.0 {
                return Err(Unfit::Capacity {
                    link: network.vertex(vertex).name.clone(),
                });
            }
            let class = *known.entry(capacity.to_bits()).or_insert_with(|| {
                classes.capacities.push(capacity);
                classes.capacities.len() as u32 - 1
            });
            classes.of_vertex[vertex.0 as usize] = Some(class);
        }
        Ok(classes)
    }

    /// Part of the weight of an edge that comes from one of its ends.
    fn half_weight(&self, vertex: VertexId) -> f32 {
        match self.of_vertex[vertex.0 as usize] {
            Some(class) => 2.0 / self.capacities[class as usize],
            None => 0.0,
        }
    }
}

/// A list of links in a [`Trie`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct List(u32);

impl List {
    const EMPTY: Self = Self(0);
}

/// Paths, as lists that share their tails.
#[derive(Default)]
struct Trie {
    known: HashMap<(u32, List), List>,
    /// First link and rest of every list but the empty one.
    cells: Vec<(u32, List)>,
}

impl Trie {
    fn before(&mut self, link: u32, rest: List) -> List {
        let cells = &mut self.cells;
        *self.known.entry((link, rest)).or_insert_with(|| {
            cells.push((link, rest));
            List(cells.len() as u32)
        })
    }

    /// The links of all lists, one after the other, and the path of each list.
    fn flatten(&self) -> (Vec<Path>, Vec<u32>) {
        let mut paths = Vec::with_capacity(self.cells.len() + 1);
        let mut hops = Vec::new();
        for list in 0..=self.cells.len() as u32 {
            let first = hops.len() as u32;
            let mut rest = list;
            while let Some(cell) = rest.checked_sub(1) {
                let (link, behind) = self.cells[cell as usize];
                hops.push(link);
                rest = behind.0;
            }
            let length = hops.len() as u32 - first;
            paths.push(Path { first, length });
        }
        (paths, hops)
    }
}

/// Grows trees of shortest paths as `boost::dijkstra_shortest_paths` does, to the choice among equals.
struct Tree<'a> {
    network: &'a Network,
    links: &'a LinkClasses,
    heap: Heap,
    distance: Vec<f32>,
    color: Vec<Color>,
    predecessor: Vec<VertexId>,
    ways: Vec<List>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Color {
    White,
    Gray,
    Black,
}

impl<'a> Tree<'a> {
    fn new(network: &'a Network, links: &'a LinkClasses) -> Self {
        let vertices = network.vertices().len();
        Self {
            network,
            links,
            heap: Heap::default(),
            distance: vec![0.0; vertices],
            color: vec![Color::White; vertices],
            predecessor: vec![VertexId(0); vertices],
            ways: vec![List::EMPTY; vertices],
        }
    }

    /// For each vertex, the links between it and the root, in the order of the walk to the root.
    fn grow(&mut self, root: VertexId, trie: &mut Trie) -> &[List] {
        let index = |vertex: VertexId| vertex.0 as usize;
        self.heap.reset(self.distance.len());
        self.distance.fill(f32::MAX);
        self.color.fill(Color::White);
        self.distance[index(root)] = 0.0;
        self.color[index(root)] = Color::Gray;
        self.predecessor[index(root)] = root;
        self.ways[index(root)] = List::EMPTY;
        self.heap.push(root.0, &self.distance);
        while let Some(nearest) = self.heap.pop(&self.distance) {
            let here = VertexId(nearest);
            self.color[index(here)] = Color::Black;
            if here != root {
                let next = self.predecessor[index(here)];
                let behind = self.ways[index(next)];
                self.ways[index(here)] = match self.links.of_vertex[index(next)] {
                    Some(link) => trie.before(link, behind),
                    None => behind,
                };
            }
            for edge in self.network.edges(here) {
                let weight = self.links.half_weight(here) + self.links.half_weight(edge.to);
                let to = index(edge.to);
                let through = self.distance[index(here)] + weight;
                let closer = self.color[to] != Color::Black && through < self.distance[to];
                if closer {
                    self.distance[to] = through;
                    self.predecessor[to] = here;
                }
                match self.color[to] {
                    Color::White => {
                        self.color[to] = Color::Gray;
                        self.heap.push(edge.to.0, &self.distance);
                    }
                    Color::Gray if closer => self.heap.decreased(edge.to.0, &self.distance),
                    Color::Gray | Color::Black => {}
                }
            }
        }
        &self.ways
    }
}
