//! New projects are what `build` expects, and what becomes of them later, too.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::fs;
use std::path::Path;

use fogline_build::{BuildError, Compiler, ProjectKind, build_project, new_project};
use fogline_core::model::AppName;

fn name() -> AppName {
    "my-app".parse().expect("it is a name")
}

fn read(folder: &Path, path: &str) -> String {
    fs::read_to_string(folder.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn a_new_project_of_rust_carries_all_that_it_is_built_from() {
    let folder = tempfile::tempdir().unwrap();
    new_project(folder.path(), &name(), ProjectKind::Rust).unwrap();

    let cargo: toml::Table = read(folder.path(), "Cargo.toml").parse().unwrap();
    assert_eq!(cargo["package"]["name"].as_str(), Some("app-my-app"));
    assert_eq!(cargo["lib"]["crate-type"][0].as_str(), Some("cdylib"));
    let sdk = cargo["dependencies"]["fogline"]["path"].as_str().unwrap();
    let bindings = read(folder.path(), &format!("{sdk}/src/bindings.rs"));
    assert!(bindings.contains("path: \"wit\""), "{bindings}");
    assert!(read(folder.path(), &format!("{sdk}/wit/function.wit")).contains("world function"));
    assert!(read(folder.path(), "src/lib.rs").contains("fogline::json_function!(add)"));

    let manifest: toml::Table = read(folder.path(), "fogline.toml").parse().unwrap();
    assert_eq!(manifest["application"]["name"].as_str(), Some("my-app"));
    assert_eq!(
        manifest["functions"]["add"]["component"].as_str(),
        Some("add.wasm")
    );
}

#[test]
fn a_new_project_of_a_process_has_nothing_to_compile() {
    let folder = tempfile::tempdir().unwrap();
    new_project(folder.path(), &name(), ProjectKind::Process).unwrap();
    let built = build_project(folder.path()).unwrap();
    assert_eq!((built.compiler, built.components.len()), (None, 0));
    assert!(read(folder.path(), "app.py").contains("FOGLINE_SOCKET"));
}

#[test]
fn an_occupied_folder_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("precious"), "").unwrap();
    let error = new_project(folder.path(), &name(), ProjectKind::Rust).unwrap_err();
    assert!(matches!(error, BuildError::Occupied { .. }), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_finished_component_is_checked_where_it_lies() {
    let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../functions");
    for (component, accepted) in [("faults/echo.wasm", true), ("refused/wrong-world.wasm", false)] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join("fogline.toml"),
            "[functions.f]\ncomponent = \"f.wasm\"\n",
        )
        .unwrap();
        fs::copy(functions.join(component), folder.path().join("f.wasm")).unwrap();
        match build_project(folder.path()) {
            Ok(built) => {
                assert!(accepted, "{component}");
                assert!(!built.components[0].compiled && built.components[0].size.0 > 10_000);
            }
            Err(error) => {
                assert!(!accepted, "{component}: {error}");
                assert!(error.hint().unwrap().contains("handle"), "{error:?}");
            }
        }
    }
}

#[test]
fn a_folder_without_manifest_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = build_project(folder.path()).unwrap_err();
    assert!(error.to_string().contains("fogline.toml"), "{error}");
}

const PEEK: &str = r#"
[package]
name = "peek"
version = "0.1.0"
edition = "2024"

[lib]
crate-type = ["cdylib"]

[dependencies]
fogline = { path = "../fogline-sdk" }
"#;
const PEEK_SOURCE: &str = "
fn peek(input: Vec<u8>) -> Result<Vec<u8>, fogline::Error> {
    Ok(input)
}

fogline::function!(peek);
";

/// A new project with a second function, which has a crate of its own; `edit` makes of the first one's `Cargo.toml` what it
/// is then. Builds it where there is a compiler: `cargo xtask test` installs one.
fn build_two(edit: impl Fn(&str) -> String) {
    let project = tempfile::tempdir().unwrap();
    let folder = project.path();
    new_project(folder, &name(), ProjectKind::Rust).unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("Cargo.toml", &edit(&read(folder, "Cargo.toml")));
    write("peek/Cargo.toml", PEEK);
    write("peek/src/lib.rs", PEEK_SOURCE);
    let manifest = read(folder, "fogline.toml");
    write(
        "fogline.toml",
        &format!("{manifest}\n[functions.peek]\ncomponent = \"peek.wasm\"\n"),
    );
    // What it depends on, the examples do too: the same versions, compiled once.
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../functions/Cargo.lock");
    fs::copy(lock, folder.join("Cargo.lock")).unwrap();
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../functions/target");
    write(
        ".cargo/config.toml",
        &format!("[build]\ntarget-dir = {shared:?}\n"),
    );
    if Compiler::find(folder).is_err() {
        return;
    }
    let built = build_project(folder).unwrap();
    let components = built.components.iter();
    let names: Vec<_> = components
        .map(|it| (it.path.file_name().unwrap(), it.compiled))
        .collect();
    assert_eq!(names, [("add.wasm".as_ref(), true), ("peek.wasm".as_ref(), true)]);
}

#[test]
fn a_second_function_is_a_member_of_the_new_projects_workspace() {
    build_two(|cargo| cargo.replace("[workspace]", "[workspace]\nmembers = [\"peek\"]"));
}

#[test]
fn a_second_functions_crate_may_stand_by_itself() {
    build_two(|cargo| cargo.replace("[workspace]", ""));
}
