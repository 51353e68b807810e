//! Policies that do not take the lowest score.

#[path = "support/studies.rs"]
mod studies;

use std::collections::BTreeMap;

use fogline_core::record::NodeRow;
use fogline_manifest::Source;
use fogline_manifest::scenario::{PolicyName, Scenario, Table};
use fogline_sim::engine::Outcome;

fn outcome(run: &str) -> Outcome {
    let text = format!(
        "name = \"t\"\nnetworks = [{{ name = \"a\", generate = \"industrial-iot\" }}]\n\
         [workload]\ngenerated = {{ jobs = 1200 }}\njobs = [200]\n\
         [run]\nmodels = [\"in-edge\", \"in-client\"]\n{run}\n"
    );
    studies::outcome(&studies::study(text), 2, vec![Table::Nodes])
}

fn of(policy: PolicyName) -> Outcome {
    outcome(&format!("policies = [\"{}\"]", policy.placement()))
}

/// Invocations by node, of one policy.
fn loads(nodes: &[NodeRow]) -> BTreeMap<&str, u64> {
    let mut loads = BTreeMap::new();
    for row in nodes {
        *loads.entry(row.node.as_str()).or_default() += row.invocations;
    }
    loads
}

#[test]
fn every_policy_makes_a_difference_and_the_same_one_again_none() {
    let outcomes: Vec<_> = PolicyName::ALL.iter().map(|policy| of(*policy)).collect();
    for (at, one) in outcomes.iter().enumerate() {
        assert_eq!(*one, of(PolicyName::ALL[at]), "{:?}", PolicyName::ALL[at]);
        for (other_at, other) in outcomes.iter().enumerate().skip(at + 1) {
            assert_ne!(
                loads(&one.nodes),
                loads(&other.nodes),
                "{:?} {:?}",
                PolicyName::ALL[at],
                PolicyName::ALL[other_at]
            );
        }
    }
}

#[test]
fn round_robin_and_the_random_ones_use_every_worker() {
    for policy in [PolicyName::RoundRobin, PolicyName::WeightedRandom] {
        let outcome = of(policy);
        let loads = loads(&outcome.nodes);
        assert!(loads.values().all(|load| *load > 0), "{policy:?}: {loads:?}");
    }
}

#[test]
fn local_first_moves_fewer_arguments_than_load() {
    let traffic = |policy| {
        let rows = of(policy).seeds;
        rows.iter().map(|row| row.total.argument_traffic.0).sum::<u64>()
    };
    let (local, load) = (traffic(PolicyName::LocalFirst), traffic(PolicyName::Load));
    assert!(local < load, "{local} {load}");
}

#[test]
fn least_impedance_needs_measurements() {
    let text = "name = \"t\"\nnetworks = [{ name = \"a\", generate = \"industrial-iot\" }]\n\
                [workload]\ngenerated = { jobs = 1 }\njobs = [1]\n\
                [run]\npolicies = [\"least-impedance\"]\n";
    let source = Source {
        name: "test".into(),
        text: text.into(),
    };
    let fault = Scenario::parse(&source).expect_err("there is no such policy here");
    assert_eq!(fault.line, Some(7), "{fault}");
    assert!(fault.problem.contains("least-impedance"), "{fault}");
}
