//! Studies, from the command line to the files.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use tempfile::TempDir;

/// Small, but with all there is: both modes, a random factor, all models and policies, both formats.
const SCENARIO: &str = r#"
name = "small"
networks = [{ name = "iiot", generate = "industrial-iot" }, { name = "urban", generate = "urban-sensing", cells = 2 }]

[workload]
generated = { jobs = 1500, seed = 7 }
jobs = [15, 40]

[run]
modes = ["compat", "corrected"]
models = ["external", "in-edge", "in-function", "in-client", "pure-faas", "state-propagate", "state-local"]
replications = 6
topologies = 2

[output]
formats = ["parquet", "csv"]
"#;

fn fogline(folder: &Path, arguments: &[&str]) -> Output {
    Command::cargo_bin("fogline")
        .unwrap()
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap()
}

fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = fogline(folder, arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn fails(folder: &Path, code: i32, arguments: &[&str]) -> String {
    let output = fogline(folder, arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    said
}

fn folder_with(scenario: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("s.toml"), scenario).unwrap();
    folder
}

/// All files below a folder but the report and the manifest, which name the command.
fn results(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for mode in ["compat", "corrected"] {
        for entry in std::fs::read_dir(folder.join(mode)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            files.insert(name, std::fs::read(path).unwrap());
        }
    }
    files
}

fn assert_same(one: &BTreeMap<String, Vec<u8>>, other: &BTreeMap<String, Vec<u8>>) {
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(one), names(other));
    for (name, bytes) in one {
        assert!(bytes == &other[name], "{name} differs");
    }
}

#[test]
fn results_depend_on_neither_threads_nor_shards() {
    let folder = folder_with(SCENARIO);
    let here = folder.path();
    succeeds(here, &["sim", "run", "s.toml", "--out", "one", "--threads", "1"]);
    succeeds(here, &["sim", "run", "s.toml", "--out", "many", "--threads", "3"]);
    let whole = results(&here.join("one"));
    assert!(whole.contains_key("corrected/seeds.parquet") && whole.contains_key("compat/figure-6.png"));
    assert_same(&whole, &results(&here.join("many")));

    let mut shards = Vec::new();
    for shard in [3, 1, 2] {
        succeeds(
            here,
            &[
                "sim",
                "run",
                "s.toml",
                "--out",
                "shards",
                "--shard",
                &format!("{shard}/3"),
            ],
        );
        for mode in ["corrected", "compat"] {
            shards.push(format!("shards/{mode}-shard-{shard}-of-3.parquet"));
        }
    }
    let shards: Vec<&str> = shards.iter().map(String::as_str).collect();
    succeeds(
        here,
        &[&["sim", "merge", "--out", "merged"], shards.as_slice()].concat(),
    );
    assert_same(&whole, &results(&here.join("merged")));

    let said = fails(
        here,
        2,
        &[&["sim", "merge", "--out", "part"], &shards[1..]].concat(),
    );
    assert!(said.contains("missing") && said.contains("hint:"), "{said}");
    let said = fails(
        here,
        2,
        &[
            &["sim", "merge", "--out", "part"],
            shards.as_slice(),
            &shards[..1],
        ]
        .concat(),
    );
    assert!(said.contains("twice"), "{said}");
    assert!(!here.join("part").exists());
}

#[test]
fn a_rerun_is_identical_or_says_what_differs() {
    let folder = folder_with(&SCENARIO.replace("[\"compat\", \"corrected\"]", "[\"corrected\"]"));
    let here = folder.path();
    succeeds(
        here,
        &["sim", "run", "s.toml", "--set", "transfer=store-and-forward"],
    );
    let said = succeeds(here, &["sim", "rerun", "out/manifest.json"]);
    assert!(said.starts_with("identical"), "{said}");

    let manifest = here.join("out/manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(
        &manifest,
        text.replace(
            "transfer = \\\"store-and-forward\\\"",
            "transfer = \\\"bottleneck\\\"",
        ),
    )
    .unwrap();
    let said = fails(here, 3, &["sim", "rerun", "out/manifest.json"]);
    assert!(
        said.contains("corrected/seeds.parquet") && said.contains("hint:"),
        "{said}"
    );

    std::fs::write(&manifest, "{").unwrap();
    assert!(fails(here, 2, &["sim", "rerun", "out/manifest.json"]).contains("manifest.json:1:"));
}

