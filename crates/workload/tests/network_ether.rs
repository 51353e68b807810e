//! Generated networks: their size, order, connectedness and laws.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashSet;

use fogline_core::network::{Network, NetworkError, VertexId};
use fogline_workload::network::ether::{
    Backhaul, Cell, CloudRegions, Densities, Draw, IndustrialIot, LatencyLaw, Scenario, UrbanSensing,
};
use proptest::prelude::*;

fn urban(densities: Vec<u32>) -> Scenario {
    Scenario::UrbanSensing(UrbanSensing {
        densities: Densities::Given(densities),
    })
}

fn urban_cells(cells: u32) -> Scenario {
    Scenario::UrbanSensing(UrbanSensing {
        densities: Densities::Law { cells },
    })
}

fn iiot(premises: u32) -> Scenario {
    Scenario::IndustrialIot(IndustrialIot { premises })
}

fn latency(network: &Network, from: &str, to: &str) -> f64 {
    let (from, to) = (network.find(from).unwrap(), network.find(to).unwrap());
    let edge = network.edges(from).iter().find(|edge| edge.to == to);
    edge.unwrap().latency.as_millis()
}

fn count(network: &Network, model: &str) -> usize {
    let nodes = network.node_ids().map(|id| network.node(id));
    nodes.filter(|node| node.model == model).count()
}

#[test]
fn the_published_factories_have_the_published_counts() {
    let network = iiot(4).generate(Draw::Published).unwrap();
    assert_eq!(network.node_count(), 80);
    assert_eq!(network.links().len(), 100);
    assert_eq!(network.vertices().len(), 206);
    assert_eq!(latency(&network, "internet_chix", "internet_nyc"), 10.0);
    assert_eq!(latency(&network, "internet_nyc", "internet_chix"), 10.0);
}

#[test]
fn the_published_city_has_the_published_counts() {
    let network = urban_cells(5).generate(Draw::Published).unwrap();
    assert_eq!(network.node_count(), 123);
    assert_eq!(network.vertices().len(), 299);
    assert_eq!(
        network,
        urban(vec![6, 3, 4, 8, 6]).generate(Draw::Published).unwrap()
    );
}

#[test]
fn a_published_latency_is_the_mode_of_its_law() {
    let network = iiot(1).generate(Draw::Published).unwrap();
    let lan = LatencyLaw::LAN.mode().as_millis();
    let isp = LatencyLaw::BUSINESS_ISP.mode().as_millis();
    for (from, to, expected) in [
        ("nuc_0", "link_nuc_0", lan),
        ("link_nuc_0", "nuc_0", lan),
        ("link_nuc_0", "switch_lan_1", 0.0),
        ("switch_lan_1", "switch_lan_0", lan),
        ("link_0", "switch_lan_0", lan),
        ("switch_lan_0", "up_lan_0", isp),
        ("up_lan_0", "internet_chix", 0.0),
        ("internet_chix", "down_lan_0", isp),
        ("down_lan_0", "switch_lan_0", 0.0),
        ("switch_cloudlet_0", "up_cloudlet_0", 0.0),
        ("switch_lan_0", "down_cloudlet_0", 0.0),
        ("switch_lan_2", "switch_cloudlet_0", lan),
    ] {
        assert_eq!(latency(&network, from, to), expected, "{from} to {to}");
    }
}

#[test]
fn a_cable_is_as_long_in_both_directions_in_every_draw() {
    let network = iiot(2).generate(Draw::new(3, 1)).unwrap();
    let there = latency(&network, "nuc_0", "link_nuc_0");
    assert_eq!(there, latency(&network, "link_nuc_0", "nuc_0"));
    assert_ne!(there, latency(&network, "nuc_1", "link_nuc_1"));
    assert_ne!(there, LatencyLaw::LAN.mode().as_millis());
    assert_eq!(latency(&network, "link_nuc_0", "switch_lan_1"), 0.0);
}

#[test]
fn seeds_and_numbers_give_other_networks_and_the_same_ones_again() {
    let scenario = urban_cells(5);
    let sizes = |draw| scenario.generate(draw).unwrap();
    let first = sizes(Draw::new(1, 1));
    assert_eq!(first, sizes(Draw::new(1, 1)));
    assert_ne!(first, sizes(Draw::new(1, 2)));
    assert_ne!(first, sizes(Draw::new(2, 1)));
    assert_eq!(sizes(Draw::new(1, 0)), sizes(Draw::Published));
    // A network is no part of another with the same seed by chance of its numbering.
    assert_ne!(sizes(Draw::new(1, 2)), sizes(Draw::new(2, 1)));
}

#[test]
fn densities_follow_their_law() {
    let cells = 20_000;
    let network = urban_cells(cells).generate(Draw::new(1, 1)).unwrap();
    let mut counts = [0_u32; 10];
    let mut boxes = 0;
    for cell in 0..cells {
        let medium = network.find(&format!("link_{cell}"));
        // Boxes, the aggregating box, and the uplink.
        let density = network.edges(medium.unwrap()).len() - 2;
        boxes += density;
        counts[density.min(9)] += 1;
        if cell > 400 {
            break;
        }
    }
    assert_eq!(counts[0] + counts[1], 0, "the law begins at 2");
    let nodes = network.node_count() as f64;
    // 10 servers, a NUC in each cell and four nodes per box; the law's mean is 2.90.
    let mean = (nodes - 10.0 - f64::from(cells)) / f64::from(cells) / 4.0;
    assert!((mean - 2.90).abs() < 0.06, "{mean}");
    assert!(boxes > 0);
    let twos = f64::from(counts[2]) / f64::from(counts.iter().sum::<u32>());
    assert!((twos - 0.49).abs() < 0.1, "{twos}");
}

