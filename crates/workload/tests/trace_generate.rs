//! The generated trace: what it promises, and how close it is to the reference.

use fogline_core::model::Seconds;
use fogline_workload::trace::generate::{Generator, GeneratorParams, Length, generate};
use fogline_workload::trace::marginals::REFERENCE;
use fogline_workload::trace::{Marginals, Trace, spar};
use proptest::prelude::*;

fn params(seed: u64, length: Length) -> GeneratorParams {
    GeneratorParams {
        seed,
        replication: 0,
        length,
    }
}

fn jobs(seed: u64, jobs: u64) -> Trace {
    generate(&params(seed, Length::Jobs(jobs)))
}

#[test]
fn a_longer_trace_begins_with_the_shorter_one() {
    let long = jobs(5, 3_000);
    assert_eq!(long.jobs[..1_000], jobs(5, 1_000).jobs);
    let until = Seconds(300.0);
    let timed = generate(&params(5, Length::Duration(until)));
    let count = long.jobs.iter().filter(|job| job.arrival < until).count();
    assert!(count < 3_000);
    assert_eq!(timed.jobs, long.jobs[..count]);
}

#[test]
fn seed_and_replication_each_give_another_trace() {
    let one = jobs(1, 100);
    assert_ne!(one, jobs(2, 100));
    let other = GeneratorParams {
        replication: 1,
        ..params(1, Length::Jobs(100))
    };
    assert_ne!(one, generate(&other));
}

#[test]
fn jobs_arrive_in_order_and_have_the_largest_size_that_is_promised() {
    let trace = jobs(3, 50_000);
    assert!(trace.jobs.is_sorted_by(|a, b| a.arrival <= b.arrival));
    let most = trace.jobs.iter().map(|job| job.tasks.len()).max();
    assert!(most > Some(40) && most <= Some(199), "{most:?}");
}

/// How far a marginal may be off, as a factor of the reference; wide where a few jobs of the reference hour
/// decide the figure.
const MARGINS: [(&str, f64); 26] = [
    ("arrivals: jobs per s", 0.1),
    ("arrivals: dispersion per s", 0.15),
    ("arrivals: cv per minute", 0.15),
    ("tasks per job %: 1", 0.05),
    ("tasks per job %: 3", 0.05),
    ("tasks per job %: more", 0.05),
    ("depth %: 1", 0.05),
    ("depth %: 2", 0.1),
    ("depth %: 3", 0.1),
    ("depth %: 5", 0.15),
    ("shape %: single", 0.05),
    ("shape %: chain", 0.05),
    ("shape %: independent", 0.15),
    ("shape %: other", 0.05),
    ("parents per task %: 0", 0.05),
    ("duration s: mean", 0.1),
    ("duration s: q0.5", 0.15),
    ("duration s: q0.9", 0.15),
    ("duration s: q0.99", 0.2),
    ("cpu: mean", 0.05),
    ("memory: mean", 0.05),
    ("instances: mean", 0.15),
    ("within-job correlation of log duration", 0.05),
    ("correlation of cpu and memory", 0.1),
    ("stateful jobs %", 0.05),
    ("steps: mean", 0.1),
];

#[test]
fn the_marginals_are_those_of_the_reference() {
    let rows = Marginals::of(&jobs(1, 100_000)).rows();
    let value = |name: &str| rows.iter().find(|(row, _)| row == name).and_then(|row| row.1);
    for (name, margin) in MARGINS {
        let reference = REFERENCE.iter().find(|(row, _)| *row == name).expect(name).1;
        let generated = value(name).expect(name);
        assert!(
            (generated / reference - 1.0).abs() < margin,
            "{name}: {generated}, reference {reference}"
        );
    }
}

#[test]
fn every_row_of_the_reference_is_a_marginal() {
    let rows = Marginals::of(&jobs(1, 1_000)).rows();
    for (name, _) in REFERENCE {
        assert!(rows.iter().any(|(row, _)| row == name), "{name}");
    }
}

proptest! {
    #[test]
    fn what_is_generated_and_written_is_read_back(seed: u64, count in 1..50_u64) {
        let trace = jobs(seed, count);
        let mut file = Vec::new();
        spar::write(&trace.jobs, &mut file).expect("memory takes it");
        // The reader checks that the tasks are a DAG.
        let back = spar::parse(file.as_slice(), "generated").expect("a valid trace");
        prop_assert_eq!(back, trace);
    }

    #[test]
    fn the_generator_gives_as_many_jobs_as_asked_for(seed: u64, count in 0..30_u64) {
        let generator = Generator::new(&params(seed, Length::Jobs(count)));
        prop_assert_eq!(generator.count() as u64, count);
    }
}
