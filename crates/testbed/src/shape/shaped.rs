//! The shaped network: who is where, and what its links have carried.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fogline_core::network::{Network, VertexId};

use super::clockwork::Runner;
use super::flight::Flights;
use super::queue::{LinkTraffic, Queue};
use super::route::{Direction, Route, Tree, directions};
use super::socket::{Datagram, ShapedSocket};

/// How a network is shaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShapeOptions {
    /// Longest time that a datagram waits for one link; one that would wait longer is dropped.
    pub longest_queue: Duration,
    /// Datagrams under way in the whole network; further ones are dropped. Each takes about its own size of
    /// memory.
    pub most_under_way: usize,
}

impl Default for ShapeOptions {
    fn default() -> Self {
        Self {
            // What access routers hold, more or less: 3 MB at 50 Mb/s.
            longest_queue: Duration::from_millis(500),
            most_under_way: 1 << 16,
        }
    }
}

/// How well the delivering thread kept its times. On a machine that is too busy measurements say little.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    /// Datagrams delivered.
    pub delivered: u64,
    /// Datagrams that the real sockets did not take.
    pub undelivered: u64,
    /// Datagrams that found too many others under way.
    pub refused: u64,
    /// Datagrams to addresses that are nowhere on the network.
    pub misaddressed: u64,
    /// How much too late they were on average.
    pub mean: Duration,
    /// How much too late the latest was.
    pub worst: Duration,
}

/// Loopback sockets joined by the links of a network.
#[derive(Debug)]
pub struct ShapedNetwork {
    map: Arc<Map>,
    runner: Runner<Datagram>,
}

impl ShapedNetwork {
    /// Puts queues at the links, and starts the thread that delivers.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn new(network: &Network, options: ShapeOptions) -> io::Result<Self> {
        let map = Map {
            network: network.clone(),
            directions: directions(network),
            places: Mutex::default(),
            misaddressed: AtomicU64::new(0),
        };
        let queues = map.directions.iter().filter_map(|direction| {
            let link = network.link(direction.link)?;
            Some(Queue::new(link.rate, options.longest_queue))
        });
        let flights = Flights::new(queues.collect(), options.most_under_way);
        Ok(Self {
            map: Arc::new(map),
            runner: Runner::start(flights)?,
        })
    }

    /// A socket at a vertex, on a free port of the loopback. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the system gives no socket.
    pub fn socket(&self, at: VertexId) -> io::Result<Arc<ShapedSocket>> {
        self.socket_on(at, (Ipv4Addr::LOCALHOST, 0).into())
    }

    /// A socket at a vertex, on this address of the loopback. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the address is taken: also while datagrams of an earlier socket on it are under way.
    pub fn socket_on(&self, at: VertexId, address: SocketAddr) -> io::Result<Arc<ShapedSocket>> {
        let clockwork = Arc::clone(self.runner.clockwork());
        Ok(Arc::new(ShapedSocket::bind(
            at,
            address,
            Arc::clone(&self.map),
            clockwork,
        )?))
    }

    /// Says that an address of a socket that is not ours is at a vertex, so that datagrams find there.
    pub fn place(&self, address: SocketAddr, at: VertexId) {
        self.map.place(address, at);
    }

    /// Cuts a link in all directions, or mends it. What is behind it on its way arrives.
    pub fn set_cut(&self, link: VertexId, cut: bool) {
        let mut state = self.runner.clockwork().lock();
        for (direction, queue) in self.map.directions.iter().zip(&mut state.flights.queues) {
            if direction.link == link {
                queue.set_cut(cut);
            }
        }
    }

    /// What each direction of each link has carried so far.
    #[must_use]
    pub fn traffic(&self) -> Vec<LinkTraffic> {
        let name = |vertex: VertexId| self.map.network.vertex(vertex).name.clone();
        let state = self.runner.clockwork().lock();
        let pairs = self.map.directions.iter().zip(&state.flights.queues);
        pairs
            .map(|(direction, queue)| LinkTraffic {
                link: name(direction.link),
                towards: direction.towards.map(name),
                datagrams: queue.datagrams,
                bytes: queue.bytes,
                dropped: queue.dropped,
            })
            .collect()
    }

    /// How well times were kept so far.
    #[must_use]
    pub fn lateness(&self) -> Lateness {
        let state = self.runner.clockwork().lock();
        let handled = state.delivered + state.undelivered;
        Lateness {
            delivered: state.delivered,
            undelivered: state.undelivered,
            refused: state.flights.refused,
            misaddressed: self.map.misaddressed.load(Ordering::Relaxed),
            mean: state.late.div_f64(handled.max(1) as f64),
            worst: state.latest,
        }
    }
}

/// Who is where, and how to get there.
#[derive(Debug)]
pub(super) struct Map {
    network: Network,
    /// In the order of the queues.
    directions: Vec<Direction>,
    places: Mutex<Places>,
    misaddressed: AtomicU64,
}

#[derive(Debug, Default)]
struct Places {
    vertices: BTreeMap<SocketAddr, VertexId>,
    /// By vertex that something was sent from.
    trees: BTreeMap<VertexId, Tree>,
    routes: BTreeMap<(VertexId, VertexId), Option<Arc<Route>>>,
}

impl Map {
    pub(super) fn place(&self, address: SocketAddr, at: VertexId) {
        self.places().vertices.insert(address, at);
    }

    /// The route to an address, if it is somewhere that can be reached.
    pub(super) fn route(&self, from: VertexId, to: SocketAddr) -> Option<Arc<Route>> {
        let places = &mut *self.places();
        let route = places.vertices.get(&to).copied().and_then(|to| {
            let make = || {
                let tree = places
                    .trees
                    .entry(from)
                    .or_insert_with(|| Tree::new(&self.network, from));
                tree.route(to, &self.directions).map(Arc::new)
            };
            places.routes.entry((from, to)).or_insert_with(make).clone()
        });
        if route.is_none() {
            self.misaddressed.fetch_add(1, Ordering::Relaxed);
        }
        route
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
