//! The calls between nodes: a head in postcard's encoding, and body parts that are not copied into it.

use std::collections::BTreeSet;
use std::time::Duration;

use fogline_core::catalogue::{AppKey, Entry, Summary};
use fogline_core::model::{
    AppName, Birth, Bytes, ClientId, Digest, ExecutionModel, FunctionName, InvocationId, NodeName, SessionId,
    StateName, StepName, TenantName, Timestamp,
};
use fogline_core::session::{BlobName, BodyHash, Expect, Home, Origin, RecordKey, Seen, SessionKey};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use thiserror::Error;

use crate::api::Drained;
use crate::problem::Problem;
use crate::trace::TraceContext;

/// The format of these calls. Nodes of one network run versions that share it.
const FORMAT: u8 = 1;

/// A call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// Do what an invocation does. Body: the input, then the envelopes in the order of [`Invoke::envelopes`].
    Invoke(Box<Invoke>),
    /// Read a head and states.
    Load(RecordKey, BTreeSet<StateName>),
    /// Replace a head. Body: the new head, then the blobs in this order; those that are named last were sent ahead.
    Commit(RecordKey, Expect, Vec<BlobName>, Vec<BlobName>),
    /// Keep a blob for a commit that is about to come. Body: the blob.
    Stage(RecordKey, BlobName),
    /// Read a blob.
    Blob(RecordKey, BlobName),
    /// List the records of an application, behind this one, at most so many.
    List(TenantName, AppName, Option<RecordKey>, u32),
    /// Remove a record.
    Erase(RecordKey),
    /// Compare catalogues of applications; mine is summed up so.
    Compare(Summary),
    /// Take in what I know of applications, and answer when you have done what it says. Body: [`Entries`].
    Adopt,
    /// Give the listing of a package.
    Listing(Digest),
    /// Give a piece of a file of a package, by its number from 0.
    Piece(Digest, u32),
    /// Move your sessions to others, for so many milliseconds.
    Drain(u64),
    /// Execute a step of a run and send its output on; answered when you have taken it. Body: the plan of the run, the
    /// input, then the envelopes in the order of [`Hop::envelopes`].
    Hop(Box<Hop>),
    /// A step that the record of a run needs has been executed. Body: the output, then the envelopes.
    Arrive(Box<Arrival>),
    /// It cannot be. Body: nothing, then the envelopes.
    Fail(Box<Arrival>, #[serde(with = "as_json")] Problem),
    /// An operator wants a session that is with its client under this model; who has not come by then will not.
    Ask(Box<SessionKey>, ExecutionModel, Timestamp),
    /// Whether you reach the records of this node, being of its site.
    Reaches(NodeName),
    /// As [`Request::Invoke`], to be dispatched anew by a node that reaches the records of the home's node: its sender
    /// does not.
    Relay(Box<Invoke>),
    /// What this request asks, which is caused by this span of a trace that is recorded.
    Caused(TraceContext, Box<Request>),
}

impl Request {
    /// What a span is called that says how long it took.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Invoke(_) => "invoke",
            Self::Load(..) => "store load",
            Self::Commit(..) => "store commit",
            Self::Stage(..) => "store stage",
            Self::Blob(..) => "store blob",
            Self::List(..) => "store list",
            Self::Erase(_) => "store erase",
            Self::Compare(_) => "compare",
            Self::Adopt => "adopt",
            Self::Listing(_) => "listing",
            Self::Piece(..) => "piece",
            Self::Drain(_) => "drain",
            Self::Hop(_) => "hop",
            Self::Arrive(_) => "arrive",
            Self::Fail(..) => "fail",
            Self::Ask(..) => "ask",
            Self::Reaches(_) => "reaches",
            Self::Relay(_) => "relay",
            Self::Caused(_, request) => request.name(),
        }
    }
}

/// What a node knows of applications, as a body part in the encoding of heads: it may be larger than a head.
pub type Entries = Vec<(AppKey, Entry)>;

