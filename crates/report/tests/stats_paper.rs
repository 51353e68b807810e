//! The paper's statements against worlds in which they are true, nearly true and false.

mod stats_support;

use fogline_core::model::ExecutionModel;
use fogline_core::record::{Placed, SeedRow};
use fogline_report::paper::{Finding, Placement, Statement, compare, count_placements, statements};
use fogline_report::summary::{Setting, SummaryOptions, summarise};
use stats_support::{Asked, Figures, as_stated, condition, normal, row, rows};

const LOADS: [u32; 2] = [100, 500];

fn world(law: impl Fn(&Asked<'_>) -> Figures) -> Vec<SeedRow> {
    rows("iiot", &LOADS, &["load", "load-net"], 20, law)
}

fn to_the_centre(on_servers: f64) -> Vec<Placement> {
    let at = |load| Setting {
        network: "iiot".to_owned(),
        load,
        policy: "load".to_owned(),
    };
    let placement = |load| Placement {
        setting: at(load),
        on_servers,
        on_clients: 0.0,
    };
    LOADS.into_iter().map(placement).collect()
}

fn judge(rows: &[SeedRow], placements: &[Placement]) -> Vec<Statement> {
    statements(&summarise(rows, &SummaryOptions::default()), placements)
}

fn find<'a>(statements: &'a [Statement], id: &str) -> &'a Statement {
    statements
        .iter()
        .find(|statement| statement.id == id)
        .expect("every statement is always there")
}

fn finding(statements: &[Statement], id: &str) -> Finding {
    find(statements, id).finding
}

#[test]
fn all_hold_in_a_world_as_stated() {
    let statements = judge(&world(as_stated), &to_the_centre(1.0));
    assert_eq!(statements.len(), 11);
    for statement in statements {
        assert_eq!(
            statement.finding,
            Finding::Holds,
            "{}: {}",
            statement.id,
            statement.evidence
        );
    }
}

