//! Fogline's own format, as TOML and as JSON.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use fogline_core::model::{BitRate, Bytes, Device, Seconds};
use fogline_core::network::{Link, Network, NetworkBuilder, Node, VertexId, VertexKind};
use fogline_workload::network::ether::{Draw, IndustrialIot, Scenario, UrbanSensing};
use fogline_workload::network::native::{self, Notation};
use proptest::prelude::*;

const BOTH: [Notation; 2] = [Notation::Toml, Notation::Json];

fn again(network: &Network, notation: Notation) -> Network {
    let text = native::write(network, notation).unwrap();
    native::parse(text.as_bytes(), notation, "again").unwrap_or_else(|error| panic!("{error}\n{text}"))
}

const TOML: &str = r#"
fogline_network = 1
nodes = [
  { name = "gateway", model = "nuci5" },
  { name = "camera", model = "nvidia_jetson_tx2", client = true, worker = false },
  { name = "box", cpu_millis = 8000, memory_bytes = 16_000_000_000, arch = "x86" },
]
switches = ["lan"]
edges = [
  { from = "camera", to = "wifi", latency_ms = 1.5, both_ways = true },
  { from = "wifi", to = "lan", both_ways = true },
  { from = "gateway", to = "lan", latency_ms = 0.5, both_ways = true },
  { from = "box", to = "lan", latency_s = 0.0005 },
  { from = "lan", to = "box" },
]
[[links]]
name = "wifi"
rate_mbps = 300
"#;

const JSON: &str = r#"{ "fogline_network": 1,
  "nodes": [ { "name": "a", "model": "nuci5" }, { "name": "b", "model": "rpi3b+" } ],
  "edges": [ { "from": "a", "to": "b", "latency_ms": 2 },
             { "from": "b", "to": "a" } ]
}
"#;

fn toml(text: &str) -> Result<Network, fogline_core::model::BadInput> {
    native::parse(text.as_bytes(), Notation::Toml, "f.toml")
}

#[test]
fn what_people_write_is_understood() {
    let network = toml(TOML).unwrap();
    let nodes: Vec<&Node> = network.node_ids().map(|id| network.node(id)).collect();
    assert_eq!(*nodes[0], Node::of(Device::NUC, true, false));
    assert_eq!(*nodes[1], Node::of(Device::TX2, false, true));
    assert_eq!(
        (nodes[2].memory, nodes[2].model.as_str()),
        (Bytes(16_000_000_000), "unknown")
    );
    assert_eq!(network.link(network.links()[0]).unwrap().rate, BitRate(3e8));
    let latency = |from: &str, to: &str| {
        let (from, to) = (network.find(from).unwrap(), network.find(to).unwrap());
        let edge = network.edges(from).iter().find(|edge| edge.to == to);
        edge.unwrap().latency
    };
    assert_eq!(latency("camera", "wifi"), Seconds(0.0015));
    assert_eq!(latency("wifi", "camera"), Seconds(0.0015));
    assert_eq!(latency("box", "lan"), Seconds(0.0005));
    assert_eq!(latency("lan", "box"), Seconds::ZERO);
}

#[test]
fn generated_networks_come_back_to_the_last_bit() {
    let scenarios = [
        Scenario::IndustrialIot(IndustrialIot::default()),
        Scenario::UrbanSensing(UrbanSensing::default()),
    ];
    for scenario in scenarios {
        for draw in [Draw::Published, Draw::new(7, 1), Draw::new(7, 2)] {
            let network = scenario.generate(draw).unwrap();
            for notation in BOTH {
                assert_eq!(
                    again(&network, notation),
                    network,
                    "{scenario} {draw:?} {notation:?}"
                );
            }
        }
    }
}

#[test]
fn a_hundred_thousand_nodes_come_back() {
    let network = Scenario::IndustrialIot(IndustrialIot { premises: 5000 })
        .generate(Draw::new(1, 1))
        .unwrap();
    assert_eq!(again(&network, Notation::Json), network);
}

