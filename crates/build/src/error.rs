//! Why there is no project, or no component.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// An error of the tools below us, which they give in types of their own.
pub(crate) type Source = Box<dyn std::error::Error + Send + Sync>;

const NO_COMPILER: &str = "run `rustup target add wasm32-unknown-unknown`; or on Debian `apt-get install \
    rustc-web cargo-web rust-web-src lld-22`; or write functions in another language: `fogline new --runtime \
    process`";
const ENCODE: &str = "a crate needs one `fogline::function!` or `fogline::json_function!`, and nothing that \
    needs an operating system";
const WORLD: &str = "it must export `handle`, and may import only what wit/function.wit offers";

/// Why there is no project, or no component. [`BuildError::hint`] says what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A file or folder cannot be read.
    #[error("reading {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or folder cannot be written.
    #[error("writing {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A new project would be mixed with what is there.
    #[error("{} is there already, and not empty", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// The manifest does not say which components there are.
    #[error("reading the functions of {}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Why.
        source: Box<toml::de::Error>,
    },
    /// A component's path is not one below the manifest's folder.
    #[error("component \"{component}\" of {} is not a .wasm file in the manifest's folder", path.display())]
    ComponentPath {
        /// The manifest.
        path: PathBuf,
        /// What it says.
        component: String,
    },
    /// A component has neither a crate nor a file.
    #[error("there is nothing that {} could be built from", component.display())]
    NoCrate {
        /// The component.
        component: PathBuf,
        /// The crate that was looked for.
        looked_for: PathBuf,
    },
    /// One crate would have to be two components.
    #[error("{} and {} would both be built from {}", first.display(), second.display(), manifest.display())]
    SharedCrate {
        /// A component.
        first: PathBuf,
        /// Another.
        second: PathBuf,
        /// The crate's `Cargo.toml`.
        manifest: PathBuf,
    },
    /// No compiler for the target.
    #[error("no compiler for {target}: {tried}", target = crate::compiler::TARGET)]
    NoCompiler {
        /// What was tried, and how it failed.
        tried: String,
    },
    /// Cargo cannot be run.
    #[error("running {}", program.display())]
    Run {
        /// Cargo.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The source does not compile. Cargo has said why, on stderr.
    #[error("{} does not compile", manifest.display())]
    Compile {
        /// The crate's or workspace's `Cargo.toml`.
        manifest: PathBuf,
    },
    /// The crate gives no module.
    #[error("{} gives no module", manifest.display())]
    NoModule {
        /// The crate's `Cargo.toml`.
        manifest: PathBuf,
    },
    /// The module cannot be made a component.
    #[error("making a component of the module")]
    Encode {
        /// Why.
        source: Source,
    },
    /// What should be a component is something else.
    #[error("the bytes are not a component")]
    NotComponent {
        /// Why.
        source: Source,
    },
    /// The component is not a Fogline function.
    #[error("the component is not of world {world}", world = crate::component::WORLD)]
    World {
        /// What is missing or different.
        source: Source,
    },
    /// A component is at fault.
    #[error("building {}", component.display())]
    Component {
        /// Which.
        component: PathBuf,
        /// Why.
        source: Box<BuildError>,
    },
}

impl BuildError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Occupied { .. } => "name a folder that does not exist yet".to_owned(),
            Self::ComponentPath { .. } => "write it as component = \"add.wasm\"".to_owned(),
            Self::NoCrate { looked_for, .. } => format!(
                "put its crate into {}, or a single crate beside the manifest, or a finished component where \
                 it is expected",
                looked_for.display()
            ),
            Self::SharedCrate { .. } => "give each component a crate in a folder of its name".to_owned(),
            Self::NoCompiler { .. } => NO_COMPILER.to_owned(),
            Self::NoModule { .. } => "its Cargo.toml needs [lib] with crate-type = [\"cdylib\"]".to_owned(),
            Self::Encode { .. } => ENCODE.to_owned(),
            Self::World { .. } => WORLD.to_owned(),
            Self::Component { source, .. } => return source.hint(),
            Self::Read { .. }
            | Self::Write { .. }
            | Self::Manifest { .. }
            | Self::Run { .. }
            | Self::Compile { .. }
            | Self::NotComponent { .. } => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::BuildError;

    #[test]
    fn whoever_has_no_compiler_is_told_three_ways_to_go_on() {
        let error = BuildError::NoCompiler {
            tried: "rustc: no such file".to_owned(),
        };
        assert_eq!(
            error.to_string(),
            "no compiler for wasm32-unknown-unknown: rustc: no such file"
        );
        let hint = error.hint().unwrap();
        for way in [
            "rustup target add wasm32-unknown-unknown",
            "apt-get install rustc-web cargo-web rust-web-src",
            "fogline new --runtime process",
        ] {
            assert!(hint.contains(way), "{way}: {hint}");
        }
    }
}
