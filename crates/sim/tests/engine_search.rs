//! On the networks of the paper, the search finds what the full scan finds.

use fogline_core::cost::{Flow, Leg, Peer, Purpose};
use fogline_core::model::{Bytes, Operations};
use fogline_core::policy::{Demand, Search, scan};
use fogline_manifest::Source;
use fogline_manifest::scenario::Scenario;
use fogline_sim::engine::Paths;
use fogline_sim::study::Study;
use fogline_workload::random::Stream;

const SCENARIO: &str = r#"
name = "t"
networks = [{ name = "a", generate = "industrial-iot" }, { name = "b", generate = "urban-sensing" }]
[workload]
generated = { jobs = 50 }
jobs = [1]
"#;

#[test]
fn the_search_chooses_as_the_scan_does() {
    let source = Source {
        name: "test".into(),
        text: SCENARIO.into(),
    };
    let scenario = Scenario::parse(&source).expect("the scenario is well-formed");
    let study = Study::load(scenario, "".as_ref(), None).expect("the trace is generated");
    for network in [0, 1] {
        for topology in [0, 1] {
            let world = study.world(network, topology).expect("the network fits");
            let paths = Paths::of(&world);
            let peers = world.peers();
            let mut search = Search::new(&world.routes, world.workers.clone());
            let mut random = Stream::new(5, u64::from(topology), network as u64, 0x7E57);
            for _ in 0..3000 {
                let mut flow = || Flow {
                    messages: random.below(3) as u32,
                    bytes: Bytes(random.below(4) * 300_000),
                };
                let flows: Vec<(Flow, Flow)> = (0..2).map(|_| (flow(), flow())).collect();
                let legs: Vec<Leg> = flows
                    .into_iter()
                    .map(|(to_worker, from_worker)| {
                        let peer = Peer::At(peers[random.below(peers.len() as u64) as usize]);
                        Leg {
                            peer,
                            purpose: Purpose::Arguments,
                            to_worker,
                            from_worker,
                            after: None,
                        }
                    })
                    .collect();
                let demand = Demand {
                    operations: Operations(random.below(4_000_000_000)),
                    profile: random.below(world.workers.profiles() as u64) as usize,
                    legs: &legs,
                };
                let slow = scan(search.workers(), &demand, |peer| paths.row(peer), &mut Vec::new());
                let fast = search.best(&demand);
                assert_eq!(slow, fast, "{demand:?}");
                search.place(fast.expect("some worker can").worker);
            }
        }
    }
}
