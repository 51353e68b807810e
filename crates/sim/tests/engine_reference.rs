//! The corrected engine, with every switch as in the reference, against the reference itself.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]
#![expect(clippy::print_stdout, reason = "what is skipped is said")]

use std::path::{Path, PathBuf};

use fogline_core::model::ExecutionModel;
use fogline_core::record::{Replication, SeedRow};
use fogline_manifest::Source;
use fogline_manifest::scenario::{CloudSection, PolicyName, Scenario, Switches};
use fogline_sim::compat::{AllocPolicy, ExecPolicy, Options, Prepared, RowNames};
use fogline_sim::engine::{Paths, Pool, Replicator, World};
use fogline_workload::network::statesim;
use fogline_workload::trace::spar;

/// The golden folder; `None` (with a message) outside CI when it is not there.
fn golden() -> Option<PathBuf> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden");
    if golden.is_dir() {
        return Some(golden);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "{} is missing in CI",
        golden.display()
    );
    println!("skipped: {} is not there", golden.display());
    None
}

fn scenario() -> Scenario {
    let text =
        "name = \"t\"\nnetworks = [{ name = \"n\", file = \"x\" }]\n[workload]\ntrace = \"x\"\njobs = [1]\n";
    Scenario::parse(&Source {
        name: "test".into(),
        text: text.into(),
    })
    .unwrap()
}

/// Both engines' rows for one network, load and seed, in the same order.
fn rows(network: &str, load: u32, seed: u64) -> Option<(Vec<SeedRow>, Vec<SeedRow>)> {
    let golden = golden()?;
    let file = |ending: &str| golden.join(format!("network/{network}.0.{ending}"));
    let network = statesim::read(&file("nodes"), &file("links"), &file("edges")).unwrap();
    let trace = spar::read(&golden.join("tasks/batch_task.csv")).unwrap();

    let prepared = Prepared::new(&network, &trace, &Options::paper()).unwrap();
    let replicate = prepared.replicate(seed, load, &AllocPolicy::ALL, &ExecPolicy::ALL);
    let mut reference = replicate.seed_rows(
        &prepared,
        RowNames {
            network: "n",
            topology: 0,
        },
    );

    let switches = Switches::REFERENCE;
    let workload = scenario().workload;
    let pool = Pool::new(&trace, &workload, switches.workflow, switches.random);
    let world = World::new(network, &CloudSection::default(), &workload.functions, &switches).unwrap();
    let paths = Paths::of(&world);
    let replicator = Replicator {
        pool: &pool,
        world: &world,
        paths: &paths,
        switches: &switches,
        tables: &[],
        staleness: 0,
    };
    let policies = [PolicyName::Load, PolicyName::LoadNet];
    let replication = Replication { topology: 0, seed };
    let mut ours = replicator
        .replicate("n", load, replication, &policies, &ExecutionModel::ALL)
        .seeds;

    reference.sort_by(|a, b| a.condition.cmp(&b.condition));
    ours.sort_by(|a, b| a.condition.cmp(&b.condition));
    Some((reference, ours))
}

fn assert_close(what: &str, reference: f64, ours: f64, tolerance: f64) {
    let error = (ours - reference).abs() / reference.abs().max(1e-12);
    assert!(
        error <= tolerance,
        "{what}: reference {reference}, ours {ours}, off by {error:.2e}"
    );
}

/// The engines differ in float width and in how ties fall, so single jobs may sit on another of two equal
/// workers; means agree.
fn engines_agree(network: &str, load: u32, seed: u64) {
    let Some((reference, ours)) = rows(network, load, seed) else {
        return;
    };
    assert_eq!(reference.len(), 14, "two policies, seven models");
    for (reference, ours) in reference.iter().zip(&ours) {
        let what = format!("{network} {load} {seed} {:?}", reference.condition);
        assert_eq!(reference.condition, ours.condition);
        assert_eq!(reference.jobs, ours.jobs, "{what}");
        let steps = |row: &SeedRow| {
            row.by_steps
                .iter()
                .map(|group| (group.steps, group.jobs))
                .collect::<Vec<_>>()
        };
        assert_eq!(steps(reference), steps(ours), "{what}");
        assert_close(&what, reference.total.processing.0, ours.total.processing.0, 0.02);
        assert_close(&what, reference.total.network().0, ours.total.network().0, 0.005);
        assert_close(
            &what,
            reference.total.traffic().0 as f64,
            ours.total.traffic().0 as f64,
            0.005,
        );
    }
}

#[test]
fn with_the_switches_of_the_reference_the_engine_agrees_with_it_on_industrial_iot() {
    engines_agree("iiot", 100, 1);
    engines_agree("iiot", 500, 2);
}

#[test]
fn with_the_switches_of_the_reference_the_engine_agrees_with_it_on_urban_sensing() {
    engines_agree("urban_sensing", 100, 3);
    engines_agree("urban_sensing", 300, 4);
}
