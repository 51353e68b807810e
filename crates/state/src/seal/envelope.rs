//! The bytes of an envelope.
//!
//! ```text
//! header, in the clear, 68 bytes: format 1 · algorithm 1 · flags 1 · part 1 · key number 4 · key check 4
//!                                 · labels 4 × 2 · epoch 8 · version 8 · nonce 32
//! sealed:                         length of the record 4 · record (postcard) · bytes of the state
//! tag, 16 bytes
//! ```
//! Header and the state's name are authenticated with what is sealed; tenant, application and session are, by the
//! key. Labels and key check only serve to say why an envelope is refused.

use std::collections::BTreeMap;

use bytes::Bytes;
use fogline_core::model::limits::MAX_STATE;
use fogline_core::model::{Birth, ClientId, CommitId, MAX_NAME, NodeName, StateName, Timestamp};
use fogline_core::session::Entry;
use serde::{Deserialize, Serialize, Serializer};

/// The format that is written, and its algorithm: AEGIS-256 (RFC 10032) under a key by HKDF-SHA256. Number 1 was AES-256-GCM,
/// which took twice as long where a processor has AES without its wide instructions.
pub(super) const FORMAT: u8 = 1;
pub(super) const ALGORITHM: u8 = 2;
/// The state's bytes are compressed (LZ4).
const COMPRESSED: u8 = 1;

pub(super) const HEADER_BYTES: usize = 36 + NONCE_BYTES;
pub(super) const TAG_BYTES: usize = 16;
pub(super) const NONCE_BYTES: usize = 32;
pub(super) const CHECK_BYTES: usize = 4;
/// The shortest envelope: what it has around its record, and a record of one byte.
pub(super) const MIN_BYTES: usize = HEADER_BYTES + LENGTH_BYTES + 1 + TAG_BYTES;
/// The longest: a state of the largest size, and room for the record.
pub(super) const MAX_BYTES: u64 = MAX_STATE.0 + (64 << 10);

const LENGTH_BYTES: usize = 4;

/// What stands in front, in the clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) compressed: bool,
    pub(super) part: Birth,
    pub(super) key: u32,
    pub(super) check: [u8; CHECK_BYTES],
    /// Of tenant, application, session and state.
    pub(super) labels: [[u8; 2]; 4],
    pub(super) epoch: u64,
    pub(super) version: u64,
    pub(super) nonce: [u8; NONCE_BYTES],
}

/// Why bytes do not begin with a header.
pub(super) enum BadHeader {
    Short,
    Format(u8),
    Algorithm(u8),
    Damaged,
}

impl Header {
    pub(super) fn bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let part = u8::try_from(self.part.letter()).unwrap_or_default();
        bytes[..4].copy_from_slice(&[FORMAT, ALGORITHM, u8::from(self.compressed) * COMPRESSED, part]);
        bytes[4..8].copy_from_slice(&self.key.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.check);
        bytes[12..20].copy_from_slice(self.labels.as_flattened());
        bytes[20..28].copy_from_slice(&self.epoch.to_be_bytes());
        bytes[28..36].copy_from_slice(&self.version.to_be_bytes());
        bytes[36..].copy_from_slice(&self.nonce);
        bytes
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, BadHeader> {
        let format = *bytes.first().ok_or(BadHeader::Short)?;
        if format != FORMAT {
            return Err(BadHeader::Format(format));
        }
        if bytes.len() < MIN_BYTES {
            return Err(BadHeader::Short);
        }
        let bytes: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(BadHeader::Short)?;
        if bytes[1] != ALGORITHM {
            return Err(BadHeader::Algorithm(bytes[1]));
        }
        if bytes[2] & !COMPRESSED != 0 {
            return Err(BadHeader::Damaged);
        }
        let part = |part: &Birth| part.letter() == char::from(bytes[3]);
        let word = |at: usize| u64::from_be_bytes(std::array::from_fn(|byte| bytes[at + byte]));
        Ok(Self {
            compressed: bytes[2] == COMPRESSED,
            part: Birth::ALL.into_iter().find(part).ok_or(BadHeader::Damaged)?,
            key: u32::from_be_bytes(std::array::from_fn(|byte| bytes[4 + byte])),
            check: std::array::from_fn(|byte| bytes[8 + byte]),
            labels: std::array::from_fn(|label| [bytes[12 + 2 * label], bytes[13 + 2 * label]]),
            epoch: word(20),
            version: word(28),
            nonce: std::array::from_fn(|byte| bytes[36 + byte]),
        })
    }
}

/// Epoch and version of the head as of which an envelope was made, which stand in the clear; `None` if it is none.
#[must_use]
pub fn version_of(sealed: &[u8]) -> Option<(u64, u64)> {
    let header = Header::read(sealed).ok()?;
    Some((header.epoch, header.version))
}

