//! Bodies of several parts: what goes to a node with envelopes (`multipart/form-data`), and what comes back
//! (`multipart/mixed`). Both are framed alike, and each part has a name.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use data_encoding::HEXLOWER;
use fogline_core::model::StateName;
use fogline_core::model::limits::MAX_FILES;
use futures_util::stream;
use thiserror::Error;

/// The part that holds a function's or run's input.
pub const INPUT: &str = "input";
/// The part that holds an output, or a run's result.
pub const OUTPUT: &str = "output";
/// The part that holds a state's bytes.
pub const VALUE: &str = "value";
/// The part that holds an [`crate::api::Convert`].
pub const CONVERT: &str = "convert";
/// The part that holds a [`crate::api::Session`].
pub const SESSION: &str = "session";
/// The part that holds a [`crate::problem::Problem`].
pub const PROBLEM: &str = "problem";
/// The part that holds an application's manifest.
pub const MANIFEST: &str = "manifest";

const STATE: &str = "state.";

/// Most parts that a body may have: a manifest and its files, which are more than an application may declare states.
pub const MAX_PARTS: usize = MAX_FILES + 1;

/// The name of the part that holds a state's envelope. An empty part says that there is no such state any more.
#[must_use]
pub fn state_part(state: &StateName) -> String {
    format!("{STATE}{state}")
}

/// The state whose envelope a part holds; none for other parts, and for those whose name is no state's.
#[must_use]
pub fn state_of(part: &str) -> Option<StateName> {
    part.strip_prefix(STATE)?.parse().ok()
}

/// A part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Its media type, if it is not just bytes.
    pub media_type: Option<String>,
    /// Its bytes.
    pub bytes: Bytes,
}

impl Part {
    /// A part of bytes.
    pub fn new(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self {
            name: name.into(),
            media_type: None,
            bytes: bytes.into(),
        }
    }

    /// A part of JSON.
    pub fn json(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self {
            media_type: Some("application/json".to_owned()),
            ..Self::new(name, bytes)
        }
    }
}

/// Which kind of body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subtype {
    /// `multipart/form-data`: from a client to a node, as `curl -F` sends it.
    FormData,
    /// `multipart/mixed`: from a node to a client.
    Mixed,
}

impl Subtype {
    fn media_type(self) -> &'static str {
        match self {
            Self::FormData => "multipart/form-data",
            Self::Mixed => "multipart/mixed",
        }
    }
}

/// What stands between the parts. It is random, so that nobody can write a part that contains it.
#[derive(Clone, PartialEq, Eq)]
pub struct Boundary(String);

impl Boundary {
    /// From 16 random bytes.
    #[must_use]
    pub fn new(random: [u8; 16]) -> Self {
        Self(HEXLOWER.encode(&random))
    }

    /// The body's media type.
    #[must_use]
    pub fn content_type(&self, subtype: Subtype) -> String {
        format!("{}; boundary={}", subtype.media_type(), self.0)
    }
}

impl fmt::Debug for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a media type is that of a body of several parts.
#[must_use]
pub fn is_multipart(content_type: &str) -> bool {
    let start = content_type.trim_start().as_bytes();
    start
        .get(..10)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/"))
}

/// A body of these parts. Names must be text without control characters, as all of [`state_part`] are.
#[must_use]
pub fn write(boundary: &Boundary, parts: &[Part]) -> Bytes {
    const FRAME: usize = 160;
    let length = parts
        .iter()
        .map(|part| FRAME + part.name.len() + part.bytes.len())
        .sum::<usize>()
        + FRAME;
    let mut body = BytesMut::with_capacity(length);
    for part in parts {
        let name = part.name.replace('"', "%22");
        let media_type = part.media_type.as_deref().unwrap_or("application/octet-stream");
        let head = format!(
            "--{}\r\nContent-Disposition: form-data; name=\"{name}\"\r\nContent-Type: {media_type}\r\n\r\n",
            boundary.0
        );
        body.put_slice(head.as_bytes());
        body.put_slice(&part.bytes);
        body.put_slice(b"\r\n");
    }
    body.put_slice(format!("--{}--\r\n", boundary.0).as_bytes());
    body.freeze()
}

