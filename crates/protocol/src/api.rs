//! The client API over HTTP, version 1.
//!
//! | method and path | does | body → answer |
//! |---|---|---|
//! | `POST /v1/apps?force=BOOL` | deploys, also, if forced, what cannot read what is stored | multipart/form-data: `manifest` (fogline.toml), one part per component, named by its path → [`App`] |
//! | `GET /v1/apps` | lists | → [`Apps`] |
//! | `GET /v1/apps/{app}` | describes | → [`App`] |
//! | `POST /v1/apps/{app}/rollback` | deploys the version before | → [`App`] |
//! | `DELETE /v1/apps/{app}` | deletes it; its sessions are gone with it | |
//! | `GET /v1/apps/{app}/logs?after=N` | the log of its functions on this node | → [`Logs`] |
//! | `POST /v1/apps/{app}/functions/{function}` | invokes a function that declares no state | input → output |
//! | `POST /v1/apps/{app}/sessions` | creates a session | nothing, or [`NewSession`] → [`Session`] (201) |
//! | `GET /v1/apps/{app}/sessions?after=ID&limit=N` | lists those that nodes and the cloud know of | → [`Sessions`] |
//! | `GET …/sessions/{session}` | describes | → [`Session`] |
//! | `DELETE …/sessions/{session}` | deletes | |
//! | `POST …/sessions/{session}/functions/{function}` | invokes | input → output |
//! | `POST …/functions/{function}/explain` | says where the invocation would run, and executes nothing | as the invocation → [`Explanation`] |
//! | `POST …/sessions/{session}/runs` | runs the workflow | input → result; with `Prefer: respond-async`: [`Run`] (202) |
//! | `GET …/sessions/{session}/runs/{run}` | how a run is | → [`Run`] |
//! | `GET …/sessions/{session}/runs/{run}/result` | its result | → result |
//! | `GET …/sessions/{session}/states` | lists states | → [`States`] |
//! | `GET`, `PUT`, `DELETE …/states/{state}` | a state's bytes | bytes |
//! | `POST …/states/{state}/open` | the bytes of a state that the client holds | multipart/form-data: its envelope → bytes |
//! | `POST …/sessions/{session}/states` | lists states that the client holds | multipart/form-data: their envelopes → [`States`] |
//! | `GET /v1/nodes` | lists the nodes (any tenant) | → [`Nodes`] |
//! | `GET /v1/quota` | what the tenant may use of this node, and uses | → [`Quota`] |
//! | `POST /v1/nodes/{node}/drain` | moves a node's sessions to others (operators only) | – → [`Drained`] |
//! | `POST …/sessions/{session}/migrate` | moves the session to another node | [`Migrate`] → [`Session`] |
//! | `POST …/sessions/{session}/convert` | moves the session to another model | [`Convert`] → [`Session`] |
//! | `GET /livez`, `/readyz`, `/metrics`, `/openapi.json` | | |
//!
//! A session whose states are with the client (`in-client`) is used with `multipart/form-data`: part `input`, and a
//! part `state.NAME` with the envelope of each state that the client holds. The answer is `multipart/mixed` with a
//! part `output` and a part `state.NAME` for each new envelope; with `Accept: application/json` it is an
//! [`Envelopes`]. The client keeps what it got, as a set. An empty envelope says that there is nothing to keep
//! any more. `PUT …/states/{state}` then has the part `value`, `DELETE` none, and both all envelopes; a conversion has
//! the part `convert`, and is answered with [`Session`] alone, or with the part `session` and the envelopes when the
//! session comes to the client. Every request with envelopes says who sends it, in `fogline-client`; a conversion
//! without envelopes and without `fogline-client` is an operator's, and waits for the client's next request.
//!
//! The problem `moving-to-client` brings the envelopes beside the part `problem`: the client keeps them, if it does not
//! hold them already, and sends its request again. So does any other problem of a request that has changed states.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use fogline_core::application::{Durability, Guard};
use fogline_core::model::{
    AppName, ExecutionModel, FunctionName, NodeName, RunId, Seconds, SessionId, StateName, StepName,
    TenantName, Timestamp,
};
use fogline_core::policy::Placement;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// An application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct App {
    /// Its name.
    pub name: AppName,
    /// Its version, as its author calls it.
    pub version: String,
    /// What is deployed: SHA-256 of the manifest and the components' digests, 64 hexadecimal digits.
    pub digest: String,
    /// Where states without a model of their own live, in new sessions.
    pub model: ExecutionModel,
    /// Under in-function: what an update survives.
    pub durability: Durability,
    /// Under in-client: whether a roll-back is refused.
    pub guard: Guard,
    /// Its functions.
    pub functions: Vec<AppFunction>,
    /// Its states.
    pub states: Vec<AppState>,
    /// The steps of a run, in topological order.
    pub workflow: Vec<AppStep>,
    /// In the answer to its deployment: the nodes that do not have it yet. They get it by themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<NodeName>,
}

