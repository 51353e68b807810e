//! `fogline bench` against a node of its own.

use assert_cmd::Command;
use serde_json::Value;

fn bench(args: &[&str]) -> Vec<Value> {
    bench_within("", "2", args)
}

/// Within limits that a shell sets.
fn bench_within(limits: &str, connections: &str, args: &[&str]) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limits}exec \"$0\" \"$@\"")]);
    command.arg(assert_cmd::cargo::cargo_bin("fogline"));
    command.args([
        "bench",
        "--local",
        "--for",
        "300ms",
        "--warm-up",
        "100ms",
        "--connections",
        connections,
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

fn all_succeeded(rows: &[Value]) {
    assert!(!rows.is_empty());
    for row in rows {
        assert_eq!(row["failed"], 0, "{row}");
        assert!(row["requests"].as_u64() > Some(0), "{row}");
    }
}

/// The pool of workers wants terabytes of addresses, which containers and small boards do not have.
#[test]
fn a_node_does_with_the_addresses_that_there_are() {
    // In KiB: what the smallest pool wants is more.
    all_succeeded(&bench_within(
        "ulimit -v 16000000; ",
        "2",
        &["--model", "in-edge"],
    ));
}

#[test]
fn a_node_takes_more_connections_than_a_process_may_have_at_first() {
    all_succeeded(&bench_within(
        "ulimit -S -n 128; ",
        "300",
        &["--model", "in-edge"],
    ));
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
        assert_eq!(row["unsent"], 0, "{row}");
    }
}

#[test]
fn a_load_that_lasts_no_time_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_fogline"))
        .args(["bench", "--local", "--for", "0s"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("expected some time"), "{error}");
}

#[test]
fn what_no_clock_can_add_is_refused() {
    for option in ["--for", "--warm-up"] {
        let output = Command::new(env!("CARGO_BIN_EXE_fogline"))
            .args(["bench", "--local", option, "500000000000years"])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains("at most a day"), "{error}");
    }
}
