//! Which components a manifest names, and which crates they are built from. All else in it is not our
//! concern.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use crate::error::BuildError;

/// The manifest's name.
pub(crate) const MANIFEST: &str = "fogline.toml";

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    functions: BTreeMap<String, Function>,
}

#[derive(Deserialize)]
struct Function {
    component: Option<String>,
}

/// Where a component comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The component's file.
    pub(crate) component: PathBuf,
    /// Its crate's `Cargo.toml`; none when it is there already, made by other means.
    pub(crate) manifest: Option<PathBuf>,
}

/// The components that the manifest in a folder names, each once, in order of their names.
pub(crate) fn origins(folder: &Path) -> Result<Vec<Origin>, BuildError> {
    let path = folder.join(MANIFEST);
    let text = fs::read_to_string(&path).map_err(|source| BuildError::Read {
        path: path.clone(),
        source,
    })?;
    let manifest: Manifest = toml::from_str(&text).map_err(|source| BuildError::Manifest {
        path: path.clone(),
        source: Box::new(source),
    })?;
    let components: BTreeSet<String> = manifest
        .functions
        .into_values()
        .filter_map(|function| function.component)
        .collect();
    let mut origins: Vec<Origin> = Vec::new();
    for component in components {
        if !is_below(&component) {
            return Err(BuildError::ComponentPath { path, component });
        }
        let origin = origin(folder, &component)?;
        if let Some(manifest) = &origin.manifest
            && let Some(other) = origins.iter().find(|other| other.manifest == origin.manifest)
        {
            return Err(BuildError::SharedCrate {
                first: other.component.clone(),
                second: origin.component.clone(),
                manifest: manifest.clone(),
            });
        }
        origins.push(origin);
    }
    Ok(origins)
}

/// The convention: `add.wasm` is built from the crate in the folder `add`, else from the crate beside the
/// manifest, else it is there already.
fn origin(folder: &Path, component: &str) -> Result<Origin, BuildError> {
    let file = folder.join(component);
    let own = file.with_extension("").join("Cargo.toml");
    let beside = folder.join("Cargo.toml");
    let manifest = [own.clone(), beside]
        .into_iter()
        .find(|manifest| manifest.is_file());
    if manifest.is_none() && !file.is_file() {
        return Err(BuildError::NoCrate {
            component: file,
            looked_for: own,
        });
    }
    Ok(Origin {
        component: file,
        manifest,
    })
}

fn is_below(component: &str) -> bool {
    let path = Path::new(component);
    path.extension().is_some_and(|extension| extension == "wasm")
        && path.components().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use tempfile::TempDir;

    use super::{Origin, origins};
    use crate::BuildError;

    fn project(manifest: &str, files: &[&str]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("fogline.toml"), manifest).unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        folder
    }

    fn two(first: &str, second: &str) -> String {
        format!("[functions.f]\ncomponent = \"{first}\"\n[functions.g]\ncomponent = \"{second}\"\n")
    }

    #[test]
    fn a_crate_of_the_components_name_comes_before_the_one_beside_the_manifest() {
        let folder = project(&two("a.wasm", "b.wasm"), &["a/Cargo.toml", "Cargo.toml"]);
        let expected = |component: &str, manifest: &str| Origin {
            component: folder.path().join(component),
            manifest: Some(folder.path().join(manifest)),
        };
        let found = origins(folder.path()).unwrap();
        assert_eq!(
            found,
            [
                expected("a.wasm", "a/Cargo.toml"),
                expected("b.wasm", "Cargo.toml")
            ]
        );
    }

    #[test]
    fn functions_may_share_a_component_and_processes_have_none() {
        let text = two("a.wasm", "a.wasm") + "[functions.h]\nprocess = [\"python3\", \"app.py\"]\n";
        let folder = project(&text, &["a/Cargo.toml"]);
        assert_eq!(origins(folder.path()).unwrap().len(), 1);
    }

    #[test]
    fn a_finished_component_needs_no_crate() {
        let folder = project("[functions.f]\ncomponent = \"a.wasm\"\n", &["a.wasm"]);
        assert_eq!(origins(folder.path()).unwrap()[0].manifest, None);
    }

    #[test]
    fn components_outside_of_the_folder_are_refused() {
        for bad in ["../a.wasm", "/a.wasm", "./a.wasm", "a", "a.wat", ""] {
            let folder = project(
                &format!("[functions.f]\ncomponent = \"{bad}\"\n"),
                &["Cargo.toml"],
            );
            let error = origins(folder.path()).unwrap_err();
            assert!(
                matches!(error, BuildError::ComponentPath { .. }),
                "{bad}: {error}"
            );
        }
    }

    #[test]
    fn one_crate_cannot_be_two_components() {
        let folder = project(&two("a.wasm", "b.wasm"), &["Cargo.toml"]);
        let error = origins(folder.path()).unwrap_err();
        assert!(matches!(error, BuildError::SharedCrate { .. }), "{error}");
    }

    #[test]
    fn a_component_without_crate_says_where_one_was_looked_for() {
        let folder = project("[functions.f]\ncomponent = \"a.wasm\"\n", &[]);
        let error = origins(folder.path()).unwrap_err();
        let hint = error.hint().unwrap();
        assert!(
            hint.contains(&Path::new("a").join("Cargo.toml").display().to_string()),
            "{hint}"
        );
    }
}
