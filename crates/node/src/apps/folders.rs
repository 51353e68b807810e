//! Where the files of processes are laid out: they are started in the folder of their manifest.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use fogline_core::model::{Digest, TenantName};
use fogline_protocol::problem::Kind;
use tokio::fs;
use tokio::sync::Mutex;

use super::package::Package;
use crate::fault::Fault;

/// The folders of packages: what is served here, and what was.
pub(super) struct Folders {
    root: PathBuf,
    /// Those that somebody holds.
    held: Mutex<BTreeMap<PathBuf, Weak<Folder>>>,
}

/// The folder of a package, which stays as long as this is held.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Folders {
    /// Those in a folder, which need not be there.
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            held: Mutex::default(),
        }
    }

    /// The folder of a package of a tenant; nothing is written yet.
    pub(super) async fn hold(&self, tenant: &TenantName, package: Digest) -> Arc<Folder> {
        let short = &package.to_string()[..16];
        let path = self.root.join(tenant.as_str()).join(short);
        let mut held = self.held.lock().await;
        if let Some(folder) = held.get(&path).and_then(Weak::upgrade) {
            return folder;
        }
        let folder = Arc::new(Folder(path.clone()));
        held.insert(path, Arc::downgrade(&folder));
        folder
    }

    /// Removes what nobody holds: programs that ran there have ended.
    pub(super) async fn remove_others(&self) -> io::Result<()> {
        // Nobody begins to hold one meanwhile.
        let mut held = self.held.lock().await;
        held.retain(|_, folder| folder.strong_count() > 0);
        for tenant in below(&self.root).await? {
            for folder in below(&tenant).await? {
                if !held.contains_key(&folder) {
                    fs::remove_dir_all(&folder).await?;
                    tracing::debug!(folder = %folder.display(), "removed: nothing runs there any more");
                }
            }
        }
        Ok(())
    }
}

/// What is in a folder; nothing, if that is not there.
async fn below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries = match fs::read_dir(folder).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read?,
    };
    let mut found = Vec::new();
    while let Some(entry) = entries.next_entry().await? {
        found.push(entry.path());
    }
    Ok(found)
}

/// Writes the files of a package into a folder. What stands there as it is to be is not touched: programs of the same
/// package may be running from it.
pub(super) async fn lay_out(folder: &Path, package: &Package) -> Result<(), Fault> {
    let failed = |path: &Path, error: io::Error| {
        Fault::new(
            Kind::Unavailable,
            format!("writing {}: {error}", path.display()),
            "check that the node's data folder may be written and has room",
        )
    };
    // Also where there is nothing to lay out: it is where programs are started.
    fs::create_dir_all(folder)
        .await
        .map_err(|error| failed(folder, error))?;
    for (path, bytes) in &package.files {
        let full = folder.join(path);
        if fs::read(&full).await.is_ok_and(|there| there == *bytes) {
            continue;
        }
        let parent = full.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .await
            .map_err(|error| failed(parent, error))?;
        fs::write(&full, bytes)
            .await
            .map_err(|error| failed(&full, error))?;
    }
    Ok(())
}