/// A function of an application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppFunction {
    /// Its name.
    pub name: FunctionName,
    /// States that it reads.
    pub reads: Vec<StateName>,
    /// States that it may change.
    pub writes: Vec<StateName>,
}

/// A state of an application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppState {
    /// Its name.
    pub name: StateName,
    /// Where it lives, in new sessions.
    pub model: ExecutionModel,
    /// Whether the manifest says so of this very state, so that it is apart from the session's primary part.
    pub own_model: bool,
    /// The number of its schema.
    pub schema: u32,
}

/// A step of a workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppStep {
    /// Its name.
    pub name: StepName,
    /// The function that it invokes.
    pub function: FunctionName,
    /// The steps whose outputs are its input, in this order.
    pub after: Vec<StepName>,
}

/// The applications of a tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Apps {
    /// By name.
    pub apps: Vec<App>,
}

/// What a new session may be asked to be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSession {
    /// Where states without a model of their own live; by default as the manifest says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ExecutionModel>,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub session: SessionId,
    /// Its parts, the primary one first: the states of one model hang from one head.
    pub parts: Vec<SessionPart>,
    /// In the answer to its creation: the envelopes of the states that its client holds from now on, in base64.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub envelopes: BTreeMap<StateName, String>,
}

/// A part of a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionPart {
    /// Where it is now.
    pub model: ExecutionModel,
    /// The node that keeps its record, if an edge node does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
    /// Raised by each move.
    pub epoch: u64,
    /// Raised by each commit.
    pub version: u64,
    /// When it ends, unless it is used before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_unix_ms: Option<Timestamp>,
    /// Its states.
    pub states: Vec<StateInfo>,
    /// What a reader under another model gets: a snapshot of its own (R15). True for all but the primary part.
    pub separate_snapshot: bool,
}

/// A state of a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StateInfo {
    /// Its name.
    pub name: StateName,
    /// Its size.
    pub bytes: u64,
    /// The number of its schema.
    pub schema: u32,
    /// The version whose commit wrote it.
    pub version: u64,
}

/// Sessions in the order of their ids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sessions {
    /// At most as many as were asked for.
    pub sessions: Vec<Session>,
    /// What to put into `after` for the next ones, if there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<SessionId>,
    /// The nodes that did not answer, by name, and [`EXTERNAL`] if the store in the cloud did not: what they keep is
    /// missing here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreachable: Vec<String>,
}

/// What stands in [`Sessions::unreachable`] for the store behind the model `external`.
pub const EXTERNAL: &str = "external";

/// The states of a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct States {
    /// By name.
    pub states: Vec<StateInfo>,
}

/// Where a session is to move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convert {
    /// The model.
    pub to: ExecutionModel,
}

/// Where a session is to live.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Migrate {
    /// The node.
    pub node: NodeName,
}

/// The nodes of the network, by name, as the node that is asked sees them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Nodes {
    /// The node that is asked.
    pub here: NodeName,
    /// It, and the others that it knows.
    pub nodes: Vec<NodeInfo>,
}

/// What a tenant may use of a node, and uses. What has no bound is not counted, and left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// The node: others have quotas of their own.
    pub node: NodeName,
    /// The tenant.
    pub tenant: TenantName,
    /// Sessions that the node keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<Share>,
    /// Bytes of the states that the node keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Share>,
    /// Requests that the node admits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Requests>,
}

/// How much of something is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// So much.
    pub used: u64,
    /// The most.
    pub most: u64,
}

/// How many requests a node admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    /// Now.
    pub left: u32,
    /// In the long run, in a second.
    pub per_second: u32,
    /// At once, after a time without any.
    pub burst: u32,
}

/// A node, as another sees it. What that does not know is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// Its name.
    pub name: NodeName,
    /// Whether it is there.
    pub presence: Presence,
    /// For how long it is (or is not), in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    /// Where clients reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<SocketAddr>,
    /// Where other nodes reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peering: Option<SocketAddr>,
    /// What it last said of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telemetry: Option<NodeTelemetry>,
    /// A short message there and its answer, in microseconds, as measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_us: Option<u64>,
    /// Rate of large transfers to it, in bits per second, as measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_bps: Option<u64>,
}

