//! The whole of the paper's simulation in compat mode: 2 networks, 5 loads, 200 replications, 2 allocation
//! and 4 execution policies, without reading and writing files. One thread, processor time.
//!
//! `cargo bench -p fogline-sim --bench compat`, where the golden files are.

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::time::Instant;

use fogline_core::network::Network;
use fogline_sim::compat::{AllocPolicy, ExecPolicy, Options, Prepared, Replicate, RowNames, Scratch};
use fogline_workload::trace::Trace;

const LOADS: [u32; 5] = [100, 200, 300, 400, 500];
const SEEDS: std::ops::RangeInclusive<u64> = 1..=200;

/// Seconds of processor time.
#[derive(Default)]
struct Spent {
    preparing: f64,
    replicating: f64,
    reducing: f64,
    evaluations: usize,
}

#[expect(clippy::print_stdout, reason = "figures are data")]
fn main() {
    let (Some(trace), Some(iiot), Some(urban)) = (
        support::trace(),
        support::network("iiot"),
        support::network("urban_sensing"),
    ) else {
        return;
    };
    let inputs = peak_kib();
    let mut spent = Spent::default();
    for network in [&iiot, &urban] {
        simulate(network, &trace, &mut spent);
    }
    println!("evaluations    {:>9}", spent.evaluations);
    println!("preparing      {:>9.3} s", spent.preparing);
    println!("replicating    {:>9.3} s", spent.replicating);
    println!("rows per seed  {:>9.3} s", spent.reducing);
    println!(
        "peak memory    {:>9} KiB, {inputs} of them for the inputs",
        peak_kib()
    );
}

fn simulate(network: &Network, trace: &Trace, spent: &mut Spent) {
    let start = seconds();
    let prepared =
        Prepared::new(network, trace, &Options::paper()).expect("the golden network can be simulated");
    spent.preparing += seconds() - start;
    let (mut scratch, mut replicate) = (Scratch::default(), Replicate::default());
    let mut replicates = |spent: &mut Spent, rows: bool| {
        for jobs in LOADS {
            for seed in SEEDS {
                let policies = (&AllocPolicy::ALL, &ExecPolicy::PAPER);
                prepared.replicate_into(seed, jobs, policies.0, policies.1, &mut scratch, &mut replicate);
                if rows {
                    let names = RowNames {
                        network: "n",
                        topology: 0,
                    };
                    black_box(replicate.seed_rows(&prepared, names));
                } else {
                    let samples = replicate.runs.iter().map(|run| run.samples.len());
                    spent.evaluations += samples.sum::<usize>();
                }
            }
        }
    };
    let start = seconds();
    replicates(spent, false);
    let alone = seconds() - start;
    replicates(spent, true);
    spent.replicating += alone;
    spent.reducing += (seconds() - start - 2.0 * alone).max(0.0);
}

/// Processor time of the process where Linux tells, or else time on the wall.
fn seconds() -> f64 {
    thread_local!(static START: Instant = Instant::now());
    let nanoseconds = std::fs::read_to_string("/proc/self/schedstat")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| START.with(Instant::elapsed).as_secs_f64(), |ns| ns / 1e9)
}

/// Peak memory of the process where Linux tells, or else 0.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok())
        .unwrap_or(0)
}