/// Faulty files, the line of the fault (0 for none), and words of the message.
fn faulty_toml() -> Vec<(String, u64, &'static str)> {
    let with = |from: &str, to: &str| TOML.replace(from, to);
    vec![
        (with("= 1\n", "= 2\n"), 0, "fogline_network is 2"),
        (with("fogline_network = 1\n", ""), 1, "fogline_network"),
        (
            with("nuci5\" }", "nuci5\", colour = \"red\" }"),
            4,
            "unknown field `colour`",
        ),
        (with("switches =", "routers ="), 8, "unknown field `routers`"),
        (
            with("model = \"nuci5\"", "model = \"nuci6\""),
            4,
            "lacks cpu_millis",
        ),
        (
            with("memory_bytes = 16_000_000_000, ", ""),
            6,
            "lacks memory_bytes",
        ),
        (with("name = \"box\", ", ""), 6, "missing field `name`"),
        (with("cpu_millis = 8000", "cpu_millis = -1"), 6, "invalid value"),
        (
            with("cpu_millis = 8000", "cpu_millis = 0"),
            6,
            "at least one millicore",
        ),
        (with("rate_mbps = 300", ""), 16, "needs a rate"),
        (with("rate_mbps = 300", "rate_mbps = 0"), 16, "the capacity"),
        (with("rate_mbps = 300", "rate_mbps = nan"), 16, "the capacity"),
        (
            with("rate_mbps = 300", "rate_mbps = 300\nrate_bps = 3e8"),
            16,
            "needs a rate, either",
        ),
        (with("latency_ms = 1.5", "latency_ms = -1.5"), 10, "a latency"),
        (with("latency_ms = 1.5", "latency_ms = inf"), 10, "a latency"),
        (
            with("latency_ms = 1.5", "latency_ms = 1, latency_s = 1"),
            10,
            "twice",
        ),
        (with("\"camera\", to", "\"cam\", to"), 10, "names \"cam\""),
        (
            with("from = \"lan\", to = \"box\"", "from = \"lan\", to = \"gateway\""),
            14,
            "earlier edge",
        ),
        (with("[\"lan\"]", "[\"lan\", \"box\"]"), 8, "used twice"),
        (
            with("  { from = \"lan\", to = \"box\" },\n", ""),
            0,
            "\"box\" cannot be reached",
        ),
        (
            with("switches", "order = [\"lan\", \"lan\"]\nswitches"),
            8,
            "listed twice",
        ),
        (
            with("switches", "order = [\"lan\"]\nswitches"),
            8,
            "does not list \"box\"",
        ),
        (with("rate_mbps = 300\n", "rate_mbps ="), 18, ""),
        (with("[[links]]", "[[links]"), 16, ""),
        ("fogline_network = 1".to_owned(), 0, "no node"),
    ]
}

#[test]
fn faults_of_toml_are_named_by_line_and_column() {
    for (text, line, words) in faulty_toml() {
        let error = toml(&text).unwrap_err();
        assert_eq!(error.line.unwrap_or(0), line, "{error}\n{text}");
        assert!(error.problem.contains(words), "{error}");
        assert!(!error.problem.contains('\n') && !error.hint.is_empty(), "{error}");
    }
}

#[test]
fn faults_of_json_are_named_by_line_and_column() {
    let with = |from: &str, to: &str| JSON.replace(from, to);
    let cases = [
        (
            with("\"latency_ms\": 2", "\"latency\": 2"),
            3,
            "unknown field `latency`",
        ),
        (with("\"to\": \"a\"", "\"to\": \"c\""), 4, "names \"c\""),
        (with("\"b\", \"model", "\"a\", \"model"), 2, "used twice"),
        (with("\"rpi3b+\"", "\"abacus\""), 2, "abacus"),
        (with("2 }", "NaN }"), 3, "expected"),
        (with("2 }", "1e999 }"), 3, "number out of range"),
        (with("]\n}\n", ""), 4, "EOF"),
        (
            with("\"b\", \"to\": \"a\"", "\"a\", \"to\": \"b\""),
            4,
            "earlier edge",
        ),
        (String::new(), 1, "EOF"),
        ("[".repeat(100_000), 1, ""),
    ];
    for (text, line, words) in cases {
        let error = native::parse(text.as_bytes(), Notation::Json, "f.json").unwrap_err();
        assert_eq!(error.line, Some(line), "{error}");
        assert!(error.column.is_some(), "{error}");
        assert!(error.problem.contains(words), "{error}");
    }
    let error = native::parse(
        with("\"from\": \"b\"", "\"from\": \"c\"").as_bytes(),
        Notation::Json,
        "f.json",
    )
    .unwrap_err();
    assert_eq!((error.line, error.column), (Some(4), Some(14)), "{error}");
}

