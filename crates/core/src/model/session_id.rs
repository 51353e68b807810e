//! Session ids: where to ask first.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use arrayvec::ArrayVec;
use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};

use super::execution_model::ExecutionModel;
use super::id::BadId;
use super::name::NodeName;

/// How a part of a session was born: under which model, and whether its versions are marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Birth {
    /// In the cloud's store.
    External,
    /// In the store of the birth node.
    InEdge,
    /// In the memory of the birth node.
    InFunction,
    /// With the client, unguarded: no node knows of it.
    InClient,
    /// With the client, its head without bytes in the store of the birth node (R14).
    InClientMarked,
}

impl Birth {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::External,
        Self::InEdge,
        Self::InFunction,
        Self::InClient,
        Self::InClientMarked,
    ];

    /// The execution model.
    #[must_use]
    pub fn model(self) -> ExecutionModel {
        match self {
            Self::External => ExecutionModel::External,
            Self::InEdge => ExecutionModel::InEdge,
            Self::InFunction => ExecutionModel::InFunction,
            Self::InClient | Self::InClientMarked => ExecutionModel::InClient,
        }
    }

    /// Its letter in a session id.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::External => 'x',
            Self::InEdge => 'e',
            Self::InFunction => 'f',
            Self::InClient => 'c',
            Self::InClientMarked => 'm',
        }
    }
}

/// A session: where it was born, and 16 random bytes; minted once, never reused (R3, R10).
///
/// Its text is `NODE_PARTS_RANDOM`, as `edge-1_e_7qkmyx…`: the node, a letter for each part of the session
/// ([`Birth::letter`]; the first is the part of the states without a model of their own), and the random bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionId {
    node: NodeName,
    parts: ArrayVec<Birth, 4>,
    random: [u8; 16],
}

const FORM: &str = "a session id: NODE_PARTS_RANDOM, as edge-1_e_ and 26 letters and digits";

impl SessionId {
    /// A session born on a node in these parts, the primary one first; `None` when there is no part, or two of
    /// one model.
    #[must_use]
    pub fn mint(node: NodeName, parts: Vec<Birth>, random: [u8; 16]) -> Option<Self> {
        Self::of(node, parts.into_iter().map(Some), random)
    }

    fn of(node: NodeName, parts: impl Iterator<Item = Option<Birth>>, random: [u8; 16]) -> Option<Self> {
        let mut births = ArrayVec::new();
        for part in parts {
            births.try_push(part?).ok()?;
        }
        distinct(&births).then_some(Self {
            node,
            parts: births,
            random,
        })
    }

    /// Its birth node.
    #[must_use]
    pub fn node(&self) -> &NodeName {
        &self.node
    }

    /// Its parts, the primary one first: states of one model hang from one head.
    #[must_use]
    pub fn parts(&self) -> &[Birth] {
        &self.parts
    }

    /// The part of the states without a model of their own.
    #[must_use]
    pub fn primary(&self) -> Birth {
        self.parts[0]
    }

    /// The part that holds a state which the manifest puts under `model`, or under none: a state that came later,
    /// under a model that the session was not born with, is with the primary part.
    #[must_use]
    pub fn part_of(&self, model: Option<ExecutionModel>) -> Birth {
        let born = |part: &&Birth| Some(part.model()) == model;
        self.parts.iter().find(born).copied().unwrap_or(self.primary())
    }

    /// Its random bytes.
    #[must_use]
    pub fn random(&self) -> [u8; 16] {
        self.random
    }
}

/// Only the random bytes, which no two sessions share: ids are looked up several times for each invocation.
impl Hash for SessionId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.random.hash(state);
    }
}

fn distinct(parts: &[Birth]) -> bool {
    let twice = |(at, part): (usize, &Birth)| parts[..at].iter().any(|other| other.model() == part.model());
    !parts.is_empty() && !parts.iter().enumerate().any(twice)
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: String = self.parts.iter().map(|part| part.letter()).collect();
        let random = BASE32_NOPAD.encode(&self.random).to_ascii_lowercase();
        write!(f, "{}_{parts}_{random}", self.node)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for SessionId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        read(text).ok_or_else(|| BadId {
            text: text.chars().take(128).collect(),
            what: FORM,
        })
    }
}

fn read(text: &str) -> Option<SessionId> {
    let (node, rest) = text.split_once('_')?;
    let (letters, random) = rest.split_once('_')?;
    let part = |letter| Birth::ALL.into_iter().find(|part| part.letter() == letter);
    SessionId::of(node.parse().ok()?, letters.chars().map(part), bytes(random)?)
}

/// Lower case only, so that a session has one text.
fn bytes(text: &str) -> Option<[u8; 16]> {
    let mut upper = [0; 26];
    if text.len() != upper.len() || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    upper.copy_from_slice(text.as_bytes());
    upper.make_ascii_uppercase();
    let mut bytes = [0; 16];
    BASE32_NOPAD.decode_mut(&upper, &mut bytes).ok()?;
    Some(bytes)
}

impl TryFrom<String> for SessionId {
    type Error = BadId;

    fn try_from(text: String) -> Result<Self, BadId> {
        text.parse()
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{Birth, ExecutionModel, SessionId};

    fn id(parts: &[Birth]) -> SessionId {
        SessionId::mint("edge-1".parse().unwrap(), parts.to_vec(), [7; 16]).unwrap()
    }

    #[test]
    fn a_session_id_says_where_the_session_was_born() {
        let id = id(&[Birth::InEdge, Birth::InClientMarked]);
        let text = id.to_string();
        assert!(text.starts_with("edge-1_em_"), "{text}");
        assert_eq!(text.parse::<SessionId>().unwrap(), id);
    }

    #[test]
    fn a_state_is_with_the_part_of_its_model_or_with_the_primary_one() {
        let id = id(&[Birth::InEdge, Birth::InClient]);
        assert_eq!(id.part_of(None), Birth::InEdge);
        assert_eq!(id.part_of(Some(ExecutionModel::InClient)), Birth::InClient);
        assert_eq!(id.part_of(Some(ExecutionModel::External)), Birth::InEdge);
    }

    #[test]
    fn what_is_no_session_id_is_refused() {
        let good = id(&[Birth::External]).to_string();
        for bad in [
            String::new(),
            good.replace("_x_", "_"),
            good.replace("_x_", "_z_"),
            good.replace("_x_", "_xx_"),
            good.replace("_x_", "_cm_"),
            good.to_uppercase(),
            format!("{good}_a"),
            good[..good.len() - 1].to_owned(),
        ] {
            assert!(bad.parse::<SessionId>().is_err(), "{bad}");
        }
    }
}