/// An invocation on its way to the node that executes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Invoke {
    /// Whose.
    pub tenant: TenantName,
    /// Of which application.
    pub app: AppName,
    /// What is to be done.
    pub target: Target,
    /// For which session, if it is for one.
    pub session: Option<SessionId>,
    /// Its id (R2).
    pub id: InvocationId,
    /// Who named it.
    pub origin: Origin,
    /// What it asks.
    pub body: BodyHash,
    /// When it was admitted (R18).
    pub now: Timestamp,
    /// What its function is told of the time (R18): when it, or the run that it is a step of, was first admitted.
    pub as_of: Timestamp,
    /// How long its caller waits from then on.
    pub timeout: Duration,
    /// When its caller stops waiting, by the clock of whoever has it: clocks are apart.
    pub deadline: Timestamp,
    /// Its random number (R18).
    pub seed: u64,
    /// What the client has seen.
    pub seen: Option<Seen>,
    /// The client that holds the envelopes.
    pub holder: Option<ClientId>,
    /// The states whose envelopes stand behind the input.
    pub envelopes: Vec<StateName>,
    /// Whether it is a step of a run that nodes execute: its envelopes may be of the step before, which its client never had.
    pub step: bool,
    /// How often it was forwarded: the guard against loops.
    pub hops: u8,
    /// Where its sender takes the session to be; whoever gets it looks there first, and not where it last knew it to be.
    pub home: Option<Home>,
    /// Whether it waits for the session's turn here, after too many conflicts (R4).
    pub turn: bool,
    /// Of which trace it is, if that is recorded, and which span sent it.
    pub trace: Option<TraceContext>,
}

impl Request {
    /// Lets what this causes be waited for until then. Whoever gets a request does this: the time that its sender gave is of the
    /// sender's clock.
    pub fn wait_until(&mut self, deadline: Timestamp) {
        match self {
            Self::Invoke(call) | Self::Relay(call) => call.deadline = deadline,
            Self::Hop(hop) => hop.deadline = deadline,
            Self::Caused(_, request) => request.wait_until(deadline),
            _ => {}
        }
    }
}

/// A step of a run on its way to the node that executes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hop {
    /// Whose.
    pub tenant: TenantName,
    /// Of which application.
    pub app: AppName,
    /// For which session.
    pub session: SessionId,
    /// The step.
    pub step: StepName,
    /// Where the run is recorded.
    pub ticket: Ticket,
    /// When whoever asked for the run stops waiting, by the clock of whoever has it.
    pub deadline: Timestamp,
    /// When the run was first admitted (R18).
    pub as_of: Timestamp,
    /// How long whoever asked for it waits from then on.
    pub timeout: Duration,
    /// Of which trace it is.
    pub trace: Option<TraceContext>,
    /// What the client has seen.
    pub seen: Option<Seen>,
    /// The newest that was shown by the steps before it.
    pub shown: Option<Shown>,
    /// The client that holds the envelopes.
    pub holder: Option<ClientId>,
    /// The states whose envelopes stand behind the input, and the steps that made them: their places in the order of
    /// the workflow; none for what the record has.
    pub envelopes: Vec<(StateName, Option<u32>)>,
}

/// Where a run is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The node.
    pub node: NodeName,
    /// Its number of the run, which no other run of it has.
    pub number: u64,
}

/// What a step of a run has shown of the primary part of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// What the client has now seen.
    pub seen: Seen,
    /// The model of the part.
    pub model: ExecutionModel,
}

impl Shown {
    /// The newer of two; what is as new as what was known says where the part is now.
    #[must_use]
    pub fn newest(known: Option<Self>, other: Option<Self>) -> Option<Self> {
        let version = |shown: Option<Self>| shown.map(|shown| (shown.seen.epoch, shown.seen.version));
        if version(other) >= version(known) {
            other
        } else {
            known
        }
    }
}

/// What has come of a step, for the record of its run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arrival {
    /// The [`Ticket::number`] of the run.
    pub number: u64,
    /// The step.
    pub step: StepName,
    /// The newest that was shown on the way.
    pub shown: Option<Shown>,
    /// The states whose envelopes stand behind the output, and the steps that made them.
    pub envelopes: Vec<(StateName, u32)>,
}