/// 16 bits that mostly differ between texts (FNV-1a, folded).
pub(super) fn label(text: &str) -> [u8; 2] {
    let step = |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let hash = text.bytes().fold(0x811c_9dc5, step);
    let [a, b, c, d] = hash.to_be_bytes();
    [a ^ c, b ^ d]
}

/// What is authenticated beside what is sealed.
pub(super) struct Context {
    bytes: [u8; HEADER_BYTES + MAX_NAME],
    length: usize,
}

impl Context {
    pub(super) fn new(header: &[u8], state: &StateName) -> Self {
        let (header_bytes, state) = (header.len(), state.as_str().as_bytes());
        let length = header_bytes + state.len();
        let mut bytes = [0; HEADER_BYTES + MAX_NAME];
        bytes[..header_bytes].copy_from_slice(header);
        bytes[header_bytes..length].copy_from_slice(state);
        Self { bytes, length }
    }
}

impl AsRef<[u8]> for Context {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// What a head said of a state when an envelope was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sibling {
    /// The commit that had written it.
    pub commit: CommitId,
    /// That commit's version.
    pub version: u64,
    /// The schema number that it was written with.
    pub schema: u32,
    /// How many bytes it had.
    pub bytes: u64,
}

impl From<&Entry> for Sibling {
    fn from(entry: &Entry) -> Self {
        let Entry {
            schema,
            commit,
            version,
            content,
        } = entry;
        Self {
            commit: *commit,
            version: *version,
            schema: *schema,
            bytes: content.len(),
        }
    }
}

/// What is sealed with the bytes, as it is written.
#[derive(Serialize)]
pub(super) struct RecordRef<'a> {
    pub(super) head: CommitId,
    /// The state's own; `None` if it does not exist.
    pub(super) own: Option<Sibling>,
    #[serde(serialize_with = "siblings")]
    pub(super) siblings: &'a BTreeMap<StateName, Entry>,
    pub(super) mark: Option<&'a NodeName>,
    pub(super) holder: Option<ClientId>,
    pub(super) expires: Timestamp,
    pub(super) sealed_at: Timestamp,
}

fn siblings<S: Serializer>(states: &&BTreeMap<StateName, Entry>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(
        states
            .iter()
            .map(|(state, entry)| (state.as_str(), Sibling::from(entry))),
    )
}

/// The same, as it is read.
#[derive(Deserialize)]
pub(super) struct Record {
    pub(super) head: CommitId,
    pub(super) own: Option<Sibling>,
    pub(super) siblings: BTreeMap<StateName, Sibling>,
    pub(super) mark: Option<NodeName>,
    pub(super) holder: Option<ClientId>,
    pub(super) expires: Timestamp,
    pub(super) sealed_at: Timestamp,
}

/// Most bytes of a record without its siblings, and of a sibling, with numbers and names at their longest.
pub(super) const MAX_RECORD: usize = 256;
pub(super) const MAX_SIBLING: usize = 128;

/// Appends the record behind its length.
pub(super) fn append_record(record: &RecordRef<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    let most = LENGTH_BYTES + MAX_RECORD + MAX_SIBLING * record.siblings.len();
    out.resize(start + most, 0);
    let written = postcard::to_slice(record, &mut out[start + LENGTH_BYTES..]);
    let written = written
        .expect("a record has no value that postcard cannot write, and fits")
        .len();
    let length = u32::try_from(written).expect("a few names and numbers");
    out[start..start + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
    out.truncate(start + LENGTH_BYTES + written);
}

/// The record, and how many bytes of `opened` stand before the state's; `None` if that is not what was sealed.
pub(super) fn read_record(opened: &[u8]) -> Option<(Record, usize)> {
    let (length, rest) = opened.split_first_chunk::<LENGTH_BYTES>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (record, after) = postcard::take_from_bytes(rest.get(..length)?).ok()?;
    after.is_empty().then_some((record, LENGTH_BYTES + length))
}

/// An envelope that was opened: one state, as it was when it was sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The state.
    pub state: StateName,
    /// The epoch of the head.
    pub epoch: u64,
    /// The version of the head.
    pub version: u64,
    /// The commit of the head.
    pub head: CommitId,
    /// The state's own; `None` if it did not exist.
    pub own: Option<Sibling>,
    /// Its bytes; `None` if it did not exist.
    pub value: Option<Bytes>,
    /// All states that the head had, this one among them.
    pub siblings: BTreeMap<StateName, Sibling>,
    /// The node that keeps the head without bytes, under `guard = "mark"`.
    pub mark: Option<NodeName>,
    /// The client that may present it, if only one may.
    pub holder: Option<ClientId>,
    /// When the session ends.
    pub expires: Timestamp,
    /// When it was sealed.
    pub sealed_at: Timestamp,
}

impl Opened {
    /// The version at which the state was written or, if it does not exist, is known not to.
    pub(super) fn written(&self) -> u64 {
        self.own.map_or(self.version, |own| own.version)
    }
}
