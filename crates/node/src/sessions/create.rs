//! Making sessions.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use fogline_core::application::{Application, Guard};
use fogline_core::model::{Birth, CommitId, ExecutionModel, SessionId, StateName, TenantName};
use fogline_core::session::{Commit, Expect, Head, Home};
use fogline_protocol::api;
use fogline_protocol::problem::Kind;
use fogline_state::Committed;

use super::describe::part_of;
use crate::apps::Deployed;
use crate::fault::Fault;
use crate::invoke::ClientPlace;
use crate::invoke::parts::record_key;
use crate::node::Node;
use crate::random;

/// Makes a session of an application, near this node.
pub(crate) async fn create(
    node: &Node,
    tenant: &TenantName,
    app: &Deployed,
    model: Option<ExecutionModel>,
) -> Result<(api::Session, BTreeMap<StateName, Bytes>), Fault> {
    let births = births(&app.spec, model)?;
    let owned = births.contains(&Birth::InFunction);
    let born = if owned {
        node.dispatcher.owner(&app.spec)
    } else {
        node.dispatcher.nearest()
    };
    let none = || {
        Fault::new(
            Kind::Unavailable,
            format!("{} knows no node that takes new sessions", node.name),
            "start another one that runs functions",
        )
    };
    let born = born.ok_or_else(none)?;
    let session = SessionId::mint(born, births, random::bytes())
        .ok_or_else(|| Fault::internal("a session of two parts under one model"))?;
    let with_client = |part: &&Birth| part.model() == ExecutionModel::InClient;
    if let Some(part) = session.parts().iter().find(with_client) {
        check_with_client(&app.spec, &session, *part)?;
    }
    let expires = node.clock.now().after(app.spec.session_ttl);
    let mut envelopes = BTreeMap::new();
    let mut parts = Vec::new();
    for part in session.parts() {
        let home = Home::of_birth(&session, *part);
        let head = Head::new(CommitId(random::bytes()), expires);
        if let Some(store) = node.homes.store(&home)? {
            let key = record_key(tenant, &app.spec.name, &session, *part, &home);
            let commit = Commit {
                expect: Expect::Absent,
                head: head.clone(),
                blobs: BTreeMap::new(),
            };
            match store.commit(&key, commit).await? {
                Committed::Done => {}
                Committed::Unknown => return Err(Fault::deadline()),
                Committed::Conflict(_) => return Err(Fault::internal("a session id was minted twice")),
            }
        }
        if home.model() == ExecutionModel::InClient {
            envelopes.extend(ClientPlace::first(
                node, tenant, &app.spec, &session, *part, &head,
            )?);
        }
        parts.push(part_of(&home, &head, parts.is_empty()));
    }
    Ok((
        api::Session {
            session,
            parts,
            envelopes: BTreeMap::new(),
        },
        envelopes,
    ))
}

/// The states that hang from a part.
pub(crate) fn states_of(app: &Application, session: &SessionId, part: Birth) -> BTreeSet<StateName> {
    let hangs = |state: &fogline_core::application::State| session.part_of(state.model) == part;
    app.states
        .iter()
        .filter(|(_, state)| hangs(state))
        .map(|(name, _)| name.clone())
        .collect()
}

/// Whether the states of a part may be with its client (R14): the manifest is checked for its own model only.
pub(crate) fn check_with_client(app: &Application, session: &SessionId, part: Birth) -> Result<(), Fault> {
    let states = states_of(app, session, part);
    match app.contested(|state| states.contains(state)) {
        None => Ok(()),
        Some(contested) => Err(Fault::new(
            Kind::Conflict,
            contested.to_string(),
            "choose another model, or deploy a version in which one of the steps waits for the other",
        )),
    }
}

fn births(app: &Application, model: Option<ExecutionModel>) -> Result<Vec<Birth>, Fault> {
    let mut models = app.birth_models();
    if let Some(model) = model {
        models[0] = model;
        let mut seen = BTreeSet::new();
        models.retain(|model| seen.insert(*model));
    }
    let birth = |model: ExecutionModel| match (model, app.guard) {
        (ExecutionModel::External, _) => Ok(Birth::External),
        (ExecutionModel::InEdge, _) => Ok(Birth::InEdge),
        (ExecutionModel::InFunction, _) => Ok(Birth::InFunction),
        (ExecutionModel::InClient, Guard::None) => Ok(Birth::InClient),
        (ExecutionModel::InClient, Guard::Mark) => Ok(Birth::InClientMarked),
        (other, _) => Err(Fault::new(
            Kind::BadRequest,
            format!("{other} is a model of the simulator"),
            "choose external, in-edge, in-function or in-client",
        )),
    };
    models.into_iter().map(birth).collect()
}
