//! Paths and placement on random networks, against slow and obvious versions of themselves.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use fogline_core::cost::{Flow, Leg, Peer, Purpose};
use fogline_core::model::{BitRate, Bytes, Device, Operations, Seconds};
use fogline_core::network::{
    Link, Network, NetworkBuilder, Node, NodeId, Path, RouteOptions, Routes, Transfer, VertexId, VertexKind,
};
use fogline_core::policy::{Demand, PathRow, Search, Workers, scan};
use proptest::prelude::*;

/// How one vertex hangs on those before it.
#[derive(Clone, Debug)]
struct Part {
    kind: u8,
    rate: u8,
    latency: u8,
    /// Positions (modulo what is there) of the vertices that it is connected to, either way or one way.
    to: Vec<(u16, u8)>,
}

fn part() -> impl Strategy<Value = Part> {
    let to = prop::collection::vec((any::<u16>(), 0..6_u8), 1..4);
    (0..3_u8, 0..4_u8, 0..4_u8, to).prop_map(|(kind, rate, latency, to)| Part {
        kind,
        rate,
        latency,
        to,
    })
}

/// A connected network: the first connection of each part goes both ways, others may be shortcuts or one-way.
fn network(parts: &[Part], mesh: bool) -> Network {
    let mut builder = NetworkBuilder::new();
    let mut vertices: Vec<VertexId> = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let kind = match part.kind {
            _ if index == 0 => VertexKind::Node(Node::of(Device::NUC, true, true)),
            0 => VertexKind::Node(Node::of(Device::SERVER, true, true)),
            1 => VertexKind::Link(Link {
                rate: BitRate::from_mbps([10.0, 30.0, 100.0, 1000.0][part.rate as usize]),
                kind: "x".into(),
            }),
            _ => VertexKind::Switch,
        };
        let here = builder.add(format!("v{index}"), kind).unwrap();
        let latency = Seconds([0.0, 0.001, 0.003, 0.1][part.latency as usize]);
        for (count, (to, way)) in part.to.iter().enumerate() {
            if vertices.is_empty() || (count > 0 && !mesh) {
                break;
            }
            let to = vertices[*to as usize % vertices.len()];
            if count == 0 || *way > 0 {
                builder.connect(here, to, latency).unwrap();
            }
            if count == 0 || *way != 1 {
                builder.connect(to, here, latency).unwrap();
            }
        }
        vertices.push(here);
    }
    builder.build().unwrap()
}

/// Time of a full packet from one vertex to all others, by relaxing every edge until nothing changes.
fn packet_times(network: &Network, from: VertexId) -> Vec<f64> {
    let mut times = vec![f64::INFINITY; network.vertices().len()];
    times[from.0 as usize] = 0.0;
    for _ in 0..network.vertices().len() {
        for at in (0..network.vertices().len() as u32).map(VertexId) {
            for edge in network.edges(at) {
                let link = network
                    .link(edge.to)
                    .map_or(0.0, |link| 8.0 / link.rate.0 * 1500.0);
                let time = times[at.0 as usize] + edge.latency.0 + link;
                if time < times[edge.to.0 as usize] {
                    times[edge.to.0 as usize] = time;
                }
            }
        }
    }
    times
}

