//! Every switch does something, and what it does can be reckoned by hand.

#[path = "support/studies.rs"]
mod studies;

use fogline_core::model::ExecutionModel;
use fogline_core::record::{Replication, SeedRow};
use fogline_manifest::scenario::{PolicyName, Switches};
use fogline_sim::study::Study;

const SCENARIO: &str = r#"
name = "t"
networks = [{ name = "a", generate = "industrial-iot" }, { name = "b", generate = "urban-sensing" }]
[workload]
generated = { jobs = 1200 }
jobs = [60]
[run]
replications = 2
"#;

fn study() -> Study {
    studies::study(SCENARIO)
}

fn rows(study: &Study) -> Vec<SeedRow> {
    studies::outcome(study, 2, Vec::new()).seeds
}

#[test]
fn every_switch_makes_a_difference() {
    let study = study();
    let corrected = rows(&study.with_switches(Switches::default()));
    let reference = rows(&study.with_switches(Switches::REFERENCE));
    assert_ne!(corrected, reference);
    for ((name, ours), (_, theirs)) in Switches::default()
        .values()
        .into_iter()
        .zip(Switches::REFERENCE.values())
    {
        let turned = Switches::default()
            .with(&name, &theirs)
            .expect("the value is the reference's");
        let restored = Switches::REFERENCE
            .with(&name, &ours)
            .expect("the value is the default");
        // Without clients as workers there is no GPU to share out, so one direction has to do.
        let differs = rows(&study.with_switches(turned)) != corrected
            || rows(&study.with_switches(restored)) != reference;
        assert!(differs, "{name} = {theirs} changes nothing");
    }
}

#[test]
fn unknown_switches_and_values_are_refused() {
    let switches = Switches::default();
    assert!(switches.with("transfers", "bottleneck").is_err());
    assert!(switches.with("transfer", "teleport").is_err());
    assert_eq!(switches.with("transfer", "bottleneck").ok(), Some(switches));
}

#[test]
fn all_models_and_policies_run_the_same_jobs() {
    let rows = rows(&study());
    for network in ["a", "b"] {
        for seed in [1, 2] {
            let replication = Replication { topology: 0, seed };
            let same: Vec<&SeedRow> = rows
                .iter()
                .filter(|row| row.condition.network == network && row.replication == replication)
                .collect();
            assert_eq!(
                same.len(),
                PolicyName::DEFAULT.len() * ExecutionModel::PAPER.len()
            );
            let steps = |row: &SeedRow| {
                row.by_steps
                    .iter()
                    .map(|group| (group.steps, group.jobs))
                    .collect::<Vec<_>>()
            };
            assert!(
                same.iter()
                    .all(|row| row.jobs == 60 && steps(row) == steps(same[0]))
            );
        }
    }
}
