//! StateSim's own output, byte for byte.

mod support;

use fogline_sim::compat::{
    AllocPolicy, ExecPolicy, Options, Prepared, job_file_name, node_file_name, write_loads, write_samples,
};

#[test]
fn every_golden_file_comes_out_byte_for_byte() {
    let (Some(network), Some(trace), Some(raw)) = (
        support::network("iiot"),
        support::trace(),
        support::golden("raw/net=iiot.jobs=100"),
    ) else {
        return;
    };
    let prepared = Prepared::new(&network, &trace, &Options::paper()).unwrap();
    assert_eq!(prepared.pool_size(), 4788);
    let mut compared = 0;
    for seed in 1..=5 {
        let replicate = prepared.replicate(seed, 100, &AllocPolicy::ALL, &ExecPolicy::PAPER);
        for run in &replicate.runs {
            let mut jobs = String::new();
            write_samples(&run.samples, &mut jobs);
            let mut nodes = String::new();
            write_loads(replicate.loads_of(run.alloc), &mut nodes);
            for (name, text) in [
                (job_file_name(run.alloc, run.exec, seed), jobs),
                (node_file_name(run.alloc, run.exec, seed), nodes),
            ] {
                let expected = std::fs::read_to_string(raw.join(&name)).unwrap();
                assert!(
                    text == expected,
                    "{name} differs:\n{}",
                    first_difference(&text, &expected)
                );
                compared += 1;
            }
        }
    }
    let there = std::fs::read_dir(&raw).unwrap().count();
    assert_eq!(compared, there, "files compared, and files that are there");
}

fn first_difference(text: &str, expected: &str) -> String {
    let lines = text.lines().zip(expected.lines()).enumerate();
    let different = lines.into_iter().find(|(_, (a, b))| a != b);
    format!(
        "{different:?}, {} and {} lines",
        text.lines().count(),
        expected.lines().count()
    )
}
