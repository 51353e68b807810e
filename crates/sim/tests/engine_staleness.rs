//! What it costs that dispatchers see loads late.

#[path = "support/studies.rs"]
mod studies;

use fogline_core::record::SeedRow;

const SEEDS: u32 = 3;

/// On networks small enough for a table of paths, and on one that is searched (b).
fn rows(run: &str) -> Vec<SeedRow> {
    let text = format!(
        "name = \"t\"\n\
         networks = [{{ name = \"a\", generate = \"industrial-iot\" }}, \
                     {{ name = \"b\", generate = \"industrial-iot\", premises = 60 }}, {{ name = \"c\", generate = \"urban-sensing\" }}]\n\
         [workload]\ngenerated = {{ jobs = 1200 }}\njobs = [200]\n\
         [run]\nmodels = [\"in-edge\"]\n{run}\n"
    );
    studies::outcome(&studies::study(text), SEEDS, Vec::new()).seeds
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
    let times = |network, policy| {
        by_staleness
            .each_ref()
            .map(|rows| processing(rows, network, policy))
    };
    // Model-aware draws all dispatchers to the store, and load all of sixty to the fastest workers.
    for (network, policy) in [
        ("a", "model-aware"),
        ("b", "model-aware"),
        ("c", "model-aware"),
        ("b", "load"),
    ] {
        let [fresh, stale, blind] = times(network, policy);
        assert!(
            fresh < stale && stale < blind,
            "{network} {policy}: {fresh} {stale} {blind}"
        );
    }
    // On premises that keep to themselves under load-net, a dispatcher has placed all that matters to it.
    let [fresh, stale, blind] = times("a", "load-net");
    assert!(fresh == stale && stale == blind, "{fresh} {stale} {blind}");
}

#[test]
fn two_draws_are_better_than_a_stale_look_at_all() {
    let run =
        |policies: &str, staleness: u32| rows(&format!("policies = [{policies}]\nstaleness = {staleness}"));
    let herd = processing(&run("\"load\"", 1_000_000), "b", "load");
    for policy in ["power-of-two-choices", "weighted-random", "round-robin"] {
        let spread = processing(&run(&format!("\"{policy}\""), 1_000_000), "b", policy);
        assert!(spread < herd, "{policy}: {spread} s, load: {herd} s");
    }
}
