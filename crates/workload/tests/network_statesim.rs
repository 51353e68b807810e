//! StateSim's three files: read, written, refused.
#![expect(clippy::print_stderr, reason = "a skipped test says so")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use fogline_core::model::Bytes;
use fogline_core::network::{Network, VertexId};
use fogline_workload::network::ether::{
    CloudRegions, Densities, Draw, IndustrialIot, Scenario, UrbanSensing,
};
use fogline_workload::network::statesim::{self, StatesimFiles};
use proptest::prelude::*;

/// The published files, where they are at hand; they belong to somebody else and are not carried here.
fn golden(name: &str) -> Option<StatesimFiles> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/network");
    let read = |end: &str| std::fs::read_to_string(folder.join(format!("{name}.{end}"))).ok();
    let files = read("nodes")
        .zip(read("links"))
        .zip(read("edges"))
        .map(|((nodes, links), edges)| StatesimFiles { nodes, links, edges });
    assert!(
        files.is_some() || std::env::var_os("CI").is_none(),
        "the reference's {name}.nodes, .links and .edges are not in {}",
        folder.display()
    );
    if files.is_none() {
        eprintln!("skipped: no reference files in {}", folder.display());
    }
    files
}

fn parse(files: &StatesimFiles) -> Network {
    statesim::parse(
        files.nodes.as_bytes(),
        files.links.as_bytes(),
        files.edges.as_bytes(),
    )
    .unwrap()
}

#[test]
fn the_published_networks_are_generated_byte_for_byte() {
    let urban = UrbanSensing {
        densities: Densities::Given(vec![6, 3, 4, 8, 6]),
    };
    for (name, scenario) in [
        ("iiot.0", Scenario::IndustrialIot(IndustrialIot::default())),
        ("urban_sensing.0", Scenario::UrbanSensing(urban)),
        ("urban_sensing.0", Scenario::UrbanSensing(UrbanSensing::default())),
    ] {
        let Some(expected) = golden(name) else { return };
        let network = scenario.generate(Draw::Published).unwrap();
        assert_eq!(statesim::write(&network).unwrap(), expected, "{name}");
    }
}

#[test]
fn the_published_networks_are_read_and_written_byte_for_byte() {
    for name in ["iiot.0", "urban_sensing.0"] {
        let Some(files) = golden(name) else { return };
        assert_eq!(statesim::write(&parse(&files)).unwrap(), files, "{name}");
    }
}

#[test]
fn what_is_read_back_differs_in_latencies_only() {
    let network = Scenario::IndustrialIot(IndustrialIot::default())
        .generate(Draw::new(5, 1))
        .unwrap();
    assert_eq!(statesim::lost(&network), ["latencies"]);
    let again = parse(&statesim::write(&network).unwrap());
    assert_eq!(again.vertices(), network.vertices());
    assert_eq!(again.links(), network.links());
    for vertex in (0..network.vertices().len() as u32).map(VertexId) {
        let targets = |network: &Network| -> Vec<VertexId> {
            network.edges(vertex).iter().map(|edge| edge.to).collect()
        };
        assert_eq!(targets(&again), targets(&network));
    }
    assert!(statesim::lost(&again).is_empty());
}

/// A minimal valid network.
const NODES: &str = "0;a;1000;4000;x86;sffc;nuci5\n1;b;2000;4000;arm32;sbc;rpi3b+\n";
const LINKS: &str = "0;50;l;shared\n";
const EDGES: &str = "a l\nl a b\nb l\n";

#[test]
fn roles_and_numbers_follow_the_files() {
    let network = statesim::parse(NODES.as_bytes(), LINKS.as_bytes(), b"sw b\nb l sw\nl a b\na l\n").unwrap();
    let names: Vec<&str> = network.node_ids().map(|id| network.node_name(id)).collect();
    assert_eq!(names, ["a", "b"], "numbered as in the file of nodes");
    assert_eq!(
        network.vertices()[0].name,
        "sw",
        "ordered as in the file of edges"
    );
    let roles: Vec<_> = network
        .node_ids()
        .map(|id| (network.node(id).worker, network.node(id).client))
        .collect();
    assert_eq!(roles, [(true, false), (true, true)]);
    assert_eq!(
        network.node(network.node_ids().next().unwrap()).memory,
        Bytes(1000)
    );
    assert_eq!(network.link(network.links()[0]).unwrap().rate.0, 50e6);
}

