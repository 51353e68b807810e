//! New projects are what `build` expects; no compiler runs here, `cargo xtask functions` does that.

use std::fs;
use std::path::Path;

use fogline_build::{BuildError, ProjectKind, build_project, new_project};
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
