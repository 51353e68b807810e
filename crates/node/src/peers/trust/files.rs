//! Certificates and keys in files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use pem::{EncodeConfig, LineEnding, Pem};
use rustls::pki_types::CertificateDer;

use crate::peers::error::IdentityError;

/// The text of a file.
pub(super) fn read(path: &Path) -> Result<String, IdentityError> {
    fs::read_to_string(path).map_err(|source| failed("reading", path, source))
}

/// The text of a file; nothing, if it is not there.
pub(super) fn read_if_there(path: &Path) -> Result<Option<String>, IdentityError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed("reading", path, source)),
    }
}

/// Writes a file that is not there yet.
pub(super) fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), IdentityError> {
    let written = create(path, text, mode);
    written.map_err(|source| failed("writing", path, source))
}

/// Writes a file, or replaces it as a whole. On disk when this returns.
pub(super) fn replace(path: &Path, text: &str, mode: u32) -> Result<(), IdentityError> {
    let staged = path.with_extension("new");
    let replaced = match fs::remove_file(&staged) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => create(&staged, text, mode),
    };
    let replaced = replaced.and_then(|()| fs::rename(&staged, path)).and_then(|()| {
        // The name is on disk when its folder is.
        path.parent()
            .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    });
    replaced.map_err(|source| failed("writing", path, source))
}

fn create(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn failed(doing: &'static str, path: &Path, source: io::Error) -> IdentityError {
    IdentityError::File {
        doing,
        path: path.to_owned(),
        source,
    }
}

/// A certificate as text.
pub(super) fn certificate_pem(certificate: &CertificateDer<'_>) -> String {
    text("CERTIFICATE", certificate)
}

/// A key in PKCS #8 as text.
pub(super) fn key_pem(key: &[u8]) -> String {
    text("PRIVATE KEY", key)
}

fn text(label: &str, der: &[u8]) -> String {
    let config = EncodeConfig::new().set_line_ending(LineEnding::LF);
    pem::encode_config(&Pem::new(label, der), config)
}
