//! What is read.

use std::time::Duration;

use fogline_core::application::{Durability, FunctionLimits, Guard, Instance, RuntimeKind};
use fogline_core::model::{Bytes, ExecutionModel, FunctionClass, Operations};
use fogline_core::policy::Placement;
use fogline_manifest::application;

use super::{DIAMOND, names, parse};

const MANUAL: &str = include_str!("../../../../docs/src/manifest.md");

fn example() -> &'static str {
    let block = MANUAL
        .split("```toml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    block.expect("the manual has an example")
}

fn program(command: &[&str], files: &[&str]) -> RuntimeKind {
    RuntimeKind::Process {
        command: names(command),
        files: names(files),
    }
}

#[test]
fn the_manual_s_example_is_read_as_it_is_explained() {
    let app = parse(example()).expect("the manual's example");
    assert_eq!((app.name.as_str(), &*app.version), ("counter", "0.1.0"));
    assert_eq!(app.model, ExecutionModel::InEdge);
    assert_eq!(
        (app.durability, app.guard),
        (Durability::EveryCommit, Guard::None)
    );
    assert_eq!(app.placement, Placement::LoadNet);
    assert_eq!(app.session_ttl, Duration::from_secs(30 * 86400));

    let (total, badge) = (&"total".parse().unwrap(), &"badge".parse().unwrap());
    assert_eq!(
        (app.model_of(total), app.model_of(badge)),
        (ExecutionModel::InEdge, ExecutionModel::InClient)
    );
    assert_eq!(
        (app.states[total].schema, app.states[total].reads_schema_from),
        (1, 1)
    );
    assert_eq!(
        (app.states[badge].schema, app.states[badge].reads_schema_from),
        (2, 1)
    );
    assert_eq!(
        (app.states[total].size, app.states[badge].size),
        (Bytes(64), Bytes(1024))
    );

    let add = &app.functions[&"add".parse().unwrap()];
    assert_eq!(add.runtime, RuntimeKind::Component("add.wasm".into()));
    assert_eq!(
        (names(&add.reads), names(&add.writes)),
        (vec!["total".into()], vec!["total".into()])
    );
    assert_eq!((add.operations, add.output), (Operations(2_000_000), Bytes(32)));
    let limits = FunctionLimits {
        memory: Bytes(16 << 20),
        time: Duration::from_secs(1),
        ..FunctionLimits::default()
    };
    assert_eq!(add.limits, limits);

    let greet = &app.functions[&"greet".parse().unwrap()];
    assert_eq!(
        greet.runtime,
        program(&["python3", "greet.py"], &["lib", "data/names.txt"])
    );
    assert_eq!(
        (names(&greet.reads), names(&greet.writes)),
        (vec!["badge".into(), "total".into()], vec!["badge".into()])
    );
    assert_eq!(
        (greet.instance, greet.class),
        (Instance::PerInvocation, FunctionClass::Generic)
    );
    assert_eq!(
        (greet.operations, greet.output),
        (Operations(1_000_000), Bytes(1024))
    );
    assert_eq!(
        (greet.limits, greet.requires.len()),
        (FunctionLimits::default(), 0)
    );

    let after: Vec<_> = app.workflow.iter().map(|step| names(&step.after)).collect();
    assert_eq!(
        names(app.workflow.iter().map(|step| &step.name)),
        ["add", "greet"]
    );
    assert_eq!(
        after,
        [vec![], vec!["add".to_owned()]],
        "a step without after waits for the one above it"
    );
}

#[test]
fn the_manual_names_every_key_of_the_example() {
    let section = |line: &str| {
        let path = line
            .trim()
            .strip_prefix('[')?
            .trim_start_matches('[')
            .split(']')
            .next()?;
        let mut parts: Vec<_> = path.split('.').collect();
        if let ["states" | "functions", name, ..] = &mut parts[..] {
            *name = "NAME";
        }
        Some(parts.join(".").replace("workflow.steps", "workflow.steps[]"))
    };
    let mut under = String::new();
    for line in example().lines() {
        if let Some(path) = section(line) {
            under = path + ".";
        } else if let Some((key, _)) = line.split_once(" = ") {
            let row = format!("| `{under}{key}` |");
            assert!(MANUAL.contains(&row), "{row}");
        }
    }
}

#[test]
fn an_application_needs_neither_states_nor_workflow() {
    let text = r#"
        fogline = 1
        application = { name = "a", version = "1", model = "external" }
        functions.f.component = "out/f.wasm"
    "#;
    let app = parse(text).expect("a small application");
    assert!(app.states.is_empty() && app.workflow.is_empty());
    assert_eq!(app.birth_models(), [ExecutionModel::External]);
}

#[test]
fn steps_come_after_those_that_they_wait_for() {
    let app = parse(DIAMOND).expect("a diamond");
    assert_eq!(
        names(app.workflow.iter().map(|step| &step.name)),
        ["first", "left", "right", "join"]
    );
    let join = app.workflow.last().expect("a last step");
    assert_eq!(
        names(&join.after),
        ["left", "right"],
        "inputs come in the order of after"
    );
}

#[test]
fn a_file_is_read_by_its_path_and_named_in_faults() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fogline.toml");
    std::fs::write(&path, DIAMOND).unwrap();
    assert_eq!(
        names([application::read(&path).expect("the file").name]),
        ["diamond"]
    );
    std::fs::write(&path, "fogline = 2").unwrap();
    let fault = application::read(&path).expect_err("another format");
    assert_eq!(fault.file, path.display().to_string());
    assert_eq!((fault.line, fault.column), (Some(1), Some(11)));
}

#[test]
fn every_placement_policy_has_a_name_in_the_file() {
    for placement in Placement::ALL {
        let line = format!("name = \"diamond\"\nplacement = \"{placement}\"\n");
        let text = DIAMOND.replacen("name = \"diamond\"\n", &line, 1);
        assert_eq!(parse(&text).expect("it is known").placement, placement);
    }
}
