//! The file in which a network that runs on this machine says where it is, so that commands find it.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Error;

const NAME: &str = "up.json";

/// Where a network is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// A gateway, as `http://127.0.0.1:7070`.
    pub url: String,
    /// A tenant's token, unless the network is in development mode.
    pub token: Option<String>,
    /// The folder that it goes on from when it is started again, if it keeps one: by this it is known as the same.
    #[serde(default)]
    pub data: Option<PathBuf>,
}

/// The folder in which Fogline keeps what outlives a command: `$XDG_STATE_HOME/fogline`, else
/// `~/.local/state/fogline`. None when neither variable is set.
#[must_use]
pub fn state_folder() -> Option<PathBuf> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value: &OsString| !value.is_empty())
            .map(PathBuf::from)
    };
    let absolute = |path: &PathBuf| path.is_absolute();
    let base = set("XDG_STATE_HOME").filter(absolute);
    Some(
        base.or_else(|| Some(set("HOME")?.join(".local/state")))?
            .join("fogline"),
    )
}

/// The network that says in this folder that it runs, if one does.
///
/// # Errors
/// When there is a file, but it cannot be read.
pub fn read(folder: &Path) -> Result<Option<Network>, Error> {
    let path = folder.join(NAME);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(Error::Journal {
                doing: "reading",
                path,
                source,
            });
        }
    };
    let network = serde_json::from_slice(&text);
    network.map(Some).map_err(|error| Error::Damaged {
        path,
        what: error.to_string(),
    })
}

/// Says in this folder where the network is; only its owner may read that, for the token. An earlier network's file is
/// replaced.
///
/// # Errors
/// When it cannot be written.
pub fn write(folder: &Path, network: &Network) -> Result<(), Error> {
    let path = folder.join(NAME);
    let text = serde_json::to_vec_pretty(network).expect("two texts are JSON");
    let written = fs::create_dir_all(folder).and_then(|()| {
        // A temporary file is private to its owner.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&text)?;
        file.persist(&path)?;
        Ok(())
    });
    written.map_err(|source| Error::Journal {
        doing: "writing",
        path,
        source,
    })
}

/// Takes the file away when the network ends, unless another network has put its own there.
///
/// # Errors
/// When it cannot be read or removed.
pub fn remove(folder: &Path, network: &Network) -> Result<(), Error> {
    if read(folder)?.as_ref() != Some(network) {
        return Ok(());
    }
    let path = folder.join(NAME);
    fs::remove_file(&path).map_err(|source| Error::Journal {
        doing: "removing",
        path,
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::{Network, read, remove, write};

    fn network(port: u16) -> Network {
        Network {
            url: format!("http://127.0.0.1:{port}"),
            token: None,
            data: None,
        }
    }

    #[test]
    fn a_network_is_found_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("deep/down");
        assert_eq!(read(&folder).unwrap(), None);
        write(&folder, &network(1)).unwrap();
        write(&folder, &network(2)).unwrap();
        remove(&folder, &network(1)).unwrap();
        assert_eq!(read(&folder).unwrap(), Some(network(2)));
        remove(&folder, &network(2)).unwrap();
        assert_eq!(read(&folder).unwrap(), None);
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_may_read_the_token() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &network(1)).unwrap();
        let mode = std::fs::metadata(folder.path().join("up.json"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0);
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("up.json"), "{\"url\": 3}").unwrap();
        assert!(read(folder.path()).is_err());
    }
}