/// What an invocation does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// Executes a function.
    Function(FunctionName),
    /// Gives the bytes of a state.
    Get(StateName),
    /// Sets a state to the input.
    Put(StateName),
    /// Deletes a state.
    Remove(StateName),
    /// Lists the states that the client holds.
    List,
    /// Moves the session to another model.
    Convert(ExecutionModel),
    /// Moves a part of the session to another node, under the model that it has.
    Migrate(Birth, NodeName),
    /// Deletes the session.
    Delete,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Function(name) => write!(f, "function {name}"),
            Self::Get(state) => write!(f, "reading state {state}"),
            Self::Put(state) => write!(f, "setting state {state}"),
            Self::Remove(state) => write!(f, "deleting state {state}"),
            Self::List => write!(f, "listing states"),
            Self::Convert(model) => write!(f, "converting to {model}"),
            Self::Migrate(_, node) => write!(f, "migrating to {node}"),
            Self::Delete => write!(f, "deleting the session"),
        }
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Response {
    /// Executed. Body: the output, then the new envelopes in the order of [`Invoked::envelopes`].
    Invoked(Box<Invoked>),
    /// Converted; the session is there. Body: the envelopes that the client must take, if it is with the client.
    Converted(Home, Vec<StateName>),
    /// The session's invocations are executed there, and not here.
    Elsewhere(Home),
    /// There were too many conflicts: that node lets invocations of the session wait their turn (R4).
    TakeTurn(NodeName),
    /// The record, with the states that exist, in this order. Body: the head, then their bytes.
    Record(Vec<StateName>),
    /// What became of the sessions.
    Drained(Drained),
    /// What my catalogue is summed up as. Body: the [`Entries`] of it that are in parts that differ.
    Compared(Summary),
    /// There is none.
    Nothing,
    /// What was asked for, or nothing but success. Body: a blob, the listing of a package, or a piece of a file.
    Done,
    /// The commit conflicts. Body: the head that stands there, if one does.
    Conflict,
    /// Nobody knows what became of the commit.
    Unknown,
    /// Records. Body: their heads.
    Records(Vec<RecordKey>),
    /// It cannot be done. Body: envelopes that the client must take first, if [`Problem::kind`] says so.
    Refused(#[serde(with = "as_json")] Problem, Vec<StateName>),
    /// The first of the records that were asked for: more do not fit into a message. Body: their heads.
    FirstRecords(Vec<RecordKey>),
}

/// An invocation that was executed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Invoked {
    /// Where.
    pub node: NodeName,
    /// Whether it had been executed before.
    pub replayed: bool,
    /// What the client has now seen.
    pub seen: Option<Seen>,
    /// How long the execution took, in microseconds.
    pub execution_us: u64,
    /// The model of the part that it worked on.
    pub model: Option<ExecutionModel>,
    /// The states of that part that are set, and their sizes; none where there is only one node to choose.
    pub states: Vec<(StateName, Bytes)>,
    /// The states whose new envelopes stand behind the output; a deleted state's is empty of bytes, not missing.
    pub envelopes: Vec<StateName>,
    /// What the operator asks the client to convert the session to.
    pub convert: Option<ExecutionModel>,
}

/// A problem leaves out what it does not have, which only a self-describing format can tell.
mod as_json {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

    use crate::problem::Problem;

    pub(super) fn serialize<S: Serializer>(problem: &Problem, to: S) -> Result<S::Ok, S::Error> {
        serde_json::to_string(problem)
            .map_err(ser::Error::custom)?
            .serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Problem, D::Error> {
        serde_json::from_str(&String::deserialize(from)?).map_err(de::Error::custom)
    }
}

/// Why bytes are not a call.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadCall {
    /// The peer runs another version.
    #[error("a call of format {0}, this version speaks {FORMAT}; update the older node")]
    Format(u8),
    /// They are damaged.
    #[error("a damaged call: {0}")]
    Damaged(String),
}

/// The bytes of a call or answer.
#[must_use]
pub fn encode(value: &impl Serialize) -> Vec<u8> {
    let bytes = postcard::to_extend(&FORMAT, Vec::with_capacity(256));
    let bytes = bytes.and_then(|bytes| postcard::to_extend(value, bytes));
    bytes.expect("calls have no value that postcard cannot write, and a vector grows")
}

/// The call or answer that bytes stand for.
///
/// # Errors
/// When they are of another format, or damaged.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BadCall> {
    match bytes.split_first() {
        Some((&FORMAT, rest)) => {
            postcard::from_bytes(rest).map_err(|error| BadCall::Damaged(error.to_string()))
        }
        Some((format, _)) => Err(BadCall::Format(*format)),
        None => Err(BadCall::Damaged("no byte".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::{Response, decode, encode};
    use crate::problem::{Kind, Problem};

    #[test]
    fn a_refusal_arrives_as_it_was_sent() {
        let mut problem = Problem::new(Kind::InvalidInput, "what happened", "what to do");
        for step in [None, Some("f2".to_owned())] {
            problem.step = step;
            let refused = Response::Refused(problem.clone(), Vec::new());
            assert_eq!(decode::<Response>(&encode(&refused)), Ok(refused));
        }
    }

    #[test]
    fn calls_of_another_format_are_named_so() {
        let mut bytes = encode(&Response::Nothing);
        bytes[0] = 9;
        assert!(
            decode::<Response>(&bytes)
                .unwrap_err()
                .to_string()
                .contains("format 9")
        );
    }
}