/// Why a body cannot be taken apart.
#[derive(Debug, Error)]
pub enum BadMultipart {
    /// The frame is not that of a multipart body.
    #[error("reading the parts of a body")]
    Frame(#[source] multer::Error),
    /// A part has no name.
    #[error("a part of the body has no name")]
    Nameless,
    /// Two parts have one name.
    #[error("two parts of the body are named \"{0}\"")]
    Twice(String),
    /// There are too many.
    #[error("the body has more than {MAX_PARTS} parts")]
    TooMany,
}

/// The parts of a body that is there as a whole; of either subtype. No two have one name. It does not wait.
///
/// # Errors
/// When the body is not framed as its media type says.
pub async fn read(content_type: &str, body: Bytes) -> Result<Vec<Part>, BadMultipart> {
    let boundary = boundary(content_type).map_err(BadMultipart::Frame)?;
    let whole = stream::iter([Ok::<_, multer::Error>(body)]);
    let mut fields = multer::Multipart::new(whole, boundary);
    let mut parts: Vec<Part> = Vec::new();
    while let Some(field) = fields.next_field().await.map_err(BadMultipart::Frame)? {
        let name = field.name().ok_or(BadMultipart::Nameless)?.to_owned();
        if parts.len() == MAX_PARTS {
            return Err(BadMultipart::TooMany);
        }
        if parts.iter().any(|part| part.name == name) {
            return Err(BadMultipart::Twice(name.chars().take(80).collect()));
        }
        let media_type = field.content_type().map(ToString::to_string);
        let bytes = field.bytes().await.map_err(BadMultipart::Frame)?;
        parts.push(Part {
            name,
            media_type,
            bytes,
        });
    }
    Ok(parts)
}

/// multer knows `form-data` only, but frames and parameters of `mixed` are the same.
fn boundary(content_type: &str) -> Result<String, multer::Error> {
    let mixed = Subtype::Mixed.media_type();
    let start = content_type.trim_start();
    match start.get(..mixed.len()) {
        Some(subtype) if subtype.eq_ignore_ascii_case(mixed) => {
            let rest = &start[mixed.len()..];
            multer::parse_boundary(format!("{}{rest}", Subtype::FormData.media_type()))
        }
        _ => multer::parse_boundary(start),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::{BadMultipart, Boundary, Part, Subtype, is_multipart, read, state_of, state_part, write};

    fn read_now(content_type: &str, body: Bytes) -> Result<Vec<Part>, BadMultipart> {
        read(content_type, body)
            .now_or_never()
            .expect("a body that is there needs no waiting")
    }

    fn octets(name: &str, bytes: &[u8]) -> Part {
        let media_type = Some("application/octet-stream".to_owned());
        Part {
            media_type,
            ..Part::new(name, bytes.to_vec())
        }
    }

    #[test]
    fn states_have_parts_of_their_own() {
        let name = "cart".parse().unwrap();
        assert_eq!(state_of(&state_part(&name)), Some(name));
        assert_eq!(state_of("input"), None);
        assert_eq!(state_of("state.Not a name"), None);
    }

    #[test]
    fn what_curl_sends_is_read() {
        let body = "--B\r\nContent-Disposition: form-data; name=\"input\"\r\n\r\n3\r\n--B\r\n\
             Content-Disposition: form-data; name=\"state.total\"; filename=\"total.bin\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n\x01\x02\r\n--B--\r\n";
        let parts = read_now("multipart/form-data; boundary=B", body.into()).unwrap();
        assert_eq!(
            parts,
            [Part::new("input", "3"), octets("state.total", b"\x01\x02")]
        );
    }

    #[test]
    fn what_is_not_framed_is_refused() {
        let boundary = Boundary::new([1; 16]);
        let content_type = boundary.content_type(Subtype::Mixed);
        let whole = write(&boundary, &[Part::new("a", "1"), Part::new("b", "2")]);
        let read = |body: Bytes| read_now(&content_type, body);
        assert!(matches!(
            read(whole.slice(..whole.len() - 30)),
            Err(BadMultipart::Frame(_))
        ));
        assert!(matches!(
            read(Bytes::from_static(b"random")),
            Err(BadMultipart::Frame(_))
        ));
        let twice = write(&boundary, &[Part::new("a", "1"), Part::new("a", "2")]);
        assert!(matches!(read(twice), Err(BadMultipart::Twice(_))));
        let many: Vec<_> = (0..257).map(|at| Part::new(format!("p{at}"), "")).collect();
        assert!(matches!(
            read(write(&boundary, &many)),
            Err(BadMultipart::TooMany)
        ));
        assert!(matches!(
            read_now("text/plain", whole),
            Err(BadMultipart::Frame(_))
        ));
        assert!(
            is_multipart("Multipart/Mixed; boundary=x") && !is_multipart("text/plain") && !is_multipart("é")
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            parts in prop::collection::btree_map("[a-z0-9./-]{1,20}", prop::collection::vec(any::<u8>(), 0..200), 0..6),
            random in any::<[u8; 16]>(),
            mixed in any::<bool>(),
        ) {
            let boundary = Boundary::new(random);
            let parts: Vec<_> = parts.iter().map(|(name, bytes)| octets(name, bytes)).collect();
            let subtype = if mixed { Subtype::Mixed } else { Subtype::FormData };
            let body = write(&boundary, &parts);
            prop_assert_eq!(read_now(&boundary.content_type(subtype), body).unwrap(), parts);
        }

        #[test]
        fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_now("multipart/mixed; boundary=\r", Bytes::from(body.clone()));
            let _ = read_now("multipart/mixed; boundary=b", Bytes::from([b"--b\r\n".to_vec(), body].concat()));
        }
    }
}
