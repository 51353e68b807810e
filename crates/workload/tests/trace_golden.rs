//! The real hour of the Alibaba trace, as Spår writes it, against what the study of the reference measured.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fogline_core::model::{FunctionId, Workflow};
use fogline_workload::trace::marginals::REFERENCE;
use fogline_workload::trace::{Marginals, Scale, Trace, Transformation, spar, workflow};

/// The golden trace; `None`, with a message, where it is not there and need not be.
#[expect(clippy::print_stderr, reason = "says that the tests were skipped, and why")]
fn golden() -> Option<Trace> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/tasks/batch_task.csv");
    if !path.exists() {
        let missing = format!("the golden trace is missing: {}", path.display());
        assert!(std::env::var_os("CI").is_none(), "{missing}");
        eprintln!("skipped: {missing}");
        return None;
    }
    Some(spar::read(&path).expect("the golden trace is valid"))
}

fn pool(trace: &Trace, transformation: Transformation) -> Vec<Workflow> {
    let scale = Scale::default();
    let jobs = trace.jobs.iter();
    jobs.filter_map(|job| workflow(job, transformation, &scale, |_| FunctionId(0)))
        .collect()
}

#[test]
fn the_real_hour_is_read_completely() {
    let Some(trace) = golden() else { return };
    assert_eq!(trace.jobs.len(), 15_478);
    assert_eq!(trace.left_out.independent_jobs, 1_271);
    assert_eq!(trace.left_out.independent_tasks, 2_774);
    let tasks: usize = trace.jobs.iter().map(|job| job.tasks.len()).sum();
    assert_eq!(tasks + 2_774, 67_634);
    assert!(trace.jobs.iter().all(|job| job.independent == 0));
}

#[test]
fn the_pool_of_stateful_jobs_is_the_reference_s() {
    let Some(trace) = golden() else { return };
    for transformation in Transformation::ALL {
        let pool = pool(&trace, transformation);
        assert_eq!(pool.len(), 4_788, "{transformation}");
        assert_eq!(pool.iter().map(|w| w.steps().len()).sum::<usize>(), 17_769);
        assert_eq!(pool.iter().map(|w| w.states().len()).sum::<usize>(), 10_283);

        let mut lengths = BTreeMap::new();
        for workflow in &pool {
            *lengths.entry(workflow.steps().len()).or_insert(0) += 1;
        }
        let expected = [
            (2, 1092),
            (3, 1504),
            (4, 1103),
            (5, 548),
            (6, 255),
            (7, 151),
            (8, 68),
            (9, 27),
            (10, 9),
            (11, 8),
            (12, 3),
            (13, 6),
            (14, 6),
            (16, 1),
            (19, 1),
            (21, 2),
            (22, 2),
            (25, 2),
        ];
        assert_eq!(
            lengths.into_iter().collect::<Vec<_>>(),
            expected,
            "{transformation}"
        );
    }
}

#[test]
fn sizes_have_the_reference_s_means() {
    let Some(trace) = golden() else { return };
    let pool = pool(&trace, Transformation::Descendants);
    let mean = |sizes: Vec<f64>| sizes.iter().sum::<f64>() / sizes.len() as f64;
    let state = mean(
        pool.iter()
            .flat_map(|w| w.states().iter().map(|s| s.as_f64()))
            .collect(),
    );
    let argument = mean(
        pool.iter()
            .flat_map(|w| w.steps().iter().map(|s| s.input.as_f64()))
            .collect(),
    );
    assert!((state - 0.342e6).abs() < 500.0, "{state}");
    assert!((argument - 0.366e6).abs() < 500.0, "{argument}");
}

#[test]
fn both_transformations_only_differ_in_order_and_edges() {
    let Some(trace) = golden() else { return };
    let (chains, dags) = (
        pool(&trace, Transformation::Descendants),
        pool(&trace, Transformation::Dag),
    );
    for (chain, dag) in chains.iter().zip(&dags) {
        let mut steps = [chain, dag].map(|w| {
            let steps = w.steps().iter();
            steps
                .map(|s| (s.operations, s.input, s.states.clone()))
                .collect::<Vec<_>>()
        });
        steps.iter_mut().for_each(|steps| steps.sort());
        assert_eq!(steps[0], steps[1]);
        assert_eq!(chain.states(), dag.states());
        assert_eq!(chain.result(), dag.result());
        assert_eq!(chain.steps()[0].input, dag.steps()[0].input);
    }
}

#[test]
fn the_figures_of_the_reference_are_those_of_the_real_hour() {
    let Some(trace) = golden() else { return };
    let rows = Marginals::of(&trace).rows();
    assert_eq!(rows.len(), REFERENCE.len());
    for ((name, value), (reference_name, reference)) in rows.iter().zip(REFERENCE) {
        assert_eq!(name, reference_name);
        let value = value.expect(name);
        // Three digits.
        assert!(
            (value - reference).abs() <= 0.005 * value.abs(),
            "{name}: {value}, not {reference}"
        );
    }
}
