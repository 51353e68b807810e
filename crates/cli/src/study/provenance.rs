//! Where results come from: enough to make them again, and to know that they are the same.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use fogline_core::model::BadInput;
use fogline_manifest::scenario::Mode;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::request::Request;
use crate::failure::Failure;

/// Name of the file in the folder of results.
pub(crate) const FILE: &str = "manifest.json";

/// A file and what was in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HashedFile {
    /// Its path: of an input as it was given, of an output relative to the folder of results.
    pub(crate) path: PathBuf,
    /// SHA-256 of its bytes, in hexadecimal.
    pub(crate) sha256: String,
}

/// The provenance of a folder of results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Provenance {
    /// Version of the program.
    pub(crate) fogline: String,
    /// The command, as it was typed.
    pub(crate) command: String,
    /// The scenario, with all that the command line changed, as TOML.
    pub(crate) scenario: String,
    /// The folder that its paths are relative to.
    pub(crate) base: PathBuf,
    /// The trace that took the place of the scenario's.
    pub(crate) tasks: Option<PathBuf>,
    /// What was read.
    pub(crate) inputs: Vec<HashedFile>,
    /// What was written.
    pub(crate) outputs: Vec<HashedFile>,
}

/// What a shard says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    /// Version of the program.
    pub(crate) fogline: String,
    /// The mode of its rows.
    pub(crate) mode: Mode,
    /// Which shard, as `3/8`; the whole is `1/1`.
    pub(crate) shard: String,
    /// The scenario, as TOML.
    pub(crate) scenario: String,
    /// Hashes of all inputs.
    pub(crate) inputs: Vec<String>,
    /// What the jobs come from.
    pub(crate) workload: String,
}

impl Provenance {
    /// Reads the file of an earlier run.
    pub(crate) fn read(path: &Path) -> Result<Self, BadInput> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            BadInput::whole(
                &name,
                format!("cannot be read: {error}"),
                "name the manifest.json of a folder of results",
            )
        })?;
        serde_json::from_str(&text).map_err(|error| {
            BadInput::at(
                &name,
                error.line() as u64,
                error.column() as u64,
                format!("is no manifest of results: {error}"),
                "name the manifest.json that fogline wrote",
            )
        })
    }

    /// That of a request, without outputs.
    pub(crate) fn of(request: &Request, inputs: &[PathBuf]) -> Result<Self, Failure> {
        Ok(Self {
            fogline: env!("CARGO_PKG_VERSION").to_owned(),
            command: request.command.clone(),
            scenario: toml::to_string(&request.scenario)
                .map_err(|error| Failure::usage(error.to_string(), "report this scenario file"))?,
            base: request.base.clone(),
            tasks: request.tasks.clone(),
            inputs: hash_files(Path::new(""), inputs)?,
            outputs: Vec::new(),
        })
    }
}

/// Hashes files, whose paths are relative to a folder.
pub(crate) fn hash_files(folder: &Path, paths: &[PathBuf]) -> Result<Vec<HashedFile>, Failure> {
    paths
        .iter()
        .map(|path| {
            let sha256 = hash_file(&folder.join(path)).map_err(|source| match source.kind() {
                io::ErrorKind::NotFound => Failure::Input(BadInput::whole(
                    path.display().to_string(),
                    "no such file",
                    "correct the path; paths in a scenario are relative to its folder",
                )),
                _ => Failure::System {
                    doing: format!("reading {}", path.display()),
                    hint: "check that it is there and may be read".to_owned(),
                    source,
                },
            })?;
            Ok(HashedFile {
                path: path.clone(),
                sha256,
            })
        })
        .collect()
}

fn hash_file(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut File::open(path)?, &mut IoHasher(&mut hasher))?;
    Ok(hex(&hasher.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct IoHasher<'a>(&'a mut Sha256);

impl io::Write for IoHasher<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
