//! Answering other nodes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use fogline_core::model::limits::{MAX_BODY, MAX_LISTED};
use fogline_core::model::{ExecutionModel, NodeName, StateName};
use fogline_core::session::{self, Commit, Snapshot};
use fogline_protocol::peer::{self, Invoke, Request, Response, Target};
use fogline_protocol::problem::Kind;
use fogline_state::{Committed, Listed, StoreError};

use crate::apps::compare;
use crate::drain;
use crate::fault::Fault;
use crate::follow;
use crate::invoke::{Answer, Job, dispatch, execute};
use crate::node::Node;
use crate::peers::{Handler, MAX_HEAD, Message};
use crate::runs;
use crate::sessions;
use crate::trace;

/// Answers peers with what a node does.
pub(crate) struct Calls(pub(crate) Arc<Node>);

#[async_trait]
impl Handler for Calls {
    async fn handle(&self, from: NodeName, request: Message, deadline: Instant) -> Message {
        let answer =
            tokio::time::timeout_at(deadline.into(), answer(&self.0, &from, request, deadline)).await;
        let (response, body) = match answer.unwrap_or_else(|_| Err(Fault::deadline())) {
            Ok(answered) => answered,
            Err(fault) => {
                tracing::debug!(%from, problem = %fault.problem(), "refused a peer's call");
                let (states, body) = fault.envelopes().iter().cloned().unzip();
                (Response::Refused(fault.problem().clone(), states), body)
            }
        };
        Message {
            head: peer::encode(&response).into(),
            body,
        }
    }
}

type Answered = (Response, Vec<Bytes>);

async fn answer(
    node: &Arc<Node>,
    from: &NodeName,
    message: Message,
    deadline: Instant,
) -> Result<Answered, Fault> {
    let mut request: Request = peer::decode(&message.head)
        .map_err(|error| Fault::new(Kind::BadRequest, error.to_string(), "update the older node"))?;
    let left = deadline.saturating_duration_since(Instant::now());
    request.wait_until(node.clock.now().after(left));
    let body = message.body.into_iter();
    match request {
        Request::Invoke(call) => {
            let mut job = job(call, body);
            let mut span = node.tracer.of(&mut job.call, trace::Kind::Server, "invoke");
            let answered = trace::within(job.call.trace.clone(), invoke(node, from, &job)).await;
            span.gave(&answered);
            answered
        }
        Request::Caused(cause, request) => {
            let name = request.name();
            let answered = trace::within(Some(cause), async {
                let mut span = node.tracer.caused(trace::Kind::Server, name);
                let answered = span.around(other(node, *request, body)).await;
                span.gave(&answered);
                answered
            });
            // Boxed, because what is not traced need not carry it.
            Box::pin(answered).await
        }
        request => other(node, request, body).await,
    }
}

/// Answers what is not an invocation of this node.
async fn other(
    node: &Arc<Node>,
    request: Request,
    mut body: impl Iterator<Item = Bytes>,
) -> Result<Answered, Fault> {
    match request {
        Request::Relay(call) => {
            let job = job(call, body);
            Ok(invoked(dispatch(node, job).await?))
        }
        Request::Reaches(keeper) => {
            let reached = match node.homes.site() {
                Some(site) => site.find(&keeper).await.is_some(),
                None => false,
            };
            let says = if reached {
                Response::Done
            } else {
                Response::Nothing
            };
            Ok((says, Vec::new()))
        }
        Request::Compare(theirs) => Ok(compare::answer(node, &theirs)),
        Request::Adopt => {
            compare::told(node, body.next().as_ref()).await?;
            Ok((Response::Done, Vec::new()))
        }
        Request::Listing(package) => Ok(found(node.apps.packages.listing(&package)?)),
        Request::Piece(file, at) => Ok(found(node.apps.packages.piece(&file, at)?)),
        Request::Hop(hop) => {
            runs::take(node, *hop, body)?;
            Ok((Response::Done, Vec::new()))
        }
        Request::Arrive(arrival) => Ok(runs::arrive(node, *arrival, None, body).await),
        Request::Fail(arrival, problem) => Ok(runs::arrive(node, *arrival, Some(problem), body).await),
        Request::Drain(millis) => {
            let drained = drain::drain(node, Duration::from_millis(millis)).await?;
            Ok((Response::Drained(drained), Vec::new()))
        }
        Request::Ask(session, model, until) => {
            if !node.requested.ask(&session, model, until).await? {
                return Err(sessions::too_many_wait());
            }
            Ok((Response::Done, Vec::new()))
        }
        Request::Load(key, states) if key.model == ExecutionModel::InFunction => {
            let durability = node.apps.get(&key.tenant, &key.app)?.spec.durability;
            Ok(record(node.owner.look(&key, &states, durability).await?))
        }
        Request::Blob(key, name) if key.model == ExecutionModel::InFunction => {
            Ok(found(node.owner.find_blob(&key, &name).await?))
        }
        stored => of_store(node, stored, body).await,
    }
}

/// What an invocation does, here.
async fn invoke(node: &Arc<Node>, from: &NodeName, job: &Job) -> Result<Answered, Fault> {
    match job.call.target {
        Target::Convert(model) => {
            let (home, envelopes) = sessions::convert(node, job, model).await?;
            let (states, body) = envelopes.into_iter().unzip();
            Ok((Response::Converted(home, states), body))
        }
        Target::Migrate(part, ref to) => {
            sessions::migrate_part(node, job, part, to).await?;
            Ok((Response::Done, Vec::new()))
        }
        Target::Delete => {
            sessions::delete(node, job).await?;
            Ok((Response::Done, Vec::new()))
        }
        _ => {
            let app = node.apps.get(&job.call.tenant, &job.call.app)?;
            let answer = execute(node, &app, job).await?;
            if let Answer::Invoked(invoked, ..) = &answer {
                follow::asked(node, job, invoked, from);
            }
            Ok(invoked(answer))
        }
    }
}