/// A change to the world as stated.
type Change = fn(&Asked<'_>, &mut Figures);

const IN_CLIENT: ExecutionModel = ExecutionModel::InClient;
const IN_EDGE: ExecutionModel = ExecutionModel::InEdge;
const IN_FUNCTION: ExecutionModel = ExecutionModel::InFunction;

fn when(so: bool, factor: f64) -> f64 {
    if so { factor } else { 1.0 }
}

fn assert_falls(changes: &[(&str, Finding, Change)]) {
    for &(id, expected, change) in changes {
        let changed = world(|asked| {
            let mut figures = as_stated(asked);
            change(asked, &mut figures);
            figures
        });
        let statements = judge(&changed, &[]);
        let found = find(&statements, id);
        assert_eq!(found.finding, expected, "{id}: {}", found.evidence);
    }
}

#[test]
fn statements_on_traffic_fall_with_what_they_say() {
    assert_falls(&[
        ("load-in-client-most-traffic", Finding::No, |a, f| {
            f.traffic_mb *= when(a.policy == "load" && a.model == IN_CLIENT, 0.1);
        }),
        ("load-in-client-most-traffic", Finding::Loosely, |a, f| {
            f.traffic_mb *= when(a.load == 100 && a.model == IN_CLIENT, 0.1);
        }),
        ("load-much-more-traffic", Finding::Loosely, |a, f| {
            f.traffic_mb *= when(a.policy == "load", 0.5);
        }),
        ("load-much-more-traffic", Finding::No, |a, f| {
            f.traffic_mb *= when(a.policy == "load" && a.model == IN_EDGE, 0.3);
        }),
        ("load-net-traffic-rises-slightly", Finding::Loosely, |a, f| {
            f.traffic_mb *= when(a.load == 500, 1.4);
        }),
        ("load-net-traffic-rises-slightly", Finding::Loosely, |a, f| {
            f.traffic_mb *= 1.0 + 0.4 * normal(a.seed + u64::from(a.load), 5);
        }),
        ("load-net-traffic-rises-slightly", Finding::No, |a, f| {
            f.traffic_mb *= when(a.load == 500 && a.model == IN_CLIENT, 0.7);
        }),
        ("load-net-traffic-rises-slightly", Finding::No, |a, f| {
            f.traffic_mb *= when(a.load == 500, 2.0);
        }),
        ("load-net-in-edge-worst", Finding::No, |a, f| {
            f.traffic_mb *= when(a.model == IN_EDGE, 0.2);
        }),
        ("load-net-others-similar", Finding::Loosely, |a, f| {
            f.traffic_mb *= when(a.model == IN_CLIENT, 1.4);
        }),
        ("load-net-others-similar", Finding::No, |a, f| {
            f.traffic_mb *= when(a.model == IN_CLIENT, 1.9);
        }),
    ]);
}

#[test]
fn statements_on_latency_fall_with_what_they_say() {
    assert_falls(&[
        ("external-in-edge-much-slower", Finding::Loosely, |a, f| {
            f.network_ms -= if a.model == IN_EDGE { 250.0 } else { 0.0 };
        }),
        ("external-in-edge-much-slower", Finding::No, |a, f| {
            f.network_ms -= if a.model == IN_EDGE { 400.0 } else { 0.0 };
        }),
        ("in-function-slightly-better", Finding::Loosely, |a, f| {
            f.network_ms += if a.model == IN_CLIENT { 100.0 } else { 0.0 };
        }),
        ("in-function-slightly-better", Finding::No, |a, f| {
            f.network_ms += if a.model == IN_FUNCTION { 100.0 } else { 0.0 };
        }),
    ]);
}

#[test]
fn statements_on_length_fall_with_what_they_say() {
    assert_falls(&[
        ("network-latency-grows-with-length", Finding::Loosely, |_, f| {
            f.steps[3].2 *= 3.0
        }),
        ("network-latency-grows-with-length", Finding::No, |a, f| {
            f.steps[7].2 *= when(a.model == IN_EDGE, 0.1);
        }),
        ("sharp-increase-for-longest", Finding::No, |_, f| {
            f.steps[7].2 *= 0.3
        }),
        ("in-client-deviates-for-longest", Finding::No, |a, f| {
            f.steps[0].2 += if a.model == IN_CLIENT { 500.0 } else { 0.0 };
        }),
        ("in-client-deviates-for-longest", Finding::Loosely, |a, f| {
            f.steps[7].2 -= if a.model == IN_CLIENT { 280.0 } else { 0.0 };
        }),
    ]);
}

#[test]
fn share_on_servers_decides_where_functions_go() {
    let world = world(as_stated);
    for (share, expected) in [
        (0.96, Finding::Holds),
        (0.8, Finding::Loosely),
        (0.4, Finding::No),
    ] {
        let statements = judge(&world, &to_the_centre(share));
        assert_eq!(
            finding(&statements, "load-functions-to-centre"),
            expected,
            "{share}"
        );
    }
    assert_eq!(
        finding(&judge(&world, &[]), "load-functions-to-centre"),
        Finding::NotTested
    );
}

#[test]
fn sharp_increase_on_few_replications_holds_loosely() {
    let few = world(|asked| {
        let mut figures = as_stated(asked);
        if asked.seed > 6 {
            figures.steps.pop();
        }
        figures
    });
    assert_eq!(
        finding(&judge(&few, &[]), "sharp-increase-for-longest"),
        Finding::Loosely
    );
}

#[test]
fn what_was_not_run_is_not_tested() {
    let all = world(as_stated);
    let without = |drop: fn(&SeedRow) -> bool| {
        let rows: Vec<SeedRow> = all.iter().filter(|row| !drop(row)).cloned().collect();
        judge(&rows, &[])
    };
    let tested = |statements: &[Statement]| {
        let tested = statements
            .iter()
            .filter(|statement| statement.finding != Finding::NotTested);
        tested.map(|statement| statement.id).collect::<Vec<_>>()
    };
    assert_eq!(tested(&without(|_| false)).len(), 10);
    assert_eq!(
        tested(&without(|row| row.condition.policy == "load-net")),
        ["load-in-client-most-traffic"]
    );
    assert_eq!(tested(&without(|row| row.condition.model == IN_EDGE)), [""; 0]);
    let one_load = without(|row| row.condition.load == 100);
    assert_eq!(
        finding(&one_load, "load-net-traffic-rises-slightly"),
        Finding::NotTested
    );
    assert_eq!(tested(&one_load).len(), 9);

    let nothing = judge(&[], &[]);
    assert_eq!((nothing.len(), tested(&nothing).len()), (11, 0));
    assert!(
        nothing
            .iter()
            .all(|statement| statement.evidence.starts_with("needs "))
    );
}

#[test]
fn one_replication_tests_but_claims_nothing_that_needs_certainty() {
    let statements = judge(&rows("iiot", &LOADS, &["load", "load-net"], 1, as_stated), &[]);
    assert_eq!(
        finding(&statements, "load-in-client-most-traffic"),
        Finding::Loosely
    );
    assert_eq!(finding(&statements, "load-much-more-traffic"), Finding::No);
    assert_eq!(
        finding(&statements, "in-function-slightly-better"),
        Finding::Loosely
    );
}

#[test]
fn other_models_policies_and_networks_do_not_disturb() {
    let mut all = world(as_stated);
    let expected = judge(&all, &[]);
    for row in world(as_stated) {
        let mut other = row.clone();
        other.condition.policy = "model-aware".to_owned();
        all.push(other);
        let mut other = row.clone();
        other.condition.network = "urban-sensing".to_owned();
        all.push(other);
        let mut other = row;
        if other.condition.model == IN_CLIENT {
            other.condition.model = ExecutionModel::PureFaas;
            all.push(other);
        }
    }
    let found = judge(&all, &[]);
    assert_eq!(found[..11], expected[..]);
    assert_eq!(found.len(), 22);
    assert!(
        found[11..]
            .iter()
            .all(|statement| statement.network == "urban-sensing")
    );
}

#[test]
fn invocations_are_counted_over_models_and_replications() {
    let figures = Figures {
        processing_ms: 1.0,
        network_ms: 1.0,
        traffic_mb: 1.0,
        steps: Vec::new(),
    };
    let placed_row = |seed, model, placed| SeedRow {
        placed,
        ..row(condition("iiot", 100, "load", model), 0, seed, 10, &figures)
    };
    let rows = [
        placed_row(
            1,
            ExecutionModel::External,
            Placed {
                servers: 6,
                clients: 0,
                others: 2,
            },
        ),
        placed_row(
            2,
            ExecutionModel::InEdge,
            Placed {
                servers: 0,
                clients: 1,
                others: 1,
            },
        ),
    ];
    let placements = count_placements(&rows);
    assert_eq!(placements.len(), 1);
    assert_eq!((placements[0].on_servers, placements[0].on_clients), (0.6, 0.1));
    let nowhere = [placed_row(1, ExecutionModel::External, Placed::default())];
    assert!(count_placements(&nowhere).is_empty());
}

#[test]
fn modes_are_put_side_by_side() {
    let compat = judge(&world(as_stated), &[]);
    let mut corrected = judge(&rows("iiot", &[500], &["load-net"], 20, as_stated), &[]);
    corrected.extend(judge(&rows("campus", &[500], &["load-net"], 20, as_stated), &[]));
    let table = compare(&compat, &corrected);
    assert_eq!(table.len(), 22);
    assert!(
        table[..11]
            .iter()
            .all(|row| row.network == "campus" && row.compat.is_none())
    );
    for (row, statement) in table[11..].iter().zip(&compat) {
        assert_eq!((row.id, row.network.as_str()), (statement.id, "iiot"));
        assert_eq!(row.compat.as_ref().unwrap().finding, statement.finding);
        assert!(row.corrected.is_some());
    }
    assert!(compare(&[], &[]).is_empty());
}
