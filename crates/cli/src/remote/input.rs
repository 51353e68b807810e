//! Bytes that are given on the command line.

use std::convert::Infallible;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use fogline_core::model::limits::MAX_BODY;

use crate::failure::Failure;

/// Bytes that are given on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// As they are.
    Text(String),
    /// A file's: `@FILE`.
    File(PathBuf),
    /// What comes in: `-`.
    Standard,
}

/// The option of commands that give a function its input.
#[derive(clap::Args)]
pub(crate) struct InputOption {
    /// What the function gets: a text, @FILE for a file's bytes, - for standard input
    #[arg(
        short,
        long,
        value_name = "INPUT",
        default_value = "",
        allow_hyphen_values = true
    )]
    input: Input,
}

impl InputOption {
    /// The bytes.
    pub(crate) fn read(&self) -> Result<Vec<u8>, Failure> {
        self.input.read()
    }
}

impl FromStr for Input {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.strip_prefix('@') {
            Some(path) => Self::File(path.into()),
            None if text == "-" => Self::Standard,
            None => Self::Text(text.to_owned()),
        })
    }
}

impl Input {
    /// The bytes.
    pub(crate) fn read(&self) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Text(text) => Ok(text.clone().into_bytes()),
            Self::File(path) => {
                let file = std::fs::File::open(path).map_err(|source| reading(path, source))?;
                bounded(file, path)
            }
            Self::Standard => bounded(io::stdin().lock(), Path::new("standard input")),
        }
    }
}

/// Nothing that no node takes fills the memory.
fn bounded(from: impl Read, path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    from.take(MAX_BODY.0 + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| reading(path, source))?;
    if bytes.len() as u64 > MAX_BODY.0 {
        let problem = format!(
            "{} has more than {MAX_BODY}, the most that a node takes",
            path.display()
        );
        return Err(Failure::usage(problem, "send less"));
    }
    Ok(bytes)
}

fn reading(path: &Path, source: io::Error) -> Failure {
    Failure::System {
        doing: format!("reading {}", path.display()),
        hint: "write @FILE for a file's bytes, - for standard input".to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::Input;

    #[test]
    fn text_is_itself_and_an_at_sign_names_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("in");
        std::fs::write(&file, [0, 255]).unwrap();
        let read = |text: &str| text.parse::<Input>().unwrap().read();
        assert_eq!(read("3").unwrap(), b"3");
        assert_eq!(read(&format!("@{}", file.display())).unwrap(), [0, 255]);
        assert!(read("@").is_err());
        assert_eq!("-".parse(), Ok(Input::Standard));
    }
}