fn job(call: Box<Invoke>, mut body: impl Iterator<Item = Bytes>) -> Job {
    let input = body.next().unwrap_or_default();
    let envelopes = call.envelopes.iter().cloned().zip(body).collect();
    Job {
        call,
        input,
        envelopes,
    }
}

fn invoked(answer: Answer) -> Answered {
    match answer {
        Answer::Invoked(mut invoked, output, envelopes) => {
            let mut body = vec![output];
            let (states, sealed): (Vec<StateName>, Vec<Bytes>) = envelopes.into_iter().unzip();
            body.extend(sealed);
            invoked.envelopes = states;
            (Response::Invoked(Box::new(invoked)), body)
        }
        Answer::Elsewhere(home) => (Response::Elsewhere(home), Vec::new()),
        Answer::TakeTurn(at) => (Response::TakeTurn(at), Vec::new()),
    }
}

fn found(bytes: Option<Bytes>) -> Answered {
    match bytes {
        Some(bytes) => (Response::Done, vec![bytes]),
        None => (Response::Nothing, Vec::new()),
    }
}

/// A head with its values, as many as fit into one message; whoever asks comes again for the others, which are blobs.
fn record(found: Option<Snapshot>) -> Answered {
    let Some(found) = found else {
        return (Response::Nothing, Vec::new());
    };
    let head = Bytes::from(session::encode(&found.head));
    let mut room = MAX_BODY.0.saturating_sub(head.len() as u64);
    let mut values: Vec<_> = found.values.into_iter().collect();
    // The small ones are not blobs.
    values.sort_by_key(|(_, value)| value.len());
    let fits = |(_, value): &(StateName, Bytes)| {
        let left = room.checked_sub(value.len() as u64);
        room = left.unwrap_or_default();
        left.is_some()
    };
    let (names, values): (Vec<_>, Vec<_>) = values.into_iter().take_while(fits).unzip();
    let body = std::iter::once(head).chain(values).collect();
    (Response::Record(names), body)
}

/// Keys and heads, as many as fit into one message; whoever asks comes again for those behind them.
fn records(listed: Vec<Listed>) -> Answered {
    let (mut keys, mut heads) = (Vec::new(), Vec::new());
    // What the answer itself takes, beside its keys.
    let mut room = (MAX_HEAD - 16, MAX_BODY.0 as usize);
    for Listed { key, head } in listed {
        let head = Bytes::from(session::encode(&head));
        let left = (
            room.0.checked_sub(peer::encode(&key).len()),
            room.1.checked_sub(head.len()),
        );
        let (Some(of_keys), Some(of_heads)) = left else {
            return (Response::FirstRecords(keys), heads);
        };
        room = (of_keys, of_heads);
        keys.push(key);
        heads.push(head);
    }
    (Response::Records(keys), heads)
}

/// What asks for this node's store.
async fn of_store(
    node: &Node,
    request: Request,
    mut body: impl Iterator<Item = Bytes>,
) -> Result<Answered, Fault> {
    let store = node.homes.local();
    Ok(match request {
        Request::Load(key, states) => record(store.load(&key, &states).await?),
        Request::Stage(key, name) => {
            let blob = body.next().unwrap_or_default();
            node.staged.put(key, name, blob).await?;
            (Response::Done, Vec::new())
        }
        Request::Commit(key, expect, names, ahead) => {
            let head = body.next().unwrap_or_default();
            let head = session::decode(&head).map_err(|source| StoreError::Damaged {
                key: key.to_string(),
                source,
            })?;
            let taken = match ahead.is_empty() {
                true => None,
                false => Some(node.staged.take(&key, &ahead)?),
            };
            let mut blobs: BTreeMap<_, _> = names.into_iter().zip(body).collect();
            blobs.extend(taken.iter().flat_map(|taken| taken.blobs.clone()));
            let commit = Commit { expect, head, blobs };
            let committed = store.commit(&key, commit).await;
            // What came of the commit is the answer, whatever is left over.
            if let Some(taken) = taken
                && let Err(error) = taken.end(matches!(committed, Ok(Committed::Done))).await
            {
                tracing::warn!(%error, "parts of a session that did not come not removed");
            }
            match committed? {
                Committed::Done => (Response::Done, Vec::new()),
                Committed::Unknown => (Response::Unknown, Vec::new()),
                Committed::Conflict(head) => {
                    let body = head.iter().map(|head| session::encode(head).into()).collect();
                    (Response::Conflict, body)
                }
            }
        }
        Request::Blob(key, name) => found(store.blob(&key, &name).await?),
        Request::List(tenant, app, after, limit) => {
            let limit = limit.min(MAX_LISTED) as usize;
            records(store.list(&tenant, &app, after.as_ref(), limit).await?)
        }
        Request::Erase(key) => {
            store.erase(&key).await?;
            (Response::Done, Vec::new())
        }
        other => {
            let title = format!("a call that nobody answers was sent: {}", other.name());
            return Err(Fault::new(Kind::BadRequest, title, "please report this"));
        }
    })
}