#[test]
fn a_sequential_run_goes_on_until_the_error_is_small() {
    let text = SCENARIO
        .replace("[\"compat\", \"corrected\"]", "[\"corrected\"]")
        .replace("topologies = 2", "topologies = 1")
        .replace("jobs = [15, 40]", "jobs = [40]");
    let folder = folder_with(&text);
    let run = |error| {
        let json = succeeds(
            folder.path(),
            &[
                "sim",
                "run",
                "s.toml",
                "--until-relative-error",
                error,
                "-o",
                "json",
            ],
        );
        let conclusions: serde_json::Value = serde_json::from_str(&json).unwrap();
        let conditions = conclusions["modes"]["corrected"]["conditions"]
            .as_array()
            .unwrap()
            .clone();
        conditions
            .iter()
            .map(|found| found["replications"].as_u64().unwrap_or(0))
            .max()
            .unwrap()
    };
    let (rough, fine) = (run("30%"), run("6%"));
    assert!(rough >= 6 && fine > rough, "{rough} {fine}");
    let said = fails(
        folder.path(),
        2,
        &[
            "sim",
            "run",
            "s.toml",
            "--until-relative-error",
            "1%",
            "--shard",
            "1/2",
        ],
    );
    assert!(said.contains("--shard") && said.contains("hint:"), "{said}");
    let said = fails(
        folder.path(),
        2,
        &[
            "sim",
            "run",
            "s.toml",
            "--until-relative-error",
            "1%",
            "--topologies",
            "3",
        ],
    );
    assert!(said.contains("topologies"), "{said}");
}

#[test]
fn the_terms_of_an_explained_job_add_up() {
    let folder = folder_with(SCENARIO);
    for model in [
        "external",
        "in-edge",
        "in-function",
        "in-client",
        "pure-faas",
        "state-propagate",
        "state-local",
    ] {
        for job in ["0", "7"] {
            let json = succeeds(
                folder.path(),
                &["sim", "explain", job, "s.toml", "--model", model, "-o", "json"],
            );
            let sum: serde_json::Value = serde_json::from_str(&json).unwrap();
            let number = |value: &serde_json::Value| value.as_f64().unwrap();
            let steps = sum["steps"].as_array().unwrap();
            let mut traffic = 0.0;
            for step in steps {
                let terms = step["terms"].as_array().unwrap();
                let time: f64 = terms.iter().map(|term| number(&term["milliseconds"])).sum();
                assert!((time - number(&step["milliseconds"])).abs() < 1e-6);
                traffic += terms
                    .iter()
                    .map(|term| number(&term["traffic_bytes"]))
                    .sum::<f64>();
            }
            assert_eq!(traffic, number(&sum["traffic_bytes"]));
            let last = sum["critical_path"]
                .as_array()
                .unwrap()
                .last()
                .unwrap()
                .as_u64()
                .unwrap() as usize;
            let latency = number(&sum["latency_milliseconds"]);
            assert!((number(&steps[last]["finished_after_milliseconds"]) - latency).abs() < 1e-6);
            let parts = number(&sum["processing_milliseconds"]) + number(&sum["network_milliseconds"]);
            assert!((parts - latency).abs() < 1e-6);
        }
    }
    assert!(fails(folder.path(), 2, &["sim", "explain", "j_none", "s.toml"]).contains("hint:"));
}

#[test]
fn no_policy_is_better_than_the_best_there_could_be() {
    let folder = folder_with(&SCENARIO.replace("jobs = [15, 40]", "jobs = [1, 40]"));
    for load in ["1", "40"] {
        let json = succeeds(
            folder.path(),
            &["sim", "gap", "s.toml", "--load", load, "-o", "json"],
        );
        let rows: serde_json::Value = serde_json::from_str(&json).unwrap();
        for row in rows.as_array().unwrap() {
            assert!(row["gap_percent"].as_f64().unwrap() >= -1e-9, "{row}");
        }
    }
}

