//! Moving a session from one model to another.

use std::sync::Arc;

use bytes::Bytes;
use fogline_core::model::{ExecutionModel, StateName, Timestamp};
use fogline_core::session::{Home, Refusal, SessionKey};
use fogline_protocol::peer::Response;
use futures_util::{StreamExt, stream};

use super::describe::find;
use super::keeper::ask_keeper;
use crate::convert::{self, Converted, Goal};
use crate::fault::Fault;
use crate::invoke::{self, Job};
use crate::node::Node;

/// Nodes that are told something at once: one that is silent holds up no other.
const TOLD_AT_ONCE: usize = 16;

/// Moves the job's session to a model; gives where it is, and the envelopes that its client must take.
pub(crate) async fn convert(
    node: &Arc<Node>,
    job: &Job,
    model: ExecutionModel,
) -> Result<(Home, Vec<(StateName, Bytes)>), Fault> {
    let app = node.apps.get(&job.call.tenant, &job.call.app)?;
    let session = job.call.session.as_ref().ok_or(Refusal::NoSession)?;
    let part = session.primary();
    let by_operator = job.envelopes.is_empty() && job.call.holder.is_none();
    let until = node.clock.now().after(app.spec.session_ttl);
    if by_operator && node.forwards.home(session, part).model() == ExecutionModel::InClient {
        // Perhaps it has left its client, and only a record elsewhere says so.
        let (home, _) = find(node, &job.call.tenant, &job.call.app, session, part).await?;
        if home.model() == ExecutionModel::InClient {
            return ask_client(node, key_of(job)?, home, (model, until)).await;
        }
    }
    let (home, envelopes) = match convert::convert(node, job, &app, part, &Goal::Model(model)).await? {
        Converted::There(home) => {
            forget_request(node, job).await;
            (home, Vec::new())
        }
        Converted::Handed(home, envelopes) => (home, envelopes),
        Converted::Elsewhere(home) => match ask_keeper(node, part, &home, job).await? {
            (Response::Converted(home, states), body) => {
                // What is handed to the client is there when the client has shown it.
                if states.is_empty() && home.model() == model {
                    node.forwards.learn(session, part, &home);
                }
                (home, states.into_iter().zip(body).collect())
            }
            (other, _) => {
                return Err(Fault::internal(format!(
                    "{home} answers a conversion with {other:?}"
                )));
            }
        },
    };
    // It was on its way to its client already, who will take it, and can then send it on.
    if by_operator && home.model() == ExecutionModel::InClient && model != ExecutionModel::InClient {
        return ask_client(node, key_of(job)?, home, (model, until)).await;
    }
    Ok((home, envelopes))
}

/// An operator asks for a session that only its client can give: every node tells the client at its next request.
async fn ask_client(
    node: &Arc<Node>,
    session: SessionKey,
    home: Home,
    (model, until): (ExecutionModel, Timestamp),
) -> Result<(Home, Vec<(StateName, Bytes)>), Fault> {
    if !node.requested.ask(&session, model, until).await? {
        return Err(too_many_wait());
    }
    tell_others(node, session, model, until).await;
    Ok((home, Vec::new()))
}

pub(crate) fn too_many_wait() -> Fault {
    Fault::overloaded("too many conversions wait for their clients")
}

/// Nobody wants the job's session elsewhere any more.
pub(super) async fn forget_request(node: &Arc<Node>, job: &Job) {
    let Ok(session) = key_of(job) else { return };
    match node.requested.done(&session).await {
        Ok(true) => tell_others(node, session, ExecutionModel::InClient, Timestamp(0)).await,
        Ok(false) => {}
        Err(error) => {
            tracing::warn!(session = %session.session, %error, "a conversion that is done is asked for again");
        }
    }
}

fn key_of(job: &Job) -> Result<SessionKey, Fault> {
    Ok(SessionKey {
        tenant: job.call.tenant.clone(),
        app: job.call.app.clone(),
        session: job.call.session.clone().ok_or(Refusal::NoSession)?,
    })
}

async fn tell_others(node: &Arc<Node>, session: SessionKey, model: ExecutionModel, until: Timestamp) {
    let request = fogline_protocol::peer::Request::Ask(Box::new(session), model, until);
    let told = stream::iter(node.others()).for_each_concurrent(TOLD_AT_ONCE, async |other| {
        if let Err(fault) = invoke::tell(node, &other, request.clone()).await {
            tracing::warn!(node = %other, problem = %fault.problem(), "a conversion is not known there");
        }
    });
    told.await;
}
