//! What is deployed: a manifest and the files that it names.

mod files;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

use files::{Gathering, LEADS_OUT, NOT_BELOW, Wrong, wrong};

/// The manifest's name.
const MANIFEST: &str = "fogline.toml";

/// A manifest and the files that it names. Whether they make an application is for the node to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The manifest's text.
    pub manifest: Bytes,
    /// Files by their path beside the manifest, with `/`: components, and the files that process functions name on
    /// their command lines and as their `files`.
    pub files: BTreeMap<String, Bytes>,
}

/// Why a folder is no package.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BadPackage {
    /// A file cannot be read.
    #[error("reading {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The manifest is not TOML, or its functions are not.
    #[error("reading the functions of {}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Why not.
        source: Box<toml::de::Error>,
    },
    /// Something that a function names cannot be sent.
    #[error("{}:{line}:{column}: {problem}", path.display())]
    File {
        /// The manifest.
        path: PathBuf,
        /// Where in it the name stands: the line, from 1.
        line: usize,
        /// The character in the line, from 1.
        column: usize,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
}

impl BadPackage {
    /// What to do, in one sentence.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Read { path, .. } if path.extension().is_some_and(|extension| extension == "wasm") => {
                "build it first: `fogline build`".to_owned()
            }
            Self::Read { .. } => "name a folder with a fogline.toml; `fogline new` makes one".to_owned(),
            Self::Manifest { .. } => "see docs/src/manifest.md".to_owned(),
            Self::File { hint, .. } => (*hint).to_owned(),
        }
    }
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    functions: BTreeMap<String, Function>,
}

#[derive(Deserialize)]
struct Function {
    component: Option<Spanned<String>>,
    #[serde(default)]
    process: Vec<Spanned<String>>,
    #[serde(default)]
    files: Vec<Spanned<String>>,
}

impl Package {
    /// Reads the `fogline.toml` of a folder and the files that it names.
    ///
    /// # Errors
    /// When one of them cannot be read or is not below the folder, or when they are too many or too large.
    pub fn read(folder: &Path) -> Result<Self, BadPackage> {
        let path = folder.join(MANIFEST);
        let text = read(&path)?;
        let manifest: Manifest = toml::from_slice(&text).map_err(|source| BadPackage::Manifest {
            path: path.clone(),
            source: Box::new(source),
        })?;
        let refuse = |name: &Spanned<String>, (problem, hint): Wrong| {
            let before = String::from_utf8_lossy(&text[..name.span().start]);
            BadPackage::File {
                path: path.clone(),
                line: before.matches('\n').count() + 1,
                column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
                problem,
                hint,
            }
        };
        let (mut names, mut named) = (BTreeSet::new(), Vec::new());
        for function in manifest.functions.into_values() {
            named.extend(function.files);
            // A word of a command line is a file only if there is one: `python3` is not, `app.py` is.
            let is_file =
                |word: &Spanned<String>| is_below(word.get_ref()) && folder.join(word.get_ref()).is_file();
            let words = function.process.into_iter().filter(is_file);
            for name in words.chain(function.component) {
                check_inside(folder, name.get_ref()).map_err(|wrong| refuse(&name, wrong))?;
                names.insert(name.into_inner());
            }
        }
        let mut files = BTreeMap::new();
        for name in names {
            let bytes = read(&folder.join(&name))?;
            files.insert(name, bytes.into());
        }
        let mut gathering = Gathering::new(folder, &mut files);
        for name in named {
            gathering
                .add(name.get_ref())
                .map_err(|wrong| refuse(&name, wrong))?;
        }
        Ok(Self {
            manifest: text.into(),
            files,
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, BadPackage> {
    fs::read(path).map_err(|source| BadPackage::Read {
        path: path.to_owned(),
        source,
    })
}

/// Refuses what is not below the folder, as it is written or because a link on the way to it leads out.
fn check_inside(folder: &Path, name: &str) -> Result<(), Wrong> {
    if !is_below(name) {
        return wrong(name, NOT_BELOW.0, NOT_BELOW.1);
    }
    let real = |path: &Path| path.canonicalize().ok();
    match real(folder).zip(real(&folder.join(name))) {
        Some((inside, file)) if !file.starts_with(&inside) => wrong(name, LEADS_OUT.0, LEADS_OUT.1),
        _ => Ok(()),
    }
}

fn is_below(name: &str) -> bool {
    !name.is_empty()
        && Path::new(name)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::Package;

    fn folder(manifest: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("fogline.toml"), manifest).unwrap();
        fs::write(folder.path().join("a.wasm"), "A").unwrap();
        fs::write(folder.path().join("app.py"), "P").unwrap();
        folder
    }

    #[test]
    fn components_and_the_files_of_command_lines_belong_to_it() {
        let text = "[functions.f]\ncomponent = \"a.wasm\"\n[functions.g]\ncomponent = \"a.wasm\"\n\
             [functions.h]\nprocess = [\"python3\", \"app.py\", \"../secret\", \"./app.py\"]\n";
        let folder = folder(text);
        let package = Package::read(folder.path()).unwrap();
        assert_eq!(package.manifest, text);
        assert_eq!(package.files.keys().collect::<Vec<_>>(), ["a.wasm", "app.py"]);
    }

    #[test]
    fn what_cannot_be_deployed_says_what_to_do() {
        let missing = folder("[functions.f]\ncomponent = \"b.wasm\"\n");
        let error = Package::read(missing.path()).unwrap_err();
        assert!(error.hint().contains("fogline build"), "{error}");
        for outside in ["../a.wasm", "/a.wasm", "", "./a.wasm"] {
            let folder = folder(&format!("[functions.f]\ncomponent = \"{outside}\"\n"));
            let error = Package::read(folder.path()).unwrap_err();
            let said = error.to_string();
            assert!(said.contains("fogline.toml:2:13: "), "{said}");
            assert!(
                said.contains("is not below") && error.hint().contains("relative"),
                "{said}"
            );
        }
        for named in ["component = \"link\"", "process = [\"link\"]"] {
            let folder = folder(&format!("[functions.f]\n{named}\n"));
            symlink("/etc/hostname", folder.path().join("link")).unwrap();
            let said = Package::read(folder.path()).unwrap_err().to_string();
            assert!(
                said.contains("link is a link out of the manifest's folder"),
                "{said}"
            );
        }
        let empty = tempfile::tempdir().unwrap();
        assert!(
            Package::read(empty.path())
                .unwrap_err()
                .hint()
                .contains("fogline new")
        );
    }
}
