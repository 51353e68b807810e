//! Builds every project of a workspace: the repository's own example functions.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use wasm_metadata::Producers;

use crate::cargo::{self, Lock};
use crate::compiler::Compiler;
use crate::error::BuildError;
use crate::manifest::{MANIFEST, origins};
use crate::output;
use crate::project::{Built, finish};

/// The file that says what made the components of a workspace.
pub const COMPILER_FILE: &str = "COMPILER.toml";

/// Exists to be refused, by whoever loads it.
const REFUSED: &str = "wrong-world.wasm";

/// What made the components; with other tools their bytes are others.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Tools<'a> {
    rustc: &'a str,
    std: &'a str,
    wit_component: String,
}

/// Builds the components of all projects in the folders of a cargo workspace, with its `Cargo.lock` as it
/// is, and writes [`COMPILER_FILE`]. The same tools give the same bytes, in whichever folder.
///
/// # Errors
/// [`BuildError`]; no component is half-written.
pub fn build_all(workspace: &Path) -> Result<Built, BuildError> {
    let compiler = Compiler::find(workspace)?;
    let modules = cargo::build(&compiler, &workspace.join("Cargo.toml"), Lock::Fixed)?;
    let mut components = Vec::new();
    for project in projects(workspace)? {
        components.extend(finish(&origins(&project)?, &modules, |path| {
            !path.ends_with(REFUSED)
        })?);
    }
    if let Some(component) = components.first() {
        let tools = Tools {
            rustc: &compiler.version,
            std: if compiler.builds_std {
                "built from source"
            } else {
                "as shipped"
            },
            wit_component: encoder_version(&component.path)?,
        };
        let text = toml::to_string(&tools).expect("three texts are TOML");
        let header = "# What made the components. With other tools their bytes are others.\n";
        output::write(
            &workspace.join(COMPILER_FILE),
            format!("{header}{text}").as_bytes(),
        )?;
    }
    Ok(Built {
        compiler: Some(compiler),
        components,
    })
}

fn projects(workspace: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let failed = |source| BuildError::Read {
        path: workspace.to_owned(),
        source,
    };
    let mut projects = Vec::new();
    for entry in fs::read_dir(workspace).map_err(failed)? {
        let folder = entry.map_err(failed)?.path();
        if folder.join(MANIFEST).is_file() {
            projects.push(folder);
        }
    }
    projects.sort();
    Ok(projects)
}

/// The encoder signs what it makes.
fn encoder_version(component: &Path) -> Result<String, BuildError> {
    let bytes = fs::read(component).map_err(|source| BuildError::Read {
        path: component.to_owned(),
        source,
    })?;
    let producers = Producers::from_wasm(&bytes).map_err(|source| BuildError::NotComponent {
        source: source.into(),
    })?;
    let version =
        producers.and_then(|producers| producers.get("processed-by")?.get("wit-component").cloned());
    Ok(version.unwrap_or_default())
}