#[test]
fn regions_are_as_far_apart_as_asked() {
    let network = Scenario::CloudRegions(CloudRegions::default())
        .generate(Draw::Published)
        .unwrap();
    assert_eq!(network.node_count(), 3 * (10 + 3));
    let way = latency(&network, "region_0", "internet") + latency(&network, "internet", "region_2");
    assert!((way - 162.0).abs() < 1e-9);
    let bare = CloudRegions {
        clients: 0,
        ..CloudRegions::default()
    };
    let network = Scenario::CloudRegions(bare).generate(Draw::Published).unwrap();
    assert_eq!(network.node_count(), 30);
}

#[test]
fn impossible_sizes_are_refused() {
    let regions = |regions, racks, servers_per_rack, clients| {
        Scenario::CloudRegions(CloudRegions {
            regions,
            racks,
            servers_per_rack,
            clients,
            ..CloudRegions::default()
        })
    };
    let max = u32::MAX;
    for scenario in [
        iiot(max),
        urban_cells(max),
        urban(vec![1, max]),
        regions(max, max, max, max),
        regions(max, 0, 0, 0),
        regions(1, max, 0, 0),
        regions(1, 1, max, 0),
    ] {
        let error = scenario.generate(Draw::Published).unwrap_err();
        assert!(matches!(error, NetworkError::BadFigure { .. }), "{error}");
    }
    for scenario in [iiot(0), regions(3, 0, 0, 0)] {
        assert_eq!(scenario.generate(Draw::Published), Err(NetworkError::NoNode));
    }
}

#[test]
fn a_hundred_thousand_nodes_are_generated() {
    let network = iiot(5000).generate(Draw::new(1, 1)).unwrap();
    assert_eq!(network.node_count(), 100_000);
    assert_eq!(network.links().len(), 125_000);
}

/// Names are unique and every vertex is reached: all that makes it a network.
fn check(network: &Network) -> Result<(), TestCaseError> {
    let names: HashSet<&str> = network.vertices().iter().map(|v| v.name.as_str()).collect();
    prop_assert_eq!(names.len(), network.vertices().len());
    let mut seen = vec![false; network.vertices().len()];
    let mut stack = vec![network.node_vertex(network.node_ids().next().unwrap())];
    while let Some(vertex) = stack.pop() {
        if !std::mem::replace(&mut seen[vertex.0 as usize], true) {
            stack.extend(network.edges(vertex).iter().map(|edge| edge.to));
        }
    }
    prop_assert!(seen.into_iter().all(|seen| seen));
    for vertex in (0..network.vertices().len() as u32).map(VertexId) {
        prop_assert!(!network.edges(vertex).is_empty());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn factories_have_twenty_nodes_each(premises in 1_u32..30, seed: u64, number in 0_u32..4) {
        let network = iiot(premises).generate(Draw::new(seed, number)).unwrap();
        let n = premises as usize;
        prop_assert_eq!(network.node_count(), 20 * n);
        prop_assert_eq!(network.links().len(), 25 * n);
        for (model, each) in [("nuci5", 1), ("nvidia_jetson_tx2", 1), ("rpi3b+", 3), ("server", 15)] {
            prop_assert_eq!(count(&network, model), each * n);
        }
        prop_assert_eq!(network.find("internet_nyc").is_some(), premises >= 4);
        check(&network)?;
    }

    #[test]
    fn neighbourhoods_have_four_nodes_a_box_and_one(
        densities in prop::collection::vec(0_u32..12, 0..8), seed: u64, number in 0_u32..4,
    ) {
        let network = urban(densities.clone()).generate(Draw::new(seed, number)).unwrap();
        let (cells, boxes) = (densities.len(), densities.iter().sum::<u32>() as usize);
        prop_assert_eq!(network.node_count(), 10 + cells + 4 * boxes);
        prop_assert_eq!(count(&network, "rpi3b+"), 2 * boxes);
        prop_assert_eq!(count(&network, "nvidia_jetson_tx2"), 2 * boxes);
        // A card for each node, a medium and a pair for each cell, a pair for the cloudlet.
        prop_assert_eq!(network.links().len(), network.node_count() + 3 * cells + 2);
        check(&network)?;
    }

    #[test]
    fn regions_have_their_servers_and_clients(
        regions in 1_u32..6, racks in 1_u32..4, servers in 1_u32..5, clients in 0_u32..4,
    ) {
        let scenario = CloudRegions {
            regions, racks, servers_per_rack: servers, clients, ..CloudRegions::default()
        };
        let network = Scenario::CloudRegions(scenario).generate(Draw::Published).unwrap();
        prop_assert_eq!(network.node_count() as u32, regions * (racks * servers + clients));
        prop_assert_eq!(count(&network, "rpi3b+") as u32, regions * clients);
        let cell = Cell::cloudlet(servers, racks, Backhaul::Cable);
        prop_assert_eq!(cell.node_count(), u64::from(racks * servers));
        check(&network)?;
    }

    #[test]
    fn only_devices_of_clients_own_sessions(premises in 1_u32..4) {
        let network = iiot(premises).generate(Draw::Published).unwrap();
        for node in network.node_ids().map(|id| network.node(id)) {
            prop_assert!(node.worker);
            prop_assert_eq!(node.client, ["rpi3b+", "nvidia_jetson_tx2"].contains(&node.model.as_str()));
        }
    }
}
