//! The scenario of the demonstration, with the network that it names.

use std::path::Path;

use fogline_core::network::VertexKind;
use fogline_manifest::Source;
use fogline_manifest::scenario::Scenario;
use fogline_workload::network;

#[test]
fn the_demonstration_runs_on_a_small_edge_with_a_cloud_behind_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let source = Source::read(&folder.join("demo.toml")).expect("the scenario is there");
    let scenario = Scenario::parse(&source).expect("it is a scenario");
    assert_eq!((scenario.cloud.rtt_ms, scenario.cloud.rate_mbps), (120.0, 50.0));
    let [section] = &scenario.networks[..] else {
        panic!("one network: {:?}", scenario.networks);
    };
    let file = section.file.as_ref().expect("it is in a file");
    let network = network::read(&folder.join(file)).expect("it is a network");

    let nodes: Vec<_> = network.node_ids().map(|id| network.node(id)).collect();
    let clients = nodes.iter().filter(|node| node.client).count();
    let mut speeds: Vec<_> = nodes
        .iter()
        .filter(|node| node.worker)
        .map(|node| node.cpu_millis)
        .collect();
    speeds.dedup();
    assert_eq!(
        (clients, speeds.len(), nodes.len()),
        (2, 3, 5),
        "two clients, three workers of different speed"
    );
    let exchange = network.vertices().iter().find(|vertex| vertex.name == "internet");
    assert_eq!(
        exchange.map(|it| &it.kind),
        Some(&VertexKind::Switch),
        "the cloud is attached to it"
    );
}