/// Whether a node is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// It is heard from.
    Alive,
    /// It is not heard from.
    Silent,
    /// It has said that it leaves.
    Left,
    /// It was listed, and nobody says how it is.
    Listed,
}

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeTelemetry {
    /// Instruction set, as `aarch64`.
    pub arch: String,
    /// Accelerators and labels, as `gpu=pascal`.
    pub capabilities: Vec<String>,
    /// Whether it runs functions.
    pub functions: bool,
    /// Whether it issues certificates.
    pub issuer: bool,
    /// Whether it is being emptied.
    pub draining: bool,
    /// Invocations that wait for a slot.
    pub queued: u32,
    /// Invocations that are being executed.
    pub running: u32,
    /// Invocations that can be executed at once.
    pub slots: u32,
    /// Processor time in use by anything on the machine, in thousandths of all of it.
    pub busy_permille: u16,
    /// Memory that is free, in bytes.
    pub free_memory: u64,
}

/// What became of the sessions of a node that was to be emptied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drained {
    /// Those that other nodes have now.
    pub moved: u64,
    /// Those that are still there: time was over, or the node's log says why.
    pub left: u64,
    /// Runs that were left to the node and have not ended there; the states that clients have lent to them are nowhere else.
    pub runs: u64,
}

/// Where an invocation would run, were it the next that the node is asked for, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The node that decides: the one that was asked.
    pub node: NodeName,
    /// The application's placement policy.
    pub policy: Placement,
    /// Where the states are on which the function works; none if it declares none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ExecutionModel>,
    /// The node that has them, if an edge node does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<NodeName>,
    /// Size of the input.
    pub input_bytes: u64,
    /// The states that it declares and that are set; the others count as large as the manifest says.
    pub states: Vec<StateSize>,
    /// What decided.
    pub because: Because,
    /// The node that would execute it; none if no node can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<NodeName>,
    /// All nodes that run functions, by name.
    pub candidates: Vec<Candidate>,
}

/// How large a state is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StateSize {
    /// Its name.
    pub name: StateName,
    /// Its size.
    pub bytes: u64,
}

/// What decided where an invocation would run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Because {
    /// The application's policy.
    Policy,
    /// The session's states are in the memory of a node, which executes its invocations.
    Owner,
    /// No other node runs functions.
    OnlyNode,
}

/// A node, as the policy saw it: what one invocation is reckoned to take there, in seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Which.
    pub node: NodeName,
    /// What the policy goes by: the terms together, or what was measured in their place; none of a node that is out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score_seconds: Option<Seconds>,
    /// Waiting for a slot.
    pub queue_seconds: Seconds,
    /// Executing.
    pub processing_seconds: Seconds,
    /// Bringing the arguments.
    pub arguments_seconds: Seconds,
    /// Bringing the results back.
    pub results_seconds: Seconds,
    /// Reading and writing states, wherever they are.
    pub states_seconds: Seconds,
    /// How long ago it last said something of itself; none if it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard_seconds_ago: Option<Seconds>,
    /// Why it is out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excluded: Option<String>,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its id, 32 hexadecimal digits.
    #[serde(with = "text")]
    pub run: RunId,
    /// The node that keeps its record.
    pub node: NodeName,
    /// How it is.
    pub status: RunStatus,
    /// The steps that have finished.
    pub finished: Vec<StepName>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// Who runs a workflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunBy {
    /// The node that is asked for it: outputs come back to it, and go from it to the next steps.
    #[default]
    Node,
    /// Its steps: each sends its output on to the next. The node that is asked for it keeps its record.
    Hops,
}

impl RunBy {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Node, Self::Hops];

    /// The name in headers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Hops => "hops",
        }
    }
}

/// How a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunStatus {
    /// It waits or runs.
    Accepted,
    /// Its result is there.
    Done,
    /// It ended without a result.
    Failed,
}

/// Output and envelopes, for clients that want JSON. All in base64.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Envelopes {
    /// The output.
    pub output: String,
    /// The new envelopes, by state.
    pub states: BTreeMap<StateName, String>,
}

/// A problem, with the envelopes that the client must take if there are any, for clients that want JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The problem.
    #[serde(flatten)]
    pub problem: Problem,
    /// The envelopes, by state, in base64.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub states: BTreeMap<StateName, String>,
}

/// Lines that functions wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logs {
    /// In the order in which they were written.
    pub lines: Vec<LogLine>,
    /// What to put into `after` for those that come later.
    pub next: u64,
}

/// A line that a function wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// When its invocation was admitted.
    pub at_unix_ms: Timestamp,
    /// The node.
    pub node: NodeName,
    /// The function.
    pub function: FunctionName,
    /// The invocation, 32 hexadecimal digits.
    pub invocation: String,
    /// `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// The line.
    pub message: String,
}

/// Ids as their text.
mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<T: Display, S: Serializer>(id: &T, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(id)
    }

    pub(super) fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let text = String::deserialize(from)?;
        text.parse().map_err(D::Error::custom)
    }
}
