//! What a client is made of.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fogline_core::model::ClientId;
use fogline_core::model::limits::{DEFAULT_DEADLINE, MAX_DEADLINE};

use crate::client::{Client, Inner};
use crate::http::Http;
use crate::journal::{make_folder, sync_folder};
use crate::{Error, random};

const ID: &str = "client";

/// What a [`Client`] is made of.
#[derive(Clone, Debug)]
pub struct Builder {
    url: String,
    token: Option<String>,
    id: Option<ClientId>,
    journal: Option<PathBuf>,
    timeout: Duration,
}

impl Builder {
    pub(crate) fn new(url: String) -> Self {
        Self {
            url,
            token: None,
            id: None,
            journal: None,
            timeout: DEFAULT_DEADLINE,
        }
    }

    /// The tenant's token. Networks in development mode need none.
    #[must_use]
    pub fn token(mut self, token: Option<String>) -> Self {
        self.token = token;
        self
    }

    /// Who this is; by default who it was in its journal, and without a journal somebody new. Numbers of requests are
    /// counted in the journal, so without one an id must not be used twice.
    #[must_use]
    pub fn client_id(mut self, id: ClientId) -> Self {
        self.id = Some(id);
        self
    }

    /// The folder in which it keeps sessions, so that it survives its own restart. By default it keeps them in memory:
    /// states that live with the client are then lost with it.
    #[must_use]
    pub fn journal(mut self, folder: impl Into<PathBuf>) -> Self {
        self.journal = Some(folder.into());
        self
    }

    /// How long a call may take, all attempts included; at most [`MAX_DEADLINE`]. By default [`DEFAULT_DEADLINE`].
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.min(MAX_DEADLINE);
        self
    }

    /// The client. Nothing is sent yet.
    ///
    /// # Errors
    /// When the address or token cannot be used, or the journal cannot be read or written.
    pub fn build(self) -> Result<Client, Error> {
        let http = Http::new(&self.url, self.token.as_deref())?;
        let id = match (self.id, &self.journal) {
            (Some(id), _) => id,
            (None, Some(journal)) => known(journal)?,
            (None, None) => ClientId(random::bytes()),
        };
        let inner = Inner {
            http,
            id,
            journal: self.journal,
            apps: Mutex::new(BTreeMap::new()),
            sessions: Mutex::new(BTreeMap::new()),
        };
        Ok(Client {
            inner: Arc::new(inner),
            timeout: self.timeout,
            trace: None,
        })
    }
}

/// Who this is in its journal; at the first time, somebody new.
fn known(journal: &Path) -> Result<ClientId, Error> {
    let path = journal.join(ID);
    let failed = |doing| {
        let path = path.clone();
        move |source| Error::Journal { doing, path, source }
    };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            introduce(journal, &path).map_err(failed("writing"))?;
            fs::read_to_string(&path).map_err(failed("reading"))?
        }
        Err(source) => return Err(failed("reading")(source)),
    };
    text.trim().parse().map_err(|bad| Error::Damaged {
        path,
        what: format!("{bad}"),
    })
}

/// Two that do this at once agree: the file of the first stays.
fn introduce(journal: &Path, path: &Path) -> io::Result<()> {
    make_folder(journal)?;
    let mut file = tempfile::NamedTempFile::new_in(journal)?;
    writeln!(file, "{}", ClientId(random::bytes()))?;
    file.as_file().sync_data()?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
        _ => sync_folder(path),
    }
}
