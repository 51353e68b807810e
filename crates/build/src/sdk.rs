//! The Rust SDK's sources, which go into new projects: a project builds without this repository.

use std::path::Path;

use crate::error::BuildError;
use crate::output;

/// The guest interface.
pub(crate) const WIT: &str = include_str!("../../../wit/function.wit");

/// The folder of the SDK in a project.
pub(crate) const FOLDER: &str = "fogline-sdk";

macro_rules! sources {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../../sdk/rust/", $path)))),*]
    };
}

const SOURCES: [(&str, &str); 11] = sources![
    "Cargo.toml",
    "src/lib.rs",
    "src/bindings.rs",
    "src/context.rs",
    "src/error.rs",
    "src/inputs.rs",
    "src/json.rs",
    "src/log.rs",
    "src/memory.rs",
    "src/register.rs",
    "src/state.rs",
];

/// Where the SDK reads the interface in this repository, and where in a project.
const WIT_PATHS: (&str, &str) = ("\"../../wit\"", "\"wit\"");

/// Writes the SDK into the project's folder.
pub(crate) fn write(project: &Path) -> Result<(), BuildError> {
    let folder = project.join(FOLDER);
    output::write(&folder.join("wit/function.wit"), WIT.as_bytes())?;
    for (path, text) in SOURCES {
        let text = text.replace(WIT_PATHS.0, WIT_PATHS.1);
        output::write(&folder.join(path), text.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::{SOURCES, WIT_PATHS};

    #[test]
    fn every_source_of_the_sdk_is_carried_along() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/rust/src");
        let there: BTreeSet<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| format!("src/{}", entry.unwrap().file_name().into_string().unwrap()))
            .collect();
        let carried = SOURCES
            .iter()
            .map(|(path, _)| (*path).to_owned())
            .filter(|path| path != "Cargo.toml");
        assert_eq!(carried.collect::<BTreeSet<_>>(), there);
    }

    #[test]
    fn exactly_one_source_says_where_the_interface_is() {
        let count: usize = SOURCES
            .iter()
            .map(|(_, text)| text.matches(WIT_PATHS.0).count())
            .sum();
        assert_eq!(count, 1);
    }
}
