//! The session that the last invocation of an application used, so that the next one goes on with it.

use std::path::{Path, PathBuf};

use fogline_core::model::{AppName, SessionId};
use serde::{Deserialize, Serialize};

use crate::atomic_file;
use crate::failure::Failure;

/// The session that an application was last used with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Last {
    /// The network, as [`Network`](super::Network) calls it: sessions of another one are not there.
    pub(crate) network: String,
    /// The session.
    pub(crate) session: SessionId,
}

impl Last {
    /// That of an application at this network, if it is known. What cannot be read is not known.
    pub(crate) fn read(folder: &Path, app: &AppName, network: &str) -> Option<SessionId> {
        let text = std::fs::read(path(folder, app)).ok()?;
        let last: Self = serde_json::from_slice(&text).ok()?;
        (last.network == network).then_some(last.session)
    }

    /// Remembers it.
    pub(crate) fn write(&self, folder: &Path, app: &AppName) -> Result<(), Failure> {
        let text = serde_json::to_vec(self).expect("an address and an id are JSON");
        atomic_file::write(&path(folder, app), &text)
    }

    /// Forgets it, if it is this session.
    pub(crate) fn forget(
        folder: &Path,
        app: &AppName,
        network: &str,
        session: &SessionId,
    ) -> Result<(), Failure> {
        if Self::read(folder, app, network).as_ref() != Some(session) {
            return Ok(());
        }
        let path = path(folder, app);
        std::fs::remove_file(&path).map_err(|source| Failure::writing(&path, source))
    }
}

fn path(folder: &Path, app: &AppName) -> PathBuf {
    folder.join("last").join(format!("{app}.json"))
}

#[cfg(test)]
mod tests {
    use super::Last;

    #[test]
    fn a_session_is_remembered_for_its_application_and_network_until_it_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let (folder, app) = (folder.path(), "shop".parse().unwrap());
        let session: fogline_core::model::SessionId = format!("edge-1_e_{}", "a".repeat(26)).parse().unwrap();
        let last = Last {
            network: "http://a".to_owned(),
            session: session.clone(),
        };
        assert_eq!(Last::read(folder, &app, "http://a"), None);
        last.write(folder, &app).unwrap();
        assert_eq!(Last::read(folder, &app, "http://a"), Some(session.clone()));
        assert_eq!(Last::read(folder, &app, "http://b"), None);
        assert_eq!(Last::read(folder, &"other".parse().unwrap(), "http://a"), None);
        Last::forget(folder, &app, "http://a", &session).unwrap();
        assert_eq!(Last::read(folder, &app, "http://a"), None);
    }
}
