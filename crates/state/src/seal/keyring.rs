//! The keys of a tenant, as a node holds them in memory and in a file.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use data_encoding::HEXLOWER_PERMISSIVE;
use thiserror::Error;

/// Length of a key: AEGIS-256's.
pub(super) const KEY_BYTES: usize = 32;

/// The keys of one tenant by number. The highest number seals; all open, so a key is replaced by adding one, and
/// withdrawn when the envelopes that it sealed have expired.
#[derive(Clone, PartialEq, Eq)]
pub struct Keyring {
    /// Never empty.
    keys: BTreeMap<u32, [u8; KEY_BYTES]>,
}

/// Why a file of keys is not used.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// The disk does not let us.
    #[error("opening the key file {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// Others can read it.
    #[error("the key file {path} can be read by others (mode {mode:03o})\nhint: chmod 600 {path}")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A line is not a key.
    #[error(
        "{path}:{line}: {problem}\nhint: write each key as its number, a space and 64 hexadecimal digits"
    )]
    BadLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What was expected.
        problem: &'static str,
    },
    /// It has no key.
    #[error(
        "the key file {path} has no key\nhint: write each key as its number, a space and 64 hexadecimal digits"
    )]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

impl Keyring {
    /// A keyring with one new random key, of number 1.
    ///
    /// # Panics
    /// When the operating system has no random numbers.
    #[must_use]
    pub fn generate() -> Self {
        let mut key = [0; KEY_BYTES];
        aws_lc_rs::rand::fill(&mut key).expect("the operating system has random numbers");
        Self::of(1, key)
    }

    /// A keyring with this key.
    #[must_use]
    pub fn of(number: u32, key: [u8; KEY_BYTES]) -> Self {
        Self {
            keys: BTreeMap::from([(number, key)]),
        }
    }

    /// The keyring with another key.
    #[must_use]
    pub fn with(mut self, number: u32, key: [u8; KEY_BYTES]) -> Self {
        self.keys.insert(number, key);
        self
    }

    /// The key that seals, with its number.
    pub(super) fn current(&self) -> (u32, &[u8; KEY_BYTES]) {
        let (number, key) = self.keys.last_key_value().expect("a keyring has a key");
        (*number, key)
    }

    /// The key of this number.
    pub(super) fn key(&self, number: u32) -> Option<&[u8; KEY_BYTES]> {
        self.keys.get(&number)
    }

    /// Reads a file of keys: a line for each, its number and 64 hexadecimal digits; `#` begins a comment.
    ///
    /// # Errors
    /// When it cannot be read, can be read by others than its owner, or has a line that is no key.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        let failed = |source| KeyFileError::Io {
            path: path.to_owned(),
            source,
        };
        let file = fs::File::open(path).map_err(failed)?;
        // Of the file that was opened, not of what may stand there by now.
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Exposed {
                path: path.to_owned(),
                mode,
            });
        }
        let text = io::read_to_string(file).map_err(failed)?;
        let mut keys = BTreeMap::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let bad = |problem| KeyFileError::BadLine {
                path: path.to_owned(),
                line: at + 1,
                problem,
            };
            let (number, key) = read_line(line).map_err(bad)?;
            if keys.insert(number, key).is_some() {
                return Err(bad("a second key of this number"));
            }
        }
        if keys.is_empty() {
            return Err(KeyFileError::Empty {
                path: path.to_owned(),
            });
        }
        Ok(Self { keys })
    }

    /// Writes a new file, readable by its owner only; never over an old one, whose keys may be needed still.
    ///
    /// # Errors
    /// When the file exists, or cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), KeyFileError> {
        let failed = |source| KeyFileError::Io {
            path: path.to_owned(),
            source,
        };
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        let lines = self
            .keys
            .iter()
            .map(|(number, key)| format!("{number} {}\n", HEXLOWER_PERMISSIVE.encode(key)));
        file.write_all(lines.collect::<String>().as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(failed)
    }
}

fn read_line(line: &str) -> Result<(u32, [u8; KEY_BYTES]), &'static str> {
    let (number, key) = line
        .split_once(char::is_whitespace)
        .ok_or("expected a number and a key")?;
    let number = number
        .parse()
        .map_err(|_| "expected a key's number, below 2^32")?;
    let key = HEXLOWER_PERMISSIVE
        .decode(key.trim().as_bytes())
        .ok()
        .and_then(|key| key.try_into().ok());
    Ok((number, key.ok_or("expected 64 hexadecimal digits")?))
}

impl fmt::Debug for Keyring {
    /// Numbers only: keys must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.keys()).finish()
    }
}
