//! The commands against a network, without one: their help, and what they say when it is not there.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use fogline_core::dispatch::{CandidateRecord, DecisionRecord, LoggedDecision};
use fogline_core::model::{Seconds, Timestamp};
use fogline_core::policy::Placement;
use fogline_core::telemetry::FunctionKey;
use tempfile::TempDir;

fn fogline(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::cargo_bin("fogline").unwrap();
    command
        .env_remove("FOGLINE_URL")
        .env_remove("FOGLINE_TOKEN")
        .env("XDG_STATE_HOME", folder.join("state"));
    command.current_dir(folder).args(arguments).output().unwrap()
}

/// What a command says on stderr, with the folder's name left out.
fn fails(folder: &TempDir, code: i32, arguments: &[&str]) -> String {
    let output = fogline(folder.path(), arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    said.replace(&folder.path().display().to_string(), "[FOLDER]")
}

fn help(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = fogline(folder.path(), &[arguments, &["--help"]].concat());
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Says, as `fogline up` does, that a network is at this address.
fn up_at(folder: &TempDir, url: &str) {
    let state = folder.path().join("state/fogline");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::write(
        state.join("up.json"),
        format!("{{\"url\": \"{url}\", \"token\": null}}"),
    )
    .unwrap();
}

/// An address at which nobody listens.
fn nowhere() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

const SESSION: &str = "edge-1_e_aaaaaaaaaaaaaaaaaaaaaaaaaa";

#[test]
fn help_says_what_each_command_takes() {
    for command in [
        "new", "build", "deploy", "invoke", "get", "describe", "delete", "logs", "state",
    ] {
        insta::assert_snapshot!(format!("help_{command}"), help(&[command]));
    }
    for command in ["ls", "get", "put", "rm", "convert"] {
        insta::assert_snapshot!(format!("help_state_{command}"), help(&["state", command]));
    }
}

#[test]
fn without_a_network_every_command_says_how_to_start_one() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["get", "apps"][..],
        &["get", "sessions", "shop"],
        &["invoke", "shop", "add"],
        &["describe", "shop"],
        &["delete", "shop"],
        &["logs", "shop"],
        &["state", "ls", SESSION],
        &["state", "convert", "--to", "in-edge", SESSION],
    ] {
        assert_eq!(
            fails(&folder, 1, arguments),
            "error: no network runs on this machine\nhint: start one with `fogline up`, or name one with --url\n"
        );
    }
}

#[test]
fn a_network_that_has_ended_is_said_to_have() {
    let folder = tempfile::tempdir().unwrap();
    let url = nowhere();
    up_at(&folder, &url);
    let said = fails(&folder, 1, &["get", "apps"]);
    assert!(
        said.starts_with(&format!(
            "error: the network that ran on this machine at {url} has ended\nhint:"
        )),
        "{said}"
    );
}

#[test]
fn a_network_that_is_named_comes_before_the_one_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    up_at(&folder, "http://127.0.0.1:1");
    let url = nowhere();
    let said = fails(&folder, 1, &["get", "apps", "--url", &url]);
    assert!(said.starts_with(&format!("error: reaching {url}: ")), "{said}");
    assert!(
        said.ends_with("hint: check that a node runs there, and its address\n"),
        "{said}"
    );
}

#[test]
fn what_is_no_address_model_or_session_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let said = fails(&folder, 2, &["get", "apps", "--url", "127.0.0.1:80"]);
    assert!(said.contains("hint: write it as http://HOST:PORT"), "{said}");
    let said = fails(&folder, 2, &["state", "convert", "--to", "in-cloud", SESSION]);
    assert!(said.contains("unknown execution model \"in-cloud\""), "{said}");
    let said = fails(&folder, 2, &["state", "ls", "nonsense"]);
    assert!(said.contains("NODE_PARTS_RANDOM"), "{said}");
    let said = fails(&folder, 2, &["describe", "Not_a_name"]);
    assert!(said.contains("is not a name"), "{said}");
}

