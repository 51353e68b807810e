//! What it costs that dispatchers see loads late.

use fogline_core::record::SeedRow;
use fogline_manifest::Source;
use fogline_manifest::scenario::Scenario;
use fogline_sim::study::{Shard, Study, Units};

const SEEDS: u32 = 3;

/// On two networks, one small enough for a table of paths and one that is searched.
fn rows(run: &str) -> Vec<SeedRow> {
    let text = format!(
        "name = \"t\"\n\
         networks = [{{ name = \"a\", generate = \"industrial-iot\" }}, \
                     {{ name = \"b\", generate = \"industrial-iot\", premises = 60 }}]\n\
         [workload]\ngenerated = {{ jobs = 1200 }}\njobs = [200]\n\
         [run]\nmodels = [\"in-edge\"]\n{run}\n"
    );
    let source = Source {
        name: "test".into(),
        text,
    };
    let scenario = Scenario::parse(&source).expect("the scenario is well-formed");
    let study = Study::load(scenario, "".as_ref(), None).expect("the trace is generated");
    let units = Units {
        first_seed: 1,
        replications: SEEDS,
        shard: Shard::ALL,
        tables: Vec::new(),
    };
    let mut rows = Vec::new();
    study
        .run(&units, |_, _, mut outcome| {
            rows.append(&mut outcome.seeds);
            Ok::<(), fogline_core::model::BadInput>(())
        })
        .expect("the networks fit");
    rows
}

/// Mean processing time of a job on a network under a policy, in seconds.
fn processing(rows: &[SeedRow], network: &str, policy: &str) -> f64 {
    let of = rows
        .iter()
        .filter(|row| row.condition.network == network && row.condition.policy == policy);
    let (sum, jobs) = of.fold((0.0, 0.0), |(sum, jobs), row| {
        (sum + row.total.processing.0, jobs + row.jobs as f64)
    });
    sum / jobs
}

#[test]
fn to_see_every_placement_at_once_is_the_default() {
    let now = rows("");
    assert_eq!(now, rows("staleness = 0"));
    assert_eq!(
        now,
        rows("staleness = 1"),
        "a refresh after each placement hides nothing"
    );
    assert_ne!(now, rows("staleness = 100"));
}

#[test]
fn the_staler_the_loads_the_longer_jobs_are_processed() {
    let by_staleness = [0, 300, 1_000_000].map(|staleness| rows(&format!("staleness = {staleness}")));
    for network in ["a", "b"] {
        for policy in ["load", "load-net"] {
            let times = by_staleness
                .each_ref()
                .map(|rows| processing(rows, network, policy));
            assert!(
                times[0] < times[1] && times[0] < times[2],
                "{network} {policy}: {times:?}"
            );
            // Transfers keep load-net from the node that all others hurry to, so it loses little after that.
            assert!(
                policy == "load-net" || times[1] < times[2],
                "{network} {policy}: {times:?}"
            );
        }
    }
}
