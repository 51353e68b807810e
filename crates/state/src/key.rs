//! The text of a record's key, read back, and the ranges of keys that belong together.

use fogline_core::model::{AppName, Birth, TenantName};
use fogline_core::session::{BadHead, RecordKey};

use crate::StoreError;

/// The key that a text stands for, as [`RecordKey`]'s `Display` writes it.
pub(crate) fn read(text: &str) -> Result<RecordKey, StoreError> {
    parse(text).ok_or_else(|| StoreError::Damaged {
        key: text.chars().take(400).collect(),
        source: BadHead::Damaged("its key is not TENANT/APP/MODEL/SESSION/PART".to_owned()),
    })
}

fn parse(text: &str) -> Option<RecordKey> {
    let mut words = text.split('/');
    let key = RecordKey {
        tenant: words.next()?.parse().ok()?,
        app: words.next()?.parse().ok()?,
        model: words.next()?.parse().ok()?,
        session: words.next()?.parse().ok()?,
        part: part(words.next()?)?,
    };
    words.next().is_none().then_some(key)
}

fn part(letter: &str) -> Option<Birth> {
    Birth::ALL
        .into_iter()
        .find(|part| letter.chars().eq([part.letter()]))
}

/// The texts of an application's keys: from the first, included, to the second, excluded. Names have no slash, and
/// `0` follows the slash in the order of bytes, so no other application's key is between them.
pub(crate) fn scope(tenant: &TenantName, app: &AppName) -> (String, String) {
    (format!("{tenant}/{app}/"), format!("{tenant}/{app}0"))
}

/// What is behind a key and a slash: its blobs.
pub(crate) fn blobs(key: &str) -> (String, String) {
    (format!("{key}/"), format!("{key}0"))
}

/// The key of the record that a blob's row belongs to.
pub(crate) fn of_blob(row: &str) -> Option<&str> {
    let (end, _) = row.match_indices('/').nth(4)?;
    Some(&row[..end])
}

#[cfg(test)]
mod tests {
    use fogline_core::model::{ExecutionModel, SessionId};

    use super::*;

    #[test]
    fn a_key_is_read_back_from_its_text() {
        for part in Birth::ALL {
            let key = RecordKey {
                tenant: "acme".parse().unwrap(),
                app: "shop".parse().unwrap(),
                model: ExecutionModel::InEdge,
                session: SessionId::mint("edge-1".parse().unwrap(), vec![part], [9; 16]).unwrap(),
                part,
            };
            assert_eq!(read(&key.to_string()).unwrap(), key);
            assert_eq!(
                of_blob(&format!("{key}/1/c/state/s")),
                Some(key.to_string().as_str())
            );
        }
    }

    #[test]
    fn what_is_no_key_is_damage() {
        for bad in [
            "",
            "a/b/in-edge",
            "a/b/in-edge/s/e",
            "A/b/in-edge/e_e_x/e",
            "a/b/c/d/e/f",
        ] {
            assert!(matches!(read(bad), Err(StoreError::Damaged { .. })), "{bad}");
        }
    }
}
