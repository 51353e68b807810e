//! Where the files of processes are laid out: they are started in the folder of their manifest.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Weak};

use fogline_core::model::{Digest, TenantName};
use fogline_protocol::problem::Kind;
use tokio::fs;
use tokio::sync::Mutex;

use super::package::Package;
use crate::fault::Fault;

/// The longest name of a file, in bytes: of most systems.
const MAX_NAME: usize = 255;
/// The longest path below a package's folder, in bytes: systems allow a few thousand in all.
const MAX_PATH: usize = 1024;

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

/// Refuses a package whose files do not fit beside each other into a folder: no node could lay them out.
pub(super) fn check_paths(package: &Package) -> Result<(), Fault> {
    let refused = |path: &str, problem: &str| {
        let title = format!("the path {path} {problem}");
        let hint = "name files beside the manifest, without .. and not from the root";
        Fault::new(Kind::BadRequest, title, hint)
    };
    let mut files = BTreeMap::new();
    for path in package.files.keys() {
        let normal = normal(path).ok_or_else(|| refused(path, "leaves the application's folder"))?;
        if normal.as_os_str().len() > MAX_PATH || normal.iter().any(|name| name.len() > MAX_NAME) {
            return Err(refused(path, "is longer than a path may be"));
        }
        if files.insert(normal, path).is_some() {
            return Err(refused(path, "leads to a file that is there already"));
        }
    }
    for (normal, path) in &files {
        if normal
            .ancestors()
            .skip(1)
            .any(|folder| files.contains_key(folder))
        {
            return Err(refused(path, "is below another file"));
        }
    }
    Ok(())
}

/// The path of a file below a folder as it is written without detours; nothing, if it is none.
fn normal(path: &str) -> Option<PathBuf> {
    let names = Path::new(path).components().map(|it| match it {
        Component::Normal(name) => Some(name),
        _ => None,
    });
    let normal: PathBuf = names.collect::<Option<_>>()?;
    let is_file = !normal.as_os_str().is_empty() && !path.ends_with('/') && !path.contains('\0');
    is_file.then_some(normal)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(paths: &[&str]) -> Result<(), Kind> {
        let files = paths.iter().map(|path| ((*path).to_owned(), "".into()));
        let package = Package {
            manifest: String::new(),
            files: files.collect(),
        };
        check_paths(&package).map_err(|fault| fault.problem().kind)
    }

    #[test]
    fn files_that_cannot_stand_beside_each_other_are_the_callers_mistake() {
        let (name, path) = ("n".repeat(255), "n/".repeat(511) + "n");
        for good in [
            &["a", "b/a", "b/c/a", ".a", "b.a"][..],
            &[name.as_str()],
            &[path.as_str()],
            &[],
        ] {
            assert_eq!(check(good), Ok(()), "{good:?}");
        }
        let (name, path) = (name + "n", path + "/n");
        for bad in [
            &[""][..],
            &["."],
            &["/"],
            &["/a"],
            &["a/"],
            &["a/../b"],
            &["a\0"],
            &["a", "a/b"],
            &["a", "a/b/c"],
            &["a/b", "a//b"],
            &[name.as_str()],
            &[path.as_str()],
        ] {
            assert_eq!(check(bad), Err(Kind::BadRequest), "{bad:?}");
        }
    }
}
