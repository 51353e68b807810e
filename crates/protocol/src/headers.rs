//! The headers of the client API.

use http::HeaderName;

/// Bearer token of a tenant; not needed in loopback development mode.
pub const AUTHORIZATION: HeaderName = HeaderName::from_static("authorization");
/// An opaque name for a request: the same name is executed once (24 h, or the last 256 of the session).
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The client's id, 32 hexadecimal digits; with [`SEQUENCE`], instead of an opaque key.
pub const CLIENT: HeaderName = HeaderName::from_static("fogline-client");
/// The client's number of the request, rising from 1.
pub const SEQUENCE: HeaderName = HeaderName::from_static("fogline-sequence");
/// How long the caller waits, in milliseconds.
pub const TIMEOUT_MS: HeaderName = HeaderName::from_static("fogline-timeout-ms");
/// What the client has seen of the session, `EPOCH.VERSION.DURABLE`; in replies, what it has seen now.
pub const SEEN: HeaderName = HeaderName::from_static("fogline-seen");
/// In replies: `true` if the request had been executed before.
pub const REPLAYED: HeaderName = HeaderName::from_static("fogline-replayed");
/// In replies: the node that executed; of a run, the node that was asked for it.
pub const NODE: HeaderName = HeaderName::from_static("fogline-node");
/// In replies to a run that was waited for, problems too: its id.
pub const RUN: HeaderName = HeaderName::from_static("fogline-run");
/// In replies: the execution model under which the session's primary part is now.
pub const MODEL: HeaderName = HeaderName::from_static("fogline-model");
/// In replies: how long the execution took, in microseconds.
pub const EXECUTION_US: HeaderName = HeaderName::from_static("fogline-execution-us");
/// In replies to a client that holds states: the operator asks it to convert the session to this model (R14).
pub const CONVERT: HeaderName = HeaderName::from_static("fogline-convert");
/// In the answer to the deletion of an application: the nodes that have not heard of it yet, with commas between.
pub const PENDING: HeaderName = HeaderName::from_static("fogline-pending");
/// Of which trace the request is, and which span caused it (W3C Trace Context).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What others want to be passed on with the trace (W3C Trace Context).
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// Who runs the workflow of a run: `node` or `hops`.
pub const RUN_BY: HeaderName = HeaderName::from_static("fogline-run-by");
/// `respond-async`: accept a run now, execute it later (RFC 7240).
pub const PREFER: HeaderName = HeaderName::from_static("prefer");