#[test]
fn mistakes_in_a_manifest_are_told_with_their_place_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let said = fails(&folder, 2, &["deploy"]);
    assert!(said.contains("fogline.toml") && said.contains("hint:"), "{said}");
    let manifest = "fogline = 1\n[application]\nname = \"a\"\nversion = \"1\"\nmodel = \"in-edge\"\n\
         [functions.f]\ncomponent = \"f.wasm\"\nwrites = [\"gone\"]\n";
    std::fs::write(folder.path().join("fogline.toml"), manifest).unwrap();
    let said = fails(&folder, 2, &["deploy"]);
    assert!(
        said.contains("fogline.toml:8:") && said.contains("gone"),
        "{said}"
    );
    std::fs::write(
        folder.path().join("fogline.toml"),
        manifest.replace("writes = [\"gone\"]\n", ""),
    )
    .unwrap();
    let said = fails(&folder, 2, &["deploy"]);
    assert!(
        said.contains("reading ./f.wasm") && said.contains("fogline build"),
        "{said}"
    );
}

#[test]
fn a_new_project_is_made_once_and_is_there_to_be_deployed() {
    let folder = tempfile::tempdir().unwrap();
    let output = fogline(
        folder.path(),
        &["new", "words", "--runtime", "process", "-o", "json"],
    );
    assert!(output.status.success());
    let made: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(made, serde_json::json!({"name": "words", "folder": "words"}));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "next: fogline deploy words\n"
    );
    let said = fails(&folder, 2, &["new", "words"]);
    assert!(
        said.contains("hint: name a folder that does not exist yet"),
        "{said}"
    );
    // Its manifest and files are good: what is missing is a network.
    let said = fails(&folder, 1, &["deploy", "words"]);
    assert!(said.contains("no network runs"), "{said}");
}

/// A decision between two nodes, of which the second is faster.
fn decision() -> LoggedDecision {
    let candidate = |node: &str, ms: f64| CandidateRecord {
        node: node.parse().unwrap(),
        here: false,
        pending: 0,
        slots: 4,
        service: Seconds::from_millis(ms),
        ways: Vec::new(),
        answer: None,
        age: None,
        excluded: None,
    };
    let function = FunctionKey {
        tenant: "local".parse().unwrap(),
        app: "counter".parse().unwrap(),
        function: "add".parse().unwrap(),
    };
    let record = DecisionRecord {
        placement: Placement::LoadNet,
        function,
        draw: 0,
        turn: 0,
        legs: Vec::new(),
        candidates: vec![candidate("one", 3.0), candidate("two", 2.0)],
    };
    let mut decision = LoggedDecision {
        at_unix_ms: Timestamp(1),
        by: "one".parse().unwrap(),
        choice: None,
        record,
    };
    decision.choice = decision.again();
    decision
}

#[test]
fn a_log_is_replayed_and_the_line_that_was_changed_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let good = serde_json::to_string(&decision()).unwrap();
    let mut other = decision();
    other.choice.as_mut().unwrap().node = "one".parse().unwrap();
    let bad = serde_json::to_string(&other).unwrap();
    let path = folder.path().join("log");
    std::fs::write(&path, format!("{good}\n{good}\n")).unwrap();
    let output = fogline(folder.path(), &["replay", "log"]);
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "identical: all 2 decisions, bit for bit\n"
    );
    std::fs::write(&path, format!("{good}\n{bad}\n{good}\n")).unwrap();
    let said = fails(&folder, 3, &["replay", "log"]);
    assert!(
        said.contains("line 2: one at 2.000 ms, now two at 2.000 ms"),
        "{said}"
    );
    assert!(said.contains("1 of 3 decisions"), "{said}");
    std::fs::write(&path, format!("{good}\n{}", &good[..40])).unwrap();
    let said = fails(&folder, 2, &["replay", "log"]);
    assert!(said.contains("log:2:"), "{said}");
    let said = fails(&folder, 1, &["replay", "none"]);
    assert!(said.contains("reading none"), "{said}");
}