fn leg(peer: VertexId, flows: (u32, u64, u32, u64)) -> Leg {
    Leg {
        peer: Peer::At(peer),
        purpose: Purpose::Arguments,
        to_worker: Flow {
            messages: flows.0,
            bytes: Bytes(flows.1),
        },
        from_worker: Flow {
            messages: flows.2,
            bytes: Bytes(flows.3),
        },
        after: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn paths_are_as_short_as_any(parts in prop::collection::vec(part(), 2..40), mesh: bool) {
        let network = network(&parts, mesh);
        let options = RouteOptions { transfer: Transfer::StoreAndForward, ..RouteOptions::default() };
        let routes = Routes::new(&network, options);
        for from in network.node_ids().map(|node| network.node_vertex(node)) {
            let times = packet_times(&network, from);
            for to in network.node_ids().map(|node| network.node_vertex(node)) {
                let path = routes.path(from, to);
                let time = path.time(1, Bytes(1500)).0;
                let shortest = times[to.0 as usize];
                prop_assert!((time - shortest).abs() <= 1e-12 + 1e-9 * shortest, "{time} {shortest}");
            }
        }
    }

    #[test]
    fn reversed_paths_are_those_of_the_way_back(parts in prop::collection::vec(part(), 2..30)) {
        let network = network(&parts, true);
        let options = RouteOptions { transfer: Transfer::StoreAndForward, ..RouteOptions::default() };
        let routes = Routes::new(&network, options);
        let reversed = Routes::new(&network, RouteOptions { reversed: true, ..options });
        for a in network.node_ids().map(|node| network.node_vertex(node)) {
            for b in network.node_ids().map(|node| network.node_vertex(node)) {
                let (there, back) = (reversed.path(a, b).time(1, Bytes(1500)), routes.path(b, a).time(1, Bytes(1500)));
                prop_assert!((there.0 - back.0).abs() <= 1e-12 + 1e-9 * back.0);
            }
        }
    }

    #[test]
    fn best_first_search_chooses_as_the_full_scan_does(
        parts in prop::collection::vec(part(), 2..60),
        mesh: bool,
        bottleneck: bool,
        idle in prop::collection::btree_set(0..8_u32, 0..7),
        demands in prop::collection::vec(
            (0..3_u64, 0..2_usize, prop::collection::vec((any::<u16>(), (0..3_u32, 0..3_u64, 0..3_u32, 0..3_u64)), 0..4)),
            1..30,
        ),
    ) {
        let network = network(&parts, mesh);
        let transfer = if bottleneck { Transfer::Bottleneck } else { Transfer::StoreAndForward };
        let routes = Routes::new(&network, RouteOptions { transfer, ..RouteOptions::default() });
        // Some nodes are clients only, and switches may be peers too (the cloud is one).
        let nodes: Vec<NodeId> = network.node_ids().filter(|node| !idle.contains(&(node.0 % 8))).collect();
        let vertices: Vec<VertexId> = nodes.iter().map(|node| network.node_vertex(*node)).collect();
        let all = (0..network.vertices().len() as u32).map(VertexId);
        let peers: Vec<VertexId> = all.filter(|vertex| network.link(*vertex).is_none()).collect();
        let speeds = vec![
            nodes.iter().map(|node| network.node(*node).cpu_millis as f64 * 1e6).collect(),
            nodes.iter().map(|node| if node.0 % 3 == 0 { 0.0 } else { 5e8 }).collect(),
        ];
        let workers = Workers::new(nodes.clone(), vertices.clone(), speeds);
        let mut search = Search::new(&routes, workers);
        for (size, profile, flows) in demands {
            let legs: Vec<Leg> = flows
                .iter()
                .map(|(peer, f)| leg(peers[*peer as usize % peers.len()], (f.0, f.1 * 100_000, f.2, f.3 * 100_000)))
                .collect();
            let demand = Demand { operations: Operations(size * 1_000_000), profile, legs: &legs };
            let rows: Vec<PathRow> = (0..network.vertices().len() as u32)
                .map(|peer| vertices.iter().map(|at| (routes.path(VertexId(peer), *at), routes.path(*at, VertexId(peer)))).collect())
                .collect();
            let slow = scan(search.workers(), &demand, |peer| &rows[peer.0 as usize], &mut Vec::new());
            let fast = search.best(&demand);
            prop_assert_eq!(slow, fast);
            if let Some(choice) = fast {
                search.place(choice.worker);
            }
        }
    }
}

#[test]
fn a_path_to_oneself_is_free() {
    let mut builder = NetworkBuilder::new();
    let a = builder
        .add("a", VertexKind::Node(Node::of(Device::NUC, true, true)))
        .unwrap();
    let network = builder.build().unwrap();
    assert_eq!(
        Routes::new(&network, RouteOptions::default()).path(a, a),
        Path::NONE
    );
}

#[test]
fn an_uplink_is_charged_to_uploads_and_a_downlink_to_downloads() {
    // Up 10 Mb/s, down 1000 Mb/s: 1.25 MB take 1 s up and 0.01 s down (simulators.md F2).
    let mut builder = NetworkBuilder::new();
    let node = |client| VertexKind::Node(Node::of(Device::NUC, true, client));
    let link = |mbps| {
        VertexKind::Link(Link {
            rate: BitRate::from_mbps(mbps),
            kind: "x".into(),
        })
    };
    let client = builder.add("client", node(true)).unwrap();
    let server = builder.add("server", node(false)).unwrap();
    let up = builder.add("up", link(10.0)).unwrap();
    let down = builder.add("down", link(1000.0)).unwrap();
    for (from, to) in [(client, up), (up, server), (server, down), (down, client)] {
        builder.connect(from, to, Seconds::ZERO).unwrap();
    }
    let network = builder.build().unwrap();
    let size = Bytes(1_250_000);
    let upload = |reversed| {
        let routes = Routes::new(
            &network,
            RouteOptions {
                reversed,
                ..RouteOptions::default()
            },
        );
        routes.path(client, server).time(1, size).0
    };
    assert!((upload(false) - 1.0).abs() < 1e-9);
    assert!((upload(true) - 0.01).abs() < 1e-9);
}
