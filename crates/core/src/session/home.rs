//! Where a part of a session lives, and the key of its record there.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::model::{AppName, Birth, ExecutionModel, NodeName, SessionId, TenantName};

/// Where the head of a part of a session lives between invocations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Home {
    /// The store in the cloud.
    External,
    /// The store of this node.
    InEdge(NodeName),
    /// The memory of this node; its store behind it.
    InFunction(NodeName),
    /// The client. With a node: the head without bytes lives in the store of that node (R14).
    InClient(Option<NodeName>),
}

impl Home {
    /// Where a part of a session was born.
    #[must_use]
    pub fn of_birth(session: &SessionId, part: Birth) -> Self {
        let node = session.node().clone();
        match part {
            Birth::External => Self::External,
            Birth::InEdge => Self::InEdge(node),
            Birth::InFunction => Self::InFunction(node),
            Birth::InClient => Self::InClient(None),
            Birth::InClientMarked => Self::InClient(Some(node)),
        }
    }

    /// Its execution model.
    #[must_use]
    pub fn model(&self) -> ExecutionModel {
        match self {
            Self::External => ExecutionModel::External,
            Self::InEdge(_) => ExecutionModel::InEdge,
            Self::InFunction(_) => ExecutionModel::InFunction,
            Self::InClient(_) => ExecutionModel::InClient,
        }
    }

    /// The home whose record leads to a session that is here: itself, or, for a session that is wholly with its
    /// client, the one at its birth node, where it leaves a forward when it goes (R10).
    #[must_use]
    pub fn keeper(&self, session: &SessionId) -> Self {
        match self {
            Self::InClient(None) => Self::InClient(Some(session.node().clone())),
            other => other.clone(),
        }
    }

    /// The node that keeps the record, if an edge node does.
    #[must_use]
    pub fn node(&self) -> Option<&NodeName> {
        match self {
            Self::External | Self::InClient(None) => None,
            Self::InEdge(node) | Self::InFunction(node) | Self::InClient(Some(node)) => Some(node),
        }
    }
}

impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.model())?;
        match self.node() {
            Some(node) => write!(f, " at {node}"),
            None => Ok(()),
        }
    }
}

/// A session of a tenant's application: whoever knows an id only has not proved whose it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionKey {
    /// Whose.
    pub tenant: TenantName,
    /// Of which application.
    pub app: AppName,
    /// The session.
    pub session: SessionId,
}

/// Ids tell them apart, unless somebody has made one up.
impl Hash for SessionKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.session.hash(state);
    }
}

/// The key of a record: one part of one session, in the home of one model. A session that moves from one model to
/// another on one node has a record in each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordKey {
    /// Whose.
    pub tenant: TenantName,
    /// Of which application.
    pub app: AppName,
    /// The model of the home.
    pub model: ExecutionModel,
    /// The session.
    pub session: SessionId,
    /// The part.
    pub part: Birth,
}

/// What tells nearly all of them apart: keys are looked up several times for each invocation.
impl Hash for RecordKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.session, self.model, self.part).hash(state);
    }
}

impl fmt::Display for RecordKey {
    /// As stores keep it: names have no slash, so prefixes are scopes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            tenant,
            app,
            model,
            session,
            part,
        } = self;
        write!(f, "{tenant}/{app}/{model}/{session}/{}", part.letter())
    }
}
