//! The whole of the paper's simulation in compat mode: 2 networks, 5 loads, 200 replications, 2 allocation
//! and 4 execution policies, without reading and writing files. One thread, processor time.
//!
//! `cargo bench -p fogline-sim --bench compat` where the golden files are.

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::Instant;

use fogline_sim::compat::{AllocPolicy, ExecPolicy, Options, Prepared, Replicate, RowNames, Scratch};

fn main() {
    let (Some(trace), Some(iiot), Some(urban)) = (
        support::trace(),
        support::network("iiot"),
        support::network("urban_sensing"),
    ) else {
        return;
    };
    let parsed = peak_kib();
    let mut scratch = Scratch::default();
    let mut replicate = Replicate::default();
    let (mut evaluations, mut checksum, mut total, mut rows_total) = (0usize, 0.0, 0.0, 0.0);
    for (name, network) in [("iiot", &iiot), ("urban_sensing", &urban)] {
        let start = seconds();
        let prepared = Prepared::new(network, &trace, &Options::paper()).unwrap();
        let mut spent = seconds() - start;
        println!("{name}: prepared in {spent:.4} s");
        for jobs in [100, 200, 300, 400, 500] {
            let start = seconds();
            for seed in 1..=200 {
                prepared.replicate_into(
                    seed,
                    jobs,
                    &AllocPolicy::ALL,
                    &ExecPolicy::PAPER,
                    &mut scratch,
                    &mut replicate,
                );
                for run in &replicate.runs {
                    evaluations += run.samples.len();
                    checksum += run.samples.last().map_or(0.0, |sample| sample.network);
                }
            }
            let here = seconds() - start;
            println!("{name}, {jobs} jobs: {here:.4} s");
            spent += here;
        }
        let start = seconds();
        for seed in 1..=20 {
            let replicate = prepared.replicate(seed, 500, &AllocPolicy::ALL, &ExecPolicy::PAPER);
            let before = seconds();
            checksum += replicate.seed_rows(RowNames {
                network: name,
                topology: 0,
            })[0]
                .total
                .processing
                .0;
            rows_total += seconds() - before;
        }
        let _ = start;
        total += spent;
    }
    println!("{evaluations} evaluations in {total:.3} s of processor time (checksum {checksum:.6})");
    println!("rows of 40 replications of 500 jobs: {rows_total:.4} s");
    println!(
        "peak memory {} KiB, of which {parsed} KiB before the first replication",
        peak_kib()
    );
}

/// Processor time of this thread, or else time on the wall.
fn seconds() -> f64 {
    thread_local!(static START: Instant = Instant::now());
    let nanoseconds = std::fs::read_to_string("/proc/self/schedstat")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| START.with(Instant::elapsed).as_secs_f64(), |ns| ns / 1e9)
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok())
        .unwrap_or(0)
}