#[test]
fn toml_refuses_what_it_cannot_hold() {
    let mut node = Node::of(Device::NUC, true, true);
    node.memory = Bytes(u64::MAX);
    let mut builder = NetworkBuilder::new();
    builder.add("huge", VertexKind::Node(node)).unwrap();
    let network = builder.build().unwrap();
    assert!(native::write(&network, Notation::Toml).is_err());
    assert_eq!(again(&network, Notation::Json), network);
}

/// Networks with every peculiarity: odd names, figures without a short decimal, orders of their own.
fn networks() -> impl Strategy<Value = Network> {
    let node = (
        any::<String>(),
        1..1_u64 << 50,
        1..1_u64 << 50,
        prop::sample::select(Device::ALL.to_vec()),
        any::<[bool; 3]>(),
        prop::collection::vec(any::<String>(), 0..3),
    );
    let link = (any::<String>(), 1e-3..1e12_f64, any::<String>());
    (
        prop::collection::vec(node, 1..5),
        prop::collection::vec(link, 0..5),
        prop::collection::vec(any::<String>(), 0..4),
        prop::collection::vec(0.0..2.0_f64, 30),
        any::<u64>(),
    )
        .prop_map(|(nodes, links, switches, latencies, shuffle)| {
            let mut vertices = Vec::new();
            for (index, (name, cpu, memory, device, [known, worker, client], labels)) in
                nodes.into_iter().enumerate()
            {
                let mut node = Node::of(device, worker, client);
                if !known {
                    (node.cpu_millis, node.memory) = (cpu, Bytes(memory));
                    (node.model, node.arch, node.capabilities) = (name.clone(), name.clone(), labels);
                }
                vertices.push((format!("{name}n{index}"), VertexKind::Node(node)));
            }
            for (index, (name, rate, kind)) in links.into_iter().enumerate() {
                let rate = BitRate(rate);
                vertices.push((format!("{name}l{index}"), VertexKind::Link(Link { rate, kind })));
            }
            for (index, name) in switches.into_iter().enumerate() {
                vertices.push((format!("{name}s{index}"), VertexKind::Switch));
            }
            let turn = (shuffle % vertices.len() as u64) as usize;
            vertices.rotate_left(turn);
            let count = vertices.len();
            let mut builder = NetworkBuilder::new();
            let (mut nodes, mut links) = (Vec::new(), Vec::new());
            for (name, kind) in vertices {
                let list = match kind {
                    VertexKind::Node(_) => Some(&mut nodes),
                    VertexKind::Link(_) => Some(&mut links),
                    VertexKind::Switch => None,
                };
                let id = builder.add(name, kind).unwrap();
                list.into_iter().for_each(|list| list.push(id));
            }
            nodes.reverse();
            builder.order(nodes, links);
            let mut latencies = latencies.into_iter().cycle();
            for from in 0..count as u32 {
                let next = VertexId((from + 1) % count as u32);
                let far = VertexId((shuffle >> (from % 32)) as u32 % count as u32);
                for to in [far, next] {
                    let latency = Seconds(latencies.next().unwrap());
                    builder.connect(VertexId(from), to, latency).unwrap();
                }
            }
            builder.build().unwrap()
        })
}

proptest! {
    #[test]
    fn any_network_comes_back_to_the_last_bit(network in networks()) {
        for notation in BOTH {
            prop_assert_eq!(&again(&network, notation), &network);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for notation in BOTH {
            prop_assert!(native::parse(&bytes, notation, "f").is_err());
        }
    }

    #[test]
    fn damaged_files_are_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..5),
    ) {
        for (text, notation) in [(TOML, Notation::Toml), (JSON, Notation::Json)] {
            let mut bytes = text.as_bytes().to_vec();
            for (at, byte, how) in &changes {
                let at = at.index(bytes.len().max(1));
                match how {
                    _ if bytes.is_empty() => {}
                    0 => bytes[at] = *byte,
                    1 => drop(bytes.remove(at)),
                    _ => bytes.truncate(at),
                }
            }
            match native::parse(&bytes, notation, "f") {
                Ok(network) => prop_assert_eq!(again(&network, notation), network),
                Err(error) => prop_assert!(!error.problem.is_empty() && !error.hint.is_empty()),
            }
        }
    }
}
