//! The figures behind the paper's Figures 4, 5 and 6, at the precision that they are written down with.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use std::collections::BTreeMap;

use fogline_core::record::SeedRow;
use fogline_sim::compat::{
    AllocPolicy, ExecPolicy, Options, Prepared, Replicate, RowNames, Scratch, write_samples,
};

/// Seeds of the reference's simulation.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=200;

/// The rows of a table: policies, then cells.
fn rows<'a>(tables: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let mut lines = tables.lines().skip_while(|line| !line.starts_with(heading));
    assert!(lines.next().is_some(), "there is a table \"{heading}\"");
    lines
        .take_while(|line| !line.starts_with("## "))
        .filter(|line| line.starts_with('|') && !line.starts_with("|---"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

fn policy(name: &str) -> ExecPolicy {
    format!("Unchained{name}").parse().unwrap()
}

/// The mean, without the interval behind it.
fn mean_of(cell: &str) -> &str {
    cell.split(' ').next().unwrap()
}

fn mean(rows: &[SeedRow], value: impl Fn(&SeedRow) -> f64) -> f64 {
    rows.iter().map(value).sum::<f64>() / rows.len() as f64
}

/// All replications under one pair of policies.
#[derive(Default)]
struct Pair {
    seeds: Vec<SeedRow>,
    /// Of the jobs of all seeds, in milliseconds, as printed: the tables were made from files.
    latencies: Vec<f64>,
}

type ByPair = BTreeMap<(AllocPolicy, ExecPolicy), Pair>;

fn printed_latency(line: &str) -> f64 {
    let mut seconds = line.split(' ').map(|field| field.parse::<f64>().unwrap());
    (seconds.next().unwrap() + seconds.next().unwrap()) * 1e3
}

fn replications(prepared: &Prepared, jobs: u32) -> ByPair {
    let (mut scratch, mut replicate) = (Scratch::default(), Replicate::default());
    let mut pairs = ByPair::new();
    for seed in SEEDS {
        prepared.replicate_into(
            seed,
            jobs,
            &AllocPolicy::ALL,
            &ExecPolicy::PAPER,
            &mut scratch,
            &mut replicate,
        );
        let names = RowNames {
            network: "iiot",
            topology: 0,
        };
        for (run, row) in replicate.runs.iter().zip(replicate.seed_rows(prepared, names)) {
            let pair = pairs.entry((run.alloc, run.exec)).or_default();
            pair.seeds.push(row);
            let mut text = String::new();
            write_samples(&run.samples, &mut text);
            let latencies = text.lines().map(printed_latency);
            pair.latencies.extend(latencies);
        }
    }
    for pair in pairs.values_mut() {
        pair.latencies.sort_unstable_by(f64::total_cmp);
    }
    pairs
}

#[test]
fn traffic_and_latency_are_those_of_the_reference() {
    let (Some(network), Some(trace), Some(tables)) = (
        support::network("iiot"),
        support::trace(),
        support::golden("paper-tables.md"),
    ) else {
        return;
    };
    let tables = std::fs::read_to_string(tables).unwrap();
    let prepared = Prepared::new(&network, &trace, &Options::paper()).unwrap();
    let traffic = rows(&tables, "## Traffic per chain in MB, iiot");
    let mut compared = 0;
    for (column, jobs) in [(2, 100), (6, 500)] {
        let pairs = replications(&prepared, jobs);
        for row in &traffic[1..] {
            let pair = (row[0].parse().unwrap(), policy(row[1]));
            let megabytes = mean(&pairs[&pair].seeds, |seed| {
                seed.total.traffic().as_f64() / seed.jobs as f64 / 1e6
            });
            assert_eq!(
                format!("{megabytes:.3}"),
                mean_of(row[column]),
                "traffic, {pair:?}, {jobs} jobs"
            );
            compared += 1;
        }
        if jobs == 500 {
            for alloc in AllocPolicy::ALL {
                compared += latencies(&tables, alloc, &pairs);
            }
            compared += chains(&tables, &pairs);
        }
    }
    assert_eq!(compared, 2 * 8 + 2 * 4 * 11 + 18 * 4);
}

/// Figure 5. Returns how many cells were compared.
fn latencies(tables: &str, alloc: AllocPolicy, pairs: &ByPair) -> usize {
    let table = rows(
        tables,
        &format!("## Total latency (proc+net) in ms, iiot, {alloc}"),
    );
    let head = &table[0];
    for row in &table[1..] {
        let Pair { seeds, latencies } = &pairs[&(alloc, policy(row[0]))];
        let jobs = latencies.len();
        let pooled = |part: fn(&SeedRow) -> f64| seeds.iter().map(part).sum::<f64>() * 1e3 / jobs as f64;
        for (name, cell) in head.iter().zip(row).skip(1) {
            let found = match *name {
                "n" => jobs.to_string(),
                "mean" => {
                    let per_job = |seed: &SeedRow| seed.total.latency().as_millis() / seed.jobs as f64;
                    format!("{:.2}", mean(seeds, per_job))
                }
                "max" => format!("{:.0}", latencies[jobs - 1]),
                "mean proc" => format!("{:.2}", pooled(|seed| seed.total.processing.0)),
                "mean net" => format!("{:.2}", pooled(|seed| seed.total.network().0)),
                quantile => {
                    let q: f64 = quantile.trim_start_matches('q').parse().unwrap();
                    format!("{:.2}", latencies[(jobs as f64 * q) as usize])
                }
            };
            assert_eq!(found, mean_of(cell), "{name}, {alloc}, {}", row[0]);
        }
    }
    (table.len() - 1) * (head.len() - 2)
}

/// Figure 6. Returns how many cells were compared.
fn chains(tables: &str, pairs: &ByPair) -> usize {
    let table = rows(
        tables,
        "## Mean network latency in ms per chain length, iiot, ProcNet, 500 jobs",
    );
    for row in &table[1..] {
        let steps: u32 = row[0].parse().unwrap();
        for column in 2..6 {
            let seeds = &pairs[&(AllocPolicy::ProcNet, policy(table[0][column]))].seeds;
            let groups = seeds.iter().flat_map(|seed| &seed.by_steps);
            let (jobs, network) = groups
                .filter(|group| group.steps == steps)
                .fold((0, 0.0), |(jobs, network), group| {
                    (jobs + group.jobs, network + group.total.network().as_millis())
                });
            assert_eq!(jobs.to_string(), row[1], "chains of {steps}");
            let found = format!("{:.1}", network / jobs as f64);
            assert_eq!(
                found,
                mean_of(row[column]),
                "chains of {steps}, {}",
                table[0][column]
            );
        }
    }
    (table.len() - 1) * 4
}
