//! GraphML: what is imported, and what is refused.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use fogline_core::model::{BadInput, BitRate, Bytes, Device, Seconds};
use fogline_core::network::{Network, Node, VertexKind};
use fogline_workload::network::graphml;
use proptest::prelude::*;

fn parse(text: &str) -> Result<Network, BadInput> {
    graphml::parse(text.as_bytes(), "f.graphml")
}

/// As networkx writes it, with peculiarities of other tools.
const FILE: &str = r#"<?xml version='1.0' encoding='utf-8'?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key id="d0" for="node" attr.name="model" attr.type="string"/>
  <key id="d1" for="edge" attr.name="Latency" attr.type="double"><default>0.5</default></key>
  <key id="d2" for="edge" attr.name="bandwidth" attr.type="double"/>
  <key id="d3" for="node" attr.name="cores" attr.type="int"/>
  <key id="d4" for="node" attr.name="memory_gb" attr.type="double"/>
  <key id="d5" for="node" attr.name="role" attr.type="string"/>
  <key id="d6" for="edge" attr.name="LinkSpeedRaw" attr.type="double"/>
  <graph edgedefault="undirected">
    <data key="g">of the graph</data>
    <node id="a"><data key="d0">nuc</data></node>
    <node id="b"><data key="d3">8</data><data key="d4">16</data><data key="d5">client</data>
      <desc>text</desc></node>
    <node id="R&amp;D"><data key="d5"></data></node>
    <node id="c"><data key="d0">rpi3b&#43;</data></node>
    <edge source="a" target="R&amp;D"><data key="d1">1.5</data><data key="d2">100</data></edge>
    <edge source="b" target="R&amp;D"/>
    <edge source="b" target="R&amp;D"><data key="d1">0.2</data></edge>
    <edge source="c" target="a" directed="true"><data key="d6"><![CDATA[1e9]]></data></edge>
    <edge source="a" target="c" directed="true"/>
    <edge source="a" target="a"/>
  </graph>
</graphml>
"#;

fn latency(network: &Network, from: &str, to: &str) -> Option<Seconds> {
    let (from, to) = (network.find(from)?, network.find(to)?);
    let edge = network.edges(from).iter().find(|edge| edge.to == to)?;
    Some(edge.latency)
}

#[test]
fn nodes_become_machines_and_switches_and_edges_become_links() {
    let network = parse(FILE).unwrap();
    let names: Vec<&str> = network.vertices().iter().map(|v| v.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "R&D", "c", "link_a_R&D", "link_c_a"]);
    let nodes: Vec<&Node> = network.node_ids().map(|id| network.node(id)).collect();
    assert_eq!(*nodes[0], Node::of(Device::NUC, true, false));
    assert_eq!(
        (nodes[1].cpu_millis, nodes[1].memory),
        (8000, Bytes(16_000_000_000))
    );
    assert_eq!((nodes[1].worker, nodes[1].client), (false, true));
    assert_eq!(*nodes[2], Node::of(Device::RPI3, true, true));
    assert_eq!(network.vertices()[2].kind, VertexKind::Switch);
    let rates: Vec<BitRate> = network
        .links()
        .iter()
        .map(|&id| network.link(id).unwrap().rate)
        .collect();
    assert_eq!(rates, [BitRate(1e8), BitRate(1e9)]);
    for (from, to, expected) in [
        ("a", "link_a_R&D", Some(0.0015)),
        ("link_a_R&D", "R&D", Some(0.0)),
        ("R&D", "link_a_R&D", Some(0.0015)),
        ("link_a_R&D", "a", Some(0.0)),
        ("b", "R&D", Some(0.0002)),
        ("R&D", "b", Some(0.0002)),
        ("c", "link_c_a", Some(0.0005)),
        ("a", "link_c_a", None),
        ("a", "c", Some(0.0005)),
        ("c", "a", None),
        ("a", "a", None),
    ] {
        assert_eq!(
            latency(&network, from, to),
            expected.map(Seconds),
            "{from} to {to}"
        );
    }
}

#[test]
fn units_are_told_by_names() {
    for (name, value, rate) in [
        ("bandwidth", "100", 1e8),
        ("capacity", "0.5", 5e5),
        ("bw_kbps", "64", 64e3),
        ("rate_gbps", "10", 1e10),
        ("Bandwidth_bps", "1e6", 1e6),
        ("LinkSpeedRaw", "2000000", 2e6),
    ] {
        let text = FILE
            .replace("\"bandwidth\"", &format!("\"{name}\""))
            .replace(">100<", &format!(">{value}<"));
        let network = parse(&text).unwrap();
        assert_eq!(network.link(network.links()[0]).unwrap().rate.0, rate, "{name}");
    }
    for (name, value, seconds) in [
        ("delay", "2", 0.002),
        ("latency_us", "7", 7e-6),
        ("delay_s", "0.25", 0.25),
        ("Latency_ms", "0.1", 0.0001),
    ] {
        let text = FILE
            .replace("\"Latency\"", &format!("\"{name}\""))
            .replace(">1.5<", &format!(">{value}<"));
        assert_eq!(
            latency(&parse(&text).unwrap(), "a", "link_a_R&D"),
            Some(Seconds(seconds)),
            "{name}"
        );
    }
}