#[test]
fn empty_tokens_comments_blank_lines_and_carriage_returns_are_harmless() {
    let plain = statesim::parse(NODES.as_bytes(), LINKS.as_bytes(), EDGES.as_bytes()).unwrap();
    let nodes = NODES.replace(';', ";;").replace('\n', ";\r\n\r\n");
    let links = LINKS.trim_end().replace("50", "5e1");
    let edges = format!("# comment\n\n  {}", EDGES.replace(' ', " \t "));
    let odd = statesim::parse(nodes.as_bytes(), links.as_bytes(), edges.as_bytes()).unwrap();
    assert_eq!(odd, plain);
    let several = statesim::parse(NODES.as_bytes(), LINKS.as_bytes(), b"a l\nl a\nb l\nl b\n").unwrap();
    assert_eq!(several, plain, "lines of one vertex add up");
}

/// Nodes, links, edges; the faulty file, line and column of the fault, and words of the message.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    u64,
    u64,
    &'static str,
);

const FAULTY: &[Case] = &[
    (
        "0;a;1;4000;x86;sffc\n",
        LINKS,
        EDGES,
        "nodes",
        1,
        20,
        "expected 7 fields, found 6",
    ),
    (
        "0;a;1;4000;x86;sffc;nuci5;x\n",
        LINKS,
        EDGES,
        "nodes",
        1,
        27,
        "expected 7 fields, found 8",
    ),
    (
        "0;a;1;4000;x86;sffc;toaster\n",
        LINKS,
        EDGES,
        "nodes",
        1,
        21,
        "a known device model",
    ),
    (
        "\nx;a;1;4000;x86;sffc;nuci5\n",
        LINKS,
        EDGES,
        "nodes",
        2,
        1,
        "index: expected a whole number",
    ),
    (
        "0;a;NaN;4000;x86;sffc;nuci5\n",
        LINKS,
        EDGES,
        "nodes",
        1,
        5,
        "memory_bytes",
    ),
    (
        "0;a;0;4000;x86;sffc;nuci5\n",
        LINKS,
        EDGES,
        "nodes",
        1,
        5,
        "at least 1",
    ),
    (
        "0;a;1;-4;x86;sffc;nuci5\n",
        LINKS,
        EDGES,
        "nodes",
        1,
        7,
        "cpu_millis",
    ),
    (
        "0;ä b;1;4;x86;sffc;nuci5\n",
        LINKS,
        EDGES,
        "nodes",
        1,
        3,
        "without spaces",
    ),
    ("0;ä;1;4;x86;sffc;nuci6\n", LINKS, EDGES, "nodes", 1, 18, "nuci6"),
    (NODES, "0;0;l;shared\n", EDGES, "links", 1, 3, "positive"),
    (NODES, "0;inf;l;shared\n", EDGES, "links", 1, 3, "positive"),
    (NODES, "0;1e308;l;shared\n", EDGES, "links", 1, 3, "positive"),
    (NODES, "0;fast;l;shared\n", EDGES, "links", 1, 3, "fast"),
    (NODES, "0;50;l;sha", EDGES, "links", 1, 8, "a kind of link"),
    (
        NODES,
        "0;50;l",
        EDGES,
        "links",
        1,
        7,
        "expected 4 fields, found 3",
    ),
    (NODES, "0;50;a;shared\n", EDGES, "links", 1, 6, "taken"),
    (
        NODES,
        LINKS,
        "a l\nl a b\nb l typo\n",
        "edges",
        3,
        5,
        "edges of its own",
    ),
];

