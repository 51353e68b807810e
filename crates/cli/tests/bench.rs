//! `fogline bench` against a node of its own.

use assert_cmd::Command;
use serde_json::Value;

fn bench(args: &[&str]) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let mut command = Command::cargo_bin("fogline").expect("the command is built");
    command.args([
        "bench",
        "--local",
        "--for",
        "300ms",
        "--warm-up",
        "100ms",
        "--connections",
        "2",
        "-o",
        "json",
    ]);
    let output = command
        .args(args)
        .current_dir(folder.path())
        .assert()
        .success()
        .get_output()
        .stdout
        .clone();
    // The node's folder goes with it.
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("it can be read").count(),
        0
    );
    let found: Value = serde_json::from_slice(&output).expect("it is JSON");
    found["rows"].as_array().expect("it is a list").clone()
}

#[test]
fn the_four_models_stand_side_by_side_with_latencies() {
    let rows = bench(&[]);
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["no state", "external", "in-edge", "in-function", "in-client"]
    );
    for row in rows {
        assert_eq!(
            (row["failed"].as_u64(), row["connections"].as_u64()),
            (Some(0), Some(2)),
            "{row}"
        );
        let at = |key: &str| row[key].as_f64().unwrap();
        assert!(at("requests") > 0.0 && at("latency_us_p50") > 1.0, "{row}");
        assert!(
            at("latency_us_p50") <= at("latency_us_p99") && at("latency_us_p99") <= at("latency_us_max"),
            "{row}"
        );
    }
}

#[test]
fn an_open_loop_sends_at_its_rate() {
    let rows = bench(&["--rate", "100", "--model", "in-function", "--in-memory"]);
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!(row["due_per_second"], 100.0, "{row}");
        let requests = row["requests"].as_u64().unwrap();
        assert!((29..=31).contains(&requests), "{row}");
    }
}
