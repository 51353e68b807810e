//! Builds the components of one project.

use std::fs;
use std::path::{Path, PathBuf};

use fogline_core::model::Bytes;

use crate::cargo::{self, Lock, Modules};
use crate::compiler::Compiler;
use crate::component::{check, encode};
use crate::error::BuildError;
use crate::manifest::{Origin, origins};
use crate::output;

/// What was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The compiler, if one was needed.
    pub compiler: Option<Compiler>,
    /// The components that the manifest names, in order of their names.
    pub components: Vec<BuiltComponent>,
}

/// A component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltComponent {
    /// Its file.
    pub path: PathBuf,
    /// Its size.
    pub size: Bytes,
    /// Whether it was compiled now; else it was there, made by other means, and has been checked.
    pub compiled: bool,
}

/// Builds the components that the `fogline.toml` of a folder names, each into the file that it names. A
/// component that is as it was is not written again. What cargo says goes to stderr.
///
/// # Errors
/// [`BuildError`]; nothing is half-written.
pub fn build_project(folder: &Path) -> Result<Built, BuildError> {
    let origins = origins(folder)?;
    let crates: Vec<&PathBuf> = origins
        .iter()
        .filter_map(|origin| origin.manifest.as_ref())
        .collect();
    let compiler = (!crates.is_empty()).then(|| Compiler::find(folder));
    let compiler = compiler.transpose()?;
    let mut modules = Modules::new();
    if let Some(compiler) = &compiler {
        // Each by itself: cargo knows which of them are of one workspace, and what else that has need not be for this target.
        for manifest in crates {
            modules.extend(cargo::build(compiler, manifest, Lock::Free)?);
        }
    }
    let components = finish(&origins, &modules, |_| true)?;
    Ok(Built { compiler, components })
}

/// Encodes, checks and writes the components.
pub(crate) fn finish(
    origins: &[Origin],
    modules: &Modules,
    checked: impl Fn(&Path) -> bool,
) -> Result<Vec<BuiltComponent>, BuildError> {
    origins
        .iter()
        .map(|origin| {
            finish_one(origin, modules, checked(&origin.component)).map_err(|source| BuildError::Component {
                component: origin.component.clone(),
                source: Box::new(source),
            })
        })
        .collect()
}

fn finish_one(origin: &Origin, modules: &Modules, checked: bool) -> Result<BuiltComponent, BuildError> {
    let read = |path: &Path| {
        fs::read(path).map_err(|source| BuildError::Read {
            path: path.to_owned(),
            source,
        })
    };
    let path = origin.component.clone();
    let bytes = match &origin.manifest {
        None => read(&path)?,
        Some(manifest) => {
            let module = modules
                .get(&cargo::canonical(manifest)?)
                .ok_or_else(|| BuildError::NoModule {
                    manifest: manifest.clone(),
                })?;
            encode(&read(module)?)?
        }
    };
    if checked {
        check(&bytes)?;
    }
    let compiled = origin.manifest.is_some();
    if compiled && fs::read(&path).ok().as_deref() != Some(&bytes) {
        output::write(&path, &bytes)?;
    }
    Ok(BuiltComponent {
        path,
        size: Bytes(bytes.len() as u64),
        compiled,
    })
}
