//! Deleting sessions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fogline_core::model::{Birth, CommitId, ExecutionModel};
use fogline_core::session::{Commit, Expect, Head, Home, Refusal, Replies, Status};
use fogline_protocol::peer::Response;
use fogline_protocol::problem::Kind;
use fogline_state::Committed;

use super::MAX_TRIES;
use super::convert::forget_request;
use super::describe::find;
use super::keeper::learn_taken;
use crate::convert;
use crate::fault::Fault;
use crate::invoke::parts::record_key;
use crate::invoke::{self, Job};
use crate::node::Node;
use crate::random;

/// Deletes the job's session: each part, where it is. What is wholly with its client is the client's to forget.
pub(crate) async fn delete(node: &Arc<Node>, job: &Job) -> Result<(), Fault> {
    let session = job.call.session.as_ref().ok_or(Refusal::NoSession)?;
    let (mut was_there, mut unknown) = (false, None);
    for part in session.parts() {
        match delete_part(node, job, *part).await {
            Ok(()) => was_there = true,
            // A part that nobody used has ended by itself.
            Err(fault) if fault.problem().kind == Kind::NotFound => unknown = Some(fault),
            Err(fault) => return Err(fault),
        }
    }
    forget_request(node, job).await;
    match unknown {
        Some(fault) if !was_there => Err(fault),
        _ => Ok(()),
    }
}

async fn delete_part(node: &Arc<Node>, job: &Job, part: Birth) -> Result<(), Fault> {
    let session = job.call.session.as_ref().ok_or(Refusal::NoSession)?;
    for _ in 0..MAX_TRIES {
        let (home, head) = match find(node, &job.call.tenant, &job.call.app, session, part).await {
            // A part that is deleted already is what was asked for; the others may not be.
            Err(fault) if fault.problem().kind == Kind::Gone => return Ok(()),
            found => found?,
        };
        let Some(head) = head else { return Ok(()) };
        if let Home::InFunction(owner) = &home
            && *owner != node.name
        {
            match invoke::ask(node, owner, job).await.map_err(Fault::from) {
                Ok((Response::Done, _)) => return Ok(()),
                Ok((other, _)) => {
                    return Err(Fault::internal(format!(
                        "{owner} answers a deletion with {other:?}"
                    )));
                }
                Err(fault) => {
                    learn_taken(node, job, part, &home, fault).await?;
                    continue;
                }
            }
        }
        if let Status::Moving(to) = &head.status {
            let mark_deleted = finish_move(node, job, part, &home, to).await?;
            if to.model() != ExecutionModel::InClient || !mark_deleted {
                continue;
            }
        }
        if delete_record(node, job, part, &home, head).await? {
            return Ok(());
        }
    }
    Err(Fault::overloaded(
        "the session is so busy that it cannot be deleted",
    ))
}

/// Finishes a move that a deletion has met. What is on its way to its client stays at its source until the client
/// takes it; where its versions are marked, the mark is deleted too. False if somebody else has changed that meanwhile.
async fn finish_move(
    node: &Arc<Node>,
    job: &Job,
    part: Birth,
    home: &Home,
    to: &Home,
) -> Result<bool, Fault> {
    match convert::finish(node, job, part, home, to).await {
        Err(fault) if fault.problem().kind == Kind::MovingToClient => {}
        finished => return finished.map(|_| true),
    }
    let session = job.call.session.as_ref().ok_or(Refusal::NoSession)?;
    let Some(store) = node.homes.store(to)? else {
        return Ok(true);
    };
    let key = record_key(&job.call.tenant, &job.call.app, session, part, to);
    match store.load(&key, &BTreeSet::new()).await? {
        Some(mark) if mark.head.status == Status::Live => delete_record(node, job, part, to, mark.head).await,
        _ => Ok(true),
    }
}

/// Deletes a part's record; false if somebody else has changed it since it was found to be `head`.
async fn delete_record(
    node: &Node,
    job: &Job,
    part: Birth,
    home: &Home,
    mut head: Head,
) -> Result<bool, Fault> {
    let session = job.call.session.as_ref().ok_or(Refusal::NoSession)?;
    let key = record_key(&job.call.tenant, &job.call.app, session, part, home);
    let store = node.homes.store(home)?.ok_or(Refusal::NoSession)?;
    let turn = matches!(home, Home::InFunction(_)).then(|| node.turns.take(&key));
    let _turn = match turn {
        Some(turn) => Some(turn.await?),
        None => None,
    };
    if matches!(home, Home::InFunction(_)) {
        node.owner.release(&key).await?;
        let stored = store
            .load(&key, &BTreeSet::new())
            .await?
            .ok_or(Refusal::NoSession)?;
        // Whoever had the turn before may have moved it: what stands here then leads to where it lives.
        if stored.head.status != head.status {
            return Ok(false);
        }
        head = stored.head;
    }
    // The record stays, so that whoever asks is told that the session is gone; it goes when it expires.
    Ok(store.commit(&key, deletion(head)).await? == Committed::Done)
}

/// What deletes the record whose head this is, unless it has changed.
pub(crate) fn deletion(head: Head) -> Commit {
    Commit {
        expect: Expect::Commit(head.commit),
        head: Head {
            status: Status::Deleted,
            version: head.version + 1,
            commit: CommitId(random::bytes()),
            states: BTreeMap::new(),
            replies: Replies::default(),
            ..head
        },
        blobs: BTreeMap::new(),
    }
}
