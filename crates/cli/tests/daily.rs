//! What the README's reader does every day, against `fogline up`: each command, for people and for programs.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::path::Path;

use fogline_build::Compiler;
use serde_json::Value;
use up::{Up, fogline};

#[path = "support/up.rs"]
mod up;

/// Runs a command in the folder of projects, for people; gives what it printed.
fn text(folder: &Path, arguments: &[&str]) -> String {
    let (done, printed, said) = fogline(folder, arguments);
    assert!(done, "{arguments:?}: {said}");
    printed
}

/// Runs a command for programs.
fn json(folder: &Path, arguments: &[&str]) -> Value {
    let printed = text(folder, &[arguments, &["-o", "json"]].concat());
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {printed}"))
}

#[test]
fn a_function_of_ones_own_is_made_used_and_looked_after() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let data = folder.join("data");
    let _up = Up::start(folder, data.to_str().unwrap());

    let made = json(folder, &["new", "hits", "--runtime", "process"]);
    assert!(made.is_object(), "{made}");
    json(folder, &["build", "hits"]);
    let deployed = json(folder, &["deploy", "hits"]);
    assert_eq!(deployed["name"], "hits");
    assert_eq!(
        text(folder, &["invoke", "hits", "--input", "a"]).trim(),
        r#"{"a": 1}"#
    );
    let invoked = json(folder, &["invoke", "hits", "--input", "a"]);
    let output = invoked["output"].as_str().unwrap();
    assert_eq!(output, r#"{"a": 2}"#, "the session keeps what it has counted");
    let session = invoked["session"].as_str().unwrap();
    for who in ["node", "hops", "client"] {
        let invoked = json(folder, &["invoke", "hits", "--input", " ", "--run-by", who]);
        let run = invoked["run"].as_str().unwrap_or_default();
        assert_eq!(run.len(), 32, "{who}: {invoked}");
    }

    let apps = json(folder, &["get", "apps"]);
    assert_eq!(apps["apps"][0]["name"], "hits", "{apps}");
    let sessions = json(folder, &["get", "sessions", "hits"]);
    assert_eq!(sessions["sessions"][0]["session"], session, "{sessions}");
    assert_eq!(json(folder, &["describe", "hits"])["name"], "hits");
    assert_eq!(json(folder, &["describe", "hits", session])["session"], session);
    log_lines_of_all_nodes_are_shown(folder);
    let described = json(folder, &["describe", "hits"]);
    let function = described["functions"][0]["name"].as_str().unwrap();
    let explained = json(folder, &["explain", "hits", function, session, "-i", "-5"]);
    assert_eq!(explained["input_bytes"], 2, "{explained}");
    let (done, _, said) = fogline(folder, &["invoke", "hits", function, "--run-by", "client"]);
    assert!(!done && said.contains("--run-by"), "{said}");

    let states = json(folder, &["state", "ls", session]);
    let state = states["states"][0]["name"].as_str().unwrap();
    let kept = json(folder, &["state", "get", session, state]);
    assert_eq!(kept["value"], output, "{kept}");
    for model in ["external", "in-client", "in-function", "in-edge"] {
        let moved = json(folder, &["state", "convert", "--to", model, session]);
        assert_eq!(moved["parts"][0]["model"], model, "{moved}");
        json(folder, &["state", "put", session, state, r#"{"a": 20}"#]);
        assert_eq!(
            text(folder, &["state", "get", session, state]).trim(),
            r#"{"a": 20}"#,
            "{model}"
        );
        let invoked = json(folder, &["invoke", "hits", "--session", session, "--input", "a"]);
        assert_eq!(invoked["output"], r#"{"a": 21}"#, "{model}: {invoked}");
    }
    json(folder, &["state", "rm", session, state]);
    json(folder, &["state", "accept", session]);
    assert_eq!(
        text(folder, &["invoke", "hits", "--input", "b"]).trim(),
        r#"{"b": 1}"#
    );

    json(folder, &["delete", "hits", session]);
    json(folder, &["delete", "hits"]);
    let (done, _, said) = fogline(folder, &["invoke", "hits"]);
    assert!(!done && said.contains("hint: "), "{said}");
}

/// The node that commands ask executes nothing; others have written a line for each of the five invocations until now.
fn log_lines_of_all_nodes_are_shown(folder: &Path) {
    let nodes = json(folder, &["get", "nodes"]);
    let asked = nodes["here"].as_str().unwrap();
    let logs = json(folder, &["logs", "hits"]);
    let lines = logs["lines"].as_array().unwrap();
    assert_eq!(lines.len(), 5, "{logs}");
    for line in lines {
        assert_eq!(line["message"], "1 different words", "{line}");
        assert_ne!(line["node"], asked, "{line}");
    }
    let printed = text(folder, &["logs", "hits"]);
    assert_eq!(printed.matches("1 different words").count(), 5, "{printed}");

    let next = logs["next"].as_object().unwrap();
    let after: Vec<_> = next.iter().map(|(node, next)| format!("{node}={next}")).collect();
    let behind = ["logs", "hits", "--after", &after.join(",")];
    let nothing = json(folder, &behind);
    assert_eq!(nothing["lines"], serde_json::json!([]), "{nothing}");
    assert_eq!(nothing["next"], logs["next"]);
    // Which counts nothing.
    text(folder, &["invoke", "hits", "--input", " "]);
    let new = json(folder, &behind);
    assert_eq!(new["lines"].as_array().unwrap().len(), 1, "{new}");
}

/// Where there is no compiler the project is one of a process, as the README says.
#[test]
fn readers_of_the_readme_have_a_stateful_function_after_five_commands() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let (_, commands) = readme.split_once("in five commands").unwrap();
    let (_, commands) = commands.split_once("```console\n").unwrap();
    let (commands, _) = commands.split_once("```").unwrap();
    fn words(line: &str) -> Vec<&str> {
        let command = line.split('#').next().unwrap();
        command
            .strip_prefix("$ fogline ")
            .unwrap()
            .split_whitespace()
            .collect()
    }
    let commands: Vec<Vec<&str>> = commands.lines().map(words).collect();
    let (up, others) = commands.split_first().unwrap();
    assert_eq!((&up[..], others.len()), (&["up", "&"][..], 4));

    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // What it depends on, the examples do too.
    let shared = root.join("functions/target");
    std::fs::create_dir(folder.join(".cargo")).unwrap();
    let config = format!("[build]\ntarget-dir = {shared:?}\n");
    std::fs::write(folder.join(".cargo/config.toml"), config).unwrap();
    let compiles = Compiler::find(folder).is_ok();
    let _up = Up::of(folder, &["up"]);
    let mut outputs = Vec::new();
    for command in others.iter().chain(others.last()) {
        let in_python = ["--runtime", "process"];
        let without = !compiles && command[0] == "new";
        let more = in_python.into_iter().filter(|_| without);
        let arguments: Vec<&str> = command.iter().copied().chain(more).collect();
        outputs.push(text(folder, &arguments));
    }
    let kept = if compiles {
        ["5", "10"]
    } else {
        [r#"{"5": 1}"#, r#"{"5": 2}"#]
    };
    assert_eq!([outputs[3].trim(), outputs[4].trim()], kept);
}
