//! Admission: from a request's headers to an invocation, with all that stays the same in every attempt at it.

use std::time::Duration;

use fogline_core::model::limits::{DEFAULT_DEADLINE, MAX_DEADLINE, MAX_IDEMPOTENCY_KEY};
use fogline_core::model::{AppName, ClientId, InvocationId, SessionId, TenantName};
use fogline_core::session::{BodyHash, Origin, Seen};
use fogline_protocol::headers;
use fogline_protocol::peer::{Invoke, Target};
use fogline_protocol::problem::Kind;
use http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};

use crate::fault::Fault;
use crate::node::Node;
use crate::random;

/// What a request is for.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) tenant: TenantName,
    pub(crate) app: AppName,
    pub(crate) session: Option<SessionId>,
}

/// An invocation as its request's headers say. Boxed, because it is large and comes a long way.
pub(crate) fn admit(
    node: &Node,
    scope: &Scope,
    target: Target,
    input: &[u8],
    headers: &HeaderMap,
) -> Result<Box<Invoke>, Fault> {
    let (id, origin) = name(scope, headers)?;
    let seen = seen(headers)?;
    let id = id.unwrap_or_else(|| InvocationId(random::bytes()));
    let mut call = named(node, scope, target, input, timeout(headers)?, (id, origin));
    call.seen = seen;
    call.holder = client(headers)?;
    Ok(call)
}

/// An invocation that nobody has named.
pub(crate) fn fresh(node: &Node, scope: &Scope, target: Target, timeout: Duration) -> Box<Invoke> {
    let name = (InvocationId(random::bytes()), Origin::Keyless);
    named(node, scope, target, b"", timeout, name)
}

/// An invocation that is known by this id.
pub(crate) fn named(
    node: &Node,
    scope: &Scope,
    target: Target,
    input: &[u8],
    timeout: Duration,
    (id, origin): (InvocationId, Origin),
) -> Box<Invoke> {
    let now = node.clock.now();
    Box::new(Invoke {
        tenant: scope.tenant.clone(),
        app: scope.app.clone(),
        body: body(origin, &target, input),
        target,
        session: scope.session.clone(),
        id,
        origin,
        now,
        as_of: now,
        timeout,
        deadline: now.after(timeout),
        seed: seed(id),
        seen: None,
        holder: None,
        envelopes: Vec::new(),
        step: false,
        hops: 0,
        home: None,
        turn: false,
        trace: None,
    })
}

/// Gives an invocation another id, as of one that nobody has named.
pub(crate) fn renew(call: &mut Invoke) {
    let id = InvocationId(random::bytes());
    (call.id, call.origin, call.seed) = (id, Origin::Keyless, seed(id));
    call.body = NO_BODY;
}

/// What tells a request from another one under the same name. Without a name there is no other one: the id is random.
fn body(origin: Origin, target: &Target, input: &[u8]) -> BodyHash {
    if origin == Origin::Keyless {
        return NO_BODY;
    }
    let mut body = Sha256::new();
    body.update(target.to_string().as_bytes());
    body.update([0]);
    body.update(input);
    BodyHash(body.finalize().into())
}

const NO_BODY: BodyHash = BodyHash([0; 32]);

/// The same in every attempt, because the id is (R18), whose bytes are random or of a hash.
fn seed(id: InvocationId) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = id.0;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// The id that an opaque key stands for, within what it is for.
pub(crate) fn id_of_key(scope: &Scope, key: &str) -> InvocationId {
    let whose = whose(scope);
    InvocationId(first_16(digest(&[b"key", whose.as_bytes(), key.as_bytes()])))
}

/// The opaque key of a request, if it has one.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<&str>, Fault> {
    if headers.get_all(headers::IDEMPOTENCY_KEY).iter().nth(1).is_some() {
        return Err(bad(headers::IDEMPOTENCY_KEY, "a request has one name"));
    }
    match text(headers, headers::IDEMPOTENCY_KEY)? {
        Some(key) if !(1..=MAX_IDEMPOTENCY_KEY).contains(&key.len()) => Err(bad(
            headers::IDEMPOTENCY_KEY,
            format!("expected 1 to {MAX_IDEMPOTENCY_KEY} characters"),
        )),
        key => Ok(key),
    }
}

/// How long the caller waits.
pub(crate) fn timeout(headers: &HeaderMap) -> Result<Duration, Fault> {
    let Some(given) = text(headers, headers::TIMEOUT_MS)? else {
        return Ok(DEFAULT_DEADLINE);
    };
    let millis: u64 = given
        .parse()
        .map_err(|_| bad(headers::TIMEOUT_MS, format!("\"{given}\" is not a number")))?;
    Ok(Duration::from_millis(millis).min(MAX_DEADLINE))
}

/// The client that sends the request, if it says.
pub(crate) fn client(headers: &HeaderMap) -> Result<Option<ClientId>, Fault> {
    let client = text(headers, headers::CLIENT)?;
    client
        .map(|id| id.parse().map_err(|error| bad(headers::CLIENT, error)))
        .transpose()
}

/// What the client has seen of the session, if it says.
pub(crate) fn seen(headers: &HeaderMap) -> Result<Option<Seen>, Fault> {
    let seen = text(headers, headers::SEEN)?;
    seen.map(|seen| seen.parse().map_err(|problem| bad(headers::SEEN, problem)))
        .transpose()
}

/// A header's text.
pub(crate) fn text(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Fault> {
    let value = headers
        .get(&name)
        .map(|value| value.to_str().map_err(|_| bad(name, "it is not plain text")));
    value.transpose()
}

fn name(scope: &Scope, headers: &HeaderMap) -> Result<(Option<InvocationId>, Origin), Fault> {
    let key = key(headers)?;
    let number = text(headers, headers::SEQUENCE)?;
    match (key, client(headers)?, number) {
        (Some(key), _, None) => Ok((Some(id_of_key(scope, key)), Origin::Opaque)),
        (None, Some(client), Some(number)) => {
            let number: u64 = number
                .parse()
                .map_err(|_| bad(headers::SEQUENCE, format!("\"{number}\" is not a number")))?;
            let whose = whose(scope);
            let id = digest(&[b"number", whose.as_bytes(), &client.0, &number.to_be_bytes()]);
            Ok((
                Some(InvocationId(first_16(id))),
                Origin::Sequence { client, number },
            ))
        }
        (None, _, None) => Ok((None, Origin::Keyless)),
        (Some(_), _, Some(_)) => Err(bad(
            headers::SEQUENCE,
            "a request has a number or a key, not both",
        )),
        (None, None, Some(_)) => Err(bad(headers::SEQUENCE, "a number goes with fogline-client")),
    }
}

fn whose(scope: &Scope) -> String {
    let session = scope
        .session
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    format!("{}/{}/{session}", scope.tenant, scope.app)
}

/// SHA-256 of parts, each behind its length.
pub(crate) fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The first half of a hash, for an id.
pub(crate) fn first_16(bytes: [u8; 32]) -> [u8; 16] {
    let mut id = [0; 16];
    id.copy_from_slice(&bytes[..16]);
    id
}

fn bad(header: HeaderName, problem: impl std::fmt::Display) -> Fault {
    Fault::new(
        Kind::BadRequest,
        format!("header {header}: {problem}"),
        "the API's description is at /openapi.json",
    )
}
