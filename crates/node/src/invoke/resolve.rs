//! From a home to the place where its head can be read and replaced.

use std::sync::Arc;

use fogline_core::application::Guard;
use fogline_core::model::{Birth, ExecutionModel, NodeName};
use fogline_core::session::{Home, Refusal, Status};
use fogline_protocol::problem::Kind;

use super::Job;
use super::client::ClientPlace;
use super::parts::record_key;
use super::place::Place;
use crate::apps::Deployed;
use crate::fault::Fault;
use crate::homes::Since;
use crate::node::Node;

/// Where invocations of a session are executed.
pub(crate) enum Resolved {
    /// Here, on this.
    Here(Place),
    /// At the node that owns the session.
    Elsewhere,
}

/// The place of a part that is thought to be at `home`. A client that sends envelopes of the part says that it holds
/// it, and is believed: they are sealed.
pub(crate) async fn place(
    node: &Arc<Node>,
    job: &Job,
    app: &Deployed,
    part: Birth,
    home: &Home,
) -> Result<Resolved, Fault> {
    let call = &job.call;
    let session = call.session.as_ref().ok_or(Refusal::NoSession)?;
    if ClientPlace::is_held(app, job, part) {
        let client = Box::pin(ClientPlace::open(node, job, app, part, home)).await?;
        return Ok(Resolved::Here(Place::Client(Box::new(client))));
    }
    match home {
        Home::InFunction(owner) if *owner == node.name => {
            let key = record_key(&call.tenant, &call.app, session, part, home);
            let owner = Arc::clone(&node.owner);
            Ok(Resolved::Here(Place::Owner(
                owner,
                key,
                app.spec.durability,
                Since::default(),
            )))
        }
        Home::InFunction(_) => Ok(Resolved::Elsewhere),
        Home::InClient(_) => with_the_client(node, job, part, home).map(Resolved::Here),
        Home::External | Home::InEdge(_) => record(node, job, part, home).map(Resolved::Here),
    }
}

/// The record of a home, in the store that holds it.
pub(crate) fn record(node: &Node, job: &Job, part: Birth, home: &Home) -> Result<Place, Fault> {
    let call = &job.call;
    let session = call.session.as_ref().ok_or(Refusal::NoSession)?;
    let store = node.homes.store(home)?.ok_or(Refusal::NoSession)?;
    Ok(Place::Store(
        store,
        record_key(&call.tenant, &call.app, session, part, home),
    ))
}

/// A session that is thought to be with its client, who has sent nothing: it may have moved, and left a forward at
/// its birth node (R10).
fn with_the_client(node: &Node, job: &Job, part: Birth, home: &Home) -> Result<Place, Fault> {
    let session = job.call.session.as_ref().ok_or(Refusal::NoSession)?;
    match record(node, job, part, &home.keeper(session))? {
        Place::Store(store, key) => Ok(Place::Client(Box::new(ClientPlace::without_envelopes(
            store, key,
        )))),
        other => Ok(other),
    }
}

/// Where a record says that the session went, if it did.
pub(crate) fn next_home(status: &Status) -> Result<Option<Home>, Fault> {
    match status {
        Status::Live => Ok(None),
        // Until the client shows what it was handed, and where nothing is answered by it, the source may be read.
        Status::Moving(_) => Ok(None),
        Status::Moved(home) | Status::Abandoned(home) => Ok(Some(home.clone())),
        Status::Deleted => Err(Refusal::Gone.into()),
    }
}

/// The home at which a model keeps a session that is now converted to it: on the node that it was born on.
pub(crate) fn home_of_model(model: ExecutionModel, node: &NodeName, guard: Guard) -> Result<Home, Fault> {
    match model {
        ExecutionModel::External => Ok(Home::External),
        ExecutionModel::InEdge => Ok(Home::InEdge(node.clone())),
        ExecutionModel::InFunction => Ok(Home::InFunction(node.clone())),
        ExecutionModel::InClient => Ok(Home::InClient((guard == Guard::Mark).then(|| node.clone()))),
        other => Err(Fault::new(
            Kind::BadRequest,
            format!("{other} is a model of the simulator"),
            "choose external, in-edge, in-function or in-client",
        )),
    }
}