#[test]
fn an_ablation_has_a_row_for_every_deviation() {
    let text = SCENARIO
        .replace("[15, 40]", "[40]")
        .replace("replications = 6", "replications = 2");
    let folder = folder_with(&text.replace("topologies = 2", "topologies = 1"));
    for from in ["corrected", "reference"] {
        let json = succeeds(
            folder.path(),
            &["sim", "ablate", "s.toml", "--from", from, "-o", "json"],
        );
        let ablation: serde_json::Value = serde_json::from_str(&json).unwrap();
        let rows = ablation["rows"].as_array().unwrap();
        let names: Vec<&str> = rows.iter().map(|row| row["switch"].as_str().unwrap()).collect();
        for switch in [
            "allocation",
            "speeds",
            "workers",
            "state-access",
            "external-traffic",
            "latencies",
            "paths",
            "job-count",
            "random",
            "access",
            "transfer",
        ] {
            assert!(names.contains(&switch), "{from}: {switch} is not among {names:?}");
        }
        assert!(succeeds(folder.path(), &["sim", "ablate", "s.toml", "--from", from]).contains("statements"));
    }
}

#[test]
fn bad_scenarios_are_refused_with_place_and_hint_and_nothing_is_written() {
    let cases = [
        (
            SCENARIO.replace("replications", "replicatons"),
            "s.toml:12:",
            "unknown field",
        ),
        (SCENARIO.replace("[15, 40]", "[15, 0]"), "s.toml:7:", "zero"),
        (SCENARIO.replace("[15, 40]", "[]"), "s.toml:7:", "load"),
        (
            SCENARIO.replace("\"external\"", "\"outer\""),
            "s.toml:11:",
            "outer",
        ),
        (
            SCENARIO.replace("cells = 2", "premises = 2"),
            "s.toml:3:",
            "kind does not take",
        ),
        (
            SCENARIO.replace("generate = \"industrial-iot\"", "file = \"none.toml\""),
            "none.toml",
            "hint",
        ),
        (
            SCENARIO.replace("[output]", "[switches]\ntransfer = \"magic\"\n[output]"),
            "s.toml:16:",
            "magic",
        ),
        (
            SCENARIO.replace("name = \"small\"", "name = "),
            "s.toml:2:",
            "hint",
        ),
        (
            SCENARIO.replace("generated = { jobs = 1500, seed = 7 }", "trace = \"none.csv\""),
            "none.csv",
            "hint",
        ),
    ];
    for (text, place, problem) in cases {
        let folder = folder_with(&text);
        let said = fails(folder.path(), 2, &["sim", "run", "s.toml"]);
        assert!(
            said.contains(place) && said.contains(problem) && said.contains("hint:"),
            "{place}: {said}"
        );
        assert!(
            !folder.path().join("out").exists(),
            "{place}: something was written"
        );
    }
}

#[test]
fn the_first_page_of_help_names_every_command() {
    let folder = tempfile::tempdir().unwrap();
    insta::assert_snapshot!(succeeds(folder.path(), &["--help"]));
    insta::assert_snapshot!(succeeds(folder.path(), &["sim", "--help"]));
}

#[test]
fn what_people_read_stays_as_it_is() {
    let folder = folder_with(SCENARIO);
    let here = folder.path();
    insta::assert_snapshot!(
        "explain",
        succeeds(here, &["sim", "explain", "3", "s.toml", "--model", "external"])
    );
    insta::assert_snapshot!("gap", succeeds(here, &["sim", "gap", "s.toml", "--load", "15"]));
    succeeds(here, &["network", "generate", "iiot", "--out", "n.toml"]);
    insta::assert_snapshot!("network", succeeds(here, &["network", "describe", "n.toml"]));
    succeeds(here, &["workload", "generate", "--jobs", "500", "--out", "t.csv"]);
    insta::assert_snapshot!("workload", succeeds(here, &["workload", "describe", "t.csv"]));
}