#[test]
fn faults_are_named_by_file_line_and_column() {
    for (nodes, links, edges, file, line, column, words) in FAULTY {
        let error = statesim::parse(nodes.as_bytes(), links.as_bytes(), edges.as_bytes()).unwrap_err();
        let place = (error.file.as_str(), error.line, error.column);
        assert_eq!(place, (*file, Some(*line), Some(*column)), "{error}");
        assert!(error.problem.contains(words), "{error}");
        assert!(!error.hint.is_empty(), "{error}");
    }
    for (nodes, edges, words) in [
        (NODES, "a l\nl a\nb l\n", "\"b\" cannot be reached from \"a\""),
        (NODES, "a l\nl a b\n", "\"a\" cannot be reached from \"b\""),
        ("", EDGES, "no node"),
    ] {
        let edges = if nodes.is_empty() { "l l\n" } else { edges };
        let error = statesim::parse(nodes.as_bytes(), LINKS.as_bytes(), edges.as_bytes()).unwrap_err();
        assert!(error.problem.contains(words), "{error}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let folder = std::env::temp_dir().join("fogline-no-such-folder");
    let error = statesim::read(&folder.join("n"), &folder.join("l"), &folder.join("e")).unwrap_err();
    assert!(
        error.file.ends_with('n') && error.problem.contains("cannot be opened"),
        "{error}"
    );
}

#[test]
fn what_statesim_could_not_read_is_not_written() {
    let valid = || statesim::parse(NODES.as_bytes(), LINKS.as_bytes(), EDGES.as_bytes()).unwrap();
    let extended = |name: &str, kind| {
        let mut builder = valid().into_builder();
        let id = builder.add(name, kind).unwrap();
        let a = builder.find("a").unwrap();
        builder.connect(a, id, Default::default()).unwrap();
        builder.connect(id, a, Default::default()).unwrap();
        builder.build().unwrap()
    };
    use fogline_core::model::{BitRate, Device};
    use fogline_core::network::{Link, Node, VertexKind};
    let fiber = Link {
        rate: BitRate(1e9),
        kind: "fiber".to_owned(),
    };
    let mut odd = Node::of(Device::NUC, true, false);
    odd.model = "abacus".to_owned();
    for (network, words) in [
        (extended("two words", VertexKind::Switch), "spaces"),
        (extended("semi;colon", VertexKind::Switch), "semicolons"),
        (extended("#", VertexKind::Switch), "#"),
        (extended("f", VertexKind::Link(fiber)), "kinds of link"),
        (extended("n", VertexKind::Node(odd)), "device models"),
    ] {
        let error = statesim::write(&network).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn a_hub_with_more_neighbours_than_fit_in_a_line_survives() {
    let regions = CloudRegions {
        regions: 1,
        racks: 1,
        servers_per_rack: 60_000,
        clients: 1,
        ..CloudRegions::default()
    };
    let network = Scenario::CloudRegions(regions).generate(Draw::Published).unwrap();
    let files = statesim::write(&network).unwrap();
    let longest = files.edges.lines().map(str::len).max().unwrap();
    assert!((500_000..=1 << 20).contains(&longest), "{longest}");
    assert_eq!(parse(&files).vertices(), network.vertices());
}

/// Valid files with some bytes replaced, removed or cut off.
fn mutated() -> impl Strategy<Value = [Vec<u8>; 3]> {
    let change = (0..3_usize, any::<prop::sample::Index>(), any::<u8>(), 0..3_u8);
    prop::collection::vec(change, 1..6).prop_map(|changes| {
        let mut files = [NODES, LINKS, EDGES].map(|text| text.as_bytes().to_vec());
        for (which, at, byte, how) in changes {
            let file = &mut files[which];
            if file.is_empty() {
                continue;
            }
            let at = at.index(file.len());
            match how {
                0 => file[at] = byte,
                1 => drop(file.remove(at)),
                _ => file.truncate(at),
            }
        }
        files
    })
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(
        nodes in prop::collection::vec(any::<u8>(), 0..200),
        links in "[0-9;.eEa-z\n -]{0,60}",
        edges in "[a-c \n#l]{0,60}",
    ) {
        let _ = statesim::parse(&nodes, links.as_bytes(), edges.as_bytes());
        let _ = statesim::parse(NODES.as_bytes(), links.as_bytes(), edges.as_bytes());
        let _ = statesim::parse(NODES.as_bytes(), LINKS.as_bytes(), &nodes);
    }

    #[test]
    fn what_is_read_from_damaged_files_can_be_written_and_read_again(files in mutated()) {
        let [nodes, links, edges] = files;
        match statesim::parse(&nodes, &links, &edges) {
            Ok(network) => if let Ok(files) = statesim::write(&network) {
                prop_assert_eq!(parse(&files), network);
            },
            Err(error) => prop_assert!(!error.problem.is_empty() && !error.hint.is_empty()),
        }
    }
}