#[test]
fn drawing_instructions_of_editors_are_skipped() {
    let nodegraphics =
        "<node id=\"a\"><data key=\"d9\"><y:ShapeNode><y:Fill color=\"#1\"/>x</y:ShapeNode></data>";
    let text = FILE.replace("<node id=\"a\">", nodegraphics);
    assert_eq!(parse(&text).unwrap(), parse(FILE).unwrap());
}

#[test]
fn parallel_links_get_names_of_their_own() {
    let edge = "<edge source=\"a\" target=\"R&amp;D\"><data key=\"d2\">7</data></edge>";
    let node = "<node id=\"link_a_R&amp;D_2\"/>";
    let text = FILE
        .replace("<edge source=\"b\"", &format!("{edge}<edge source=\"b\""))
        .replace("<node id=\"a\">", &format!("{node}<node id=\"a\">"));
    let network = parse(&text).unwrap();
    let names: Vec<&str> = network
        .links()
        .iter()
        .map(|&id| network.vertex(id).name.as_str())
        .collect();
    assert_eq!(names[..3], ["link_a_R&D", "link_a_R&D_3", "link_a_R&D_4"]);
}

/// Faulty files, the line of the fault, and words of the message.
fn faulty() -> Vec<(String, u64, &'static str)> {
    let with = |from: &str, to: &str| FILE.replacen(from, to, 1);
    let cut = |at: &str| FILE[..FILE.find(at).unwrap()].to_owned();
    vec![
        (
            with("<data key=\"d2\">100<", "<data key=\"d2\">fast<"),
            17,
            "bandwidth: expected a positive",
        ),
        (
            with("<data key=\"d2\">100<", "<data key=\"d2\">0<"),
            17,
            "positive",
        ),
        (
            with("<data key=\"d2\">100<", "<data key=\"d2\">NaN<"),
            17,
            "positive",
        ),
        (
            with(">0.5<", ">-1<"),
            4,
            "latency: expected a number of at least 0",
        ),
        (with(">nuc<", ">abacus<"), 12, "unknown model \"abacus\""),
        (
            with("<data key=\"d3\">8</data>", ""),
            13,
            "machine without a model",
        ),
        (
            with("source=\"b\"", "source=\"x\""),
            18,
            "\"x\", which is not there",
        ),
        (
            with("target=\"a\" directed", "directed"),
            20,
            "expected target on <edge>",
        ),
        (with("<node id=\"a\">", "<node>"), 12, "expected id on <node>"),
        (with("<node id=\"b\">", "<node id=\"a\">"), 13, "used twice"),
        (with("edgedefault=\"undirected\"", ""), 10, "edgedefault"),
        (
            with("</graph>", "</graph><graph edgedefault=\"directed\"/>"),
            23,
            "second <graph>",
        ),
        (
            with("<node id=\"a\">", "<hyperedge/><node id=\"a\">"),
            12,
            "hyperedge",
        ),
        (with("</node>", "</nod>"), 12, "not well-formed"),
        (with(">nuc<", ">&bomb;<"), 12, "entity \"bomb\""),
        (with("R&amp;D", "R&bomb;D"), 15, ""),
        (
            with("graphml xmlns", "html xmlns").replace("/graphml", "/html"),
            2,
            "expected <graphml>",
        ),
        (cut("</graph>"), 23, "middle"),
        (cut("arget=\"a\" directed"), 20, "not well-formed"),
        (cut("<graph edge"), 10, "middle"),
        ("<graphml></graphml>".to_owned(), 1, "no <graph>"),
        (String::new(), 1, "no <graph>"),
    ]
}

#[test]
fn faults_are_named_by_line() {
    let with = |from: &str, to: &str| FILE.replacen(from, to, 1);
    for (text, line, words) in faulty() {
        let error = parse(&text).unwrap_err();
        assert!(error.problem.contains(words), "{error}");
        assert_eq!(error.line, Some(line), "{error}\n{words}");
        assert!(!error.hint.is_empty(), "{error}");
    }
    let error = parse(&with("source=\"a\" target=\"c\"", "source=\"a\" target=\"b\"")).unwrap_err();
    assert!(error.problem.contains("cannot be reached"), "{error}");
    let error = parse("<graphml><graph edgedefault='directed'><node id='a'/></graph></graphml>").unwrap_err();
    assert!(error.hint.contains("attribute model"), "{error}");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let error = graphml::parse(b"<graphml>\n\xff", "f").unwrap_err();
    assert_eq!((error.line, error.column), (Some(2), Some(1)));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[<>/a-e&;=\"! \\[\\]?-]{0,80}") {
        prop_assert!(graphml::parse(&bytes, "f").is_err());
        prop_assert!(parse(&text).is_err());
        let _ = parse(&format!("<graphml>{text}</graphml>"));
    }

    #[test]
    fn damaged_files_are_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..6),
    ) {
        let mut bytes = FILE.as_bytes().to_vec();
        for (at, byte, how) in &changes {
            let at = at.index(bytes.len().max(1));
            match how {
                _ if bytes.is_empty() => {}
                0 => bytes[at] = *byte,
                1 => drop(bytes.remove(at)),
                _ => bytes.truncate(at),
            }
        }
        if let Err(error) = graphml::parse(&bytes, "f") {
            prop_assert!(!error.problem.is_empty() && !error.hint.is_empty());
        }
    }
}
