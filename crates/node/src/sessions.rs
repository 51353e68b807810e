//! Sessions: created, described, listed, deleted, converted, and removed when they have expired.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fogline_core::application::{Application, Guard};
use fogline_core::model::limits::MAX_LISTED;
use fogline_core::model::{
    AppName, Birth, CommitId, ExecutionModel, NodeName, SessionId, StateName, TenantName, Timestamp,
};
use fogline_core::session::{Commit, Expect, Head, Home, RecordKey, Refusal, Replies, Snapshot, Status};
use fogline_protocol::api;
use fogline_protocol::peer::{Response, Target};
use fogline_protocol::problem::Kind;
use fogline_state::{Committed, Listed, Store};
use futures_util::{StreamExt, stream};

use crate::apps::Deployed;
use crate::convert::{self, Converted, Goal};
use crate::failover;
use crate::fault::Fault;
use crate::invoke::parts::record_key;
use crate::invoke::{self, ClientPlace, Job, resolve};
use crate::locate::{locate, may_be_elsewhere};
use crate::node::Node;
use crate::random;

/// How often a deletion may be overtaken by commits and moves.
const MAX_TRIES: usize = 100;
/// Nodes that are told something at once: one that is silent holds up no other.
const TOLD_AT_ONCE: usize = 16;

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

/// A session, wherever its parts are now.
pub(crate) async fn describe(
    node: &Node,
    tenant: &TenantName,
    app: &AppName,
    session: &SessionId,
) -> Result<api::Session, Fault> {
    let mut parts = Vec::new();
    for part in session.parts() {
        let (home, head) = find(node, tenant, app, session, *part).await?;
        parts.push(match head {
            Some(head) => match &head.status {
                // The client has it, or is about to take it: the next epoch begins there.
                Status::Moving(to) if to.model() == ExecutionModel::InClient => part_of(
                    to,
                    &Head {
                        epoch: head.epoch + 1,
                        ..head.clone()
                    },
                    parts.is_empty(),
                ),
                _ => part_of(&home, &head, parts.is_empty()),
            },
            None => api::SessionPart {
                model: home.model(),
                node: home.node().cloned(),
                epoch: 0,
                version: 0,
                expires_unix_ms: None,
                states: Vec::new(),
                separate_snapshot: !parts.is_empty(),
            },
        });
    }
    Ok(api::Session {
        session: session.clone(),
        parts,
        envelopes: BTreeMap::new(),
    })
}

/// Where a part is, and its head, if a node or the cloud has it.
pub(crate) async fn find(
    node: &Node,
    tenant: &TenantName,
    app: &AppName,
    session: &SessionId,
    part: Birth,
) -> Result<(Home, Option<Head>), Fault> {
    let mut home = node.forwards.home(session, part);
    let mut least_epoch = 0;
    let mut located = false;
    for _ in 0..MAX_TRIES {
        let key = record_key(tenant, app, session, part, &home);
        let found = match look(node, &home, &key).await {
            // If the session has left whoever does not answer, another node has it.
            Err(fault) if !located && may_be_elsewhere(node, &fault, &home) => {
                located = true;
                let found = locate(node, &key).await.filter(|found| *found != home);
                home = found.ok_or(fault)?;
                node.forwards.learn(session, part, &home);
                continue;
            }
            found => found?,
        };
        // The forward of an earlier departure says nothing of a session that has come back to its client.
        let found = found.filter(|found| found.head.epoch >= least_epoch);
        let Some(found) = found else {
            return match home {
                Home::InClient(None) => Ok((home, None)),
                _ => Err(Refusal::NoSession.into()),
            };
        };
        match resolve::next_home(&found.head.status)? {
            Some(next) => {
                node.forwards.learn(session, part, &next);
                home = next;
                least_epoch = found.head.epoch + 1;
            }
            None if found.head.expires < node.clock.now() => return Err(Refusal::Gone.into()),
            None => return Ok((home, Some(found.head))),
        }
    }
    Err(Fault::overloaded("the session keeps moving"))
}

/// What stands of a part at a home, as its owner shows it; or, when that owner does not answer, as it has stored it in
/// the quorum.
async fn look(node: &Node, home: &Home, key: &RecordKey) -> Result<Option<Snapshot>, Fault> {
    let store = node.homes.store(&home.keeper(&key.session))?;
    let store = store.ok_or(Refusal::NoSession)?;
    let no_states = BTreeSet::new();
    let looking = store.load(key, &no_states);
    match home {
        Home::InFunction(owner) if *owner == node.name => {
            let durability = node.apps.get(&key.tenant, &key.app)?.spec.durability;
            node.owner.look(key, &no_states, durability).await
        }
        Home::InFunction(owner) => {
            let shown = tokio::select! {
                shown = looking => shown.map_err(Fault::from),
                silent = invoke::outlived(node, owner) => Err(silent),
            };
            match (shown, node.homes.site()) {
                (Err(fault), Some(site)) if fault.problem().kind == Kind::Unavailable => {
                    let record = site.find(owner).await.ok_or(fault)?;
                    Ok(record.load(key, &no_states).await?)
                }
                (shown, _) => shown,
            }
        }
        _ => Ok(looking.await?),
    }
}

/// The states of a session's primary part that its client holds, as its envelopes say.
pub(crate) async fn held(node: &Arc<Node>, job: &Job) -> Result<api::States, Fault> {
    let app = node.apps.get(&job.call.tenant, &job.call.app)?;
    let session = job.call.session.as_ref().ok_or(Refusal::NoSession)?;
    let place = ClientPlace::open(node, job, &app, session.primary(), &Home::InClient(None)).await?;
    Ok(api::States {
        states: place.shown(),
    })
}

fn part_of(home: &Home, head: &Head, primary: bool) -> api::SessionPart {
    let states = head.states.iter().map(|(name, entry)| api::StateInfo {
        name: name.clone(),
        bytes: entry.content.len(),
        schema: entry.schema,
        version: entry.version,
    });
    api::SessionPart {
        model: home.model(),
        node: home.node().cloned(),
        epoch: head.epoch,
        version: head.version,
        expires_unix_ms: Some(head.expires),
        states: states.collect(),
        separate_snapshot: !primary,
    }
}

/// The sessions of an application behind `after`, as far as this node and those that answer within `patience` know of
/// them; the others are named.
pub(crate) async fn list(
    node: &Node,
    tenant: &TenantName,
    app: &AppName,
    (after, limit): (Option<&SessionId>, usize),
    patience: Duration,
) -> Result<api::Sessions, Fault> {
    let mut stores: Vec<(Option<&NodeName>, Arc<dyn Store>)> = Vec::new();
    if let Ok(external) = node.homes.external() {
        stores.push((None, Arc::clone(external)));
    }
    let others = node.others();
    for other in &others {
        let store = node.homes.store(&Home::InEdge(other.clone()))?;
        stores.extend(store.map(|store| (Some(other), store)));
    }
    let asking = stores.iter().map(async |(keeper, store)| {
        let answer = tokio::time::timeout(patience, all(&**store, tenant, app)).await;
        (*keeper, answer.unwrap_or_else(|_| Err(Fault::deadline())))
    });
    let mut found: BTreeMap<SessionId, Vec<Found>> = BTreeMap::new();
    let mut take = |keeper: Option<&NodeName>, records: Vec<Listed>| {
        for Listed { key, head } in records {
            if head.status == Status::Live && head.expires >= node.clock.now() {
                let of = found.entry(key.session.clone()).or_default();
                of.push((keeper.cloned(), key, head));
            }
        }
    };
    take(Some(&node.name), all(&**node.homes.local(), tenant, app).await?);
    let mut unreachable = Vec::new();
    for (keeper, answer) in futures_util::future::join_all(asking).await {
        match answer {
            Ok(records) => take(keeper, records),
            Err(fault) if fault.problem().kind.retriable() => {
                let store = keeper.map_or(api::EXTERNAL, NodeName::as_str);
                tracing::warn!(store, problem = %fault.problem(), "its sessions are not listed");
                unreachable.push(store.to_owned());
            }
            Err(fault) => return Err(fault),
        }
    }
    let behind = |session: &SessionId| after.is_none_or(|after| session > after);
    let mut sessions = Vec::new();
    for (session, records) in found.into_iter().filter(|(session, _)| behind(session)) {
        if sessions.len() == limit {
            let next = sessions.last().map(|last: &api::Session| last.session.clone());
            return Ok(api::Sessions {
                sessions,
                next,
                unreachable,
            });
        }
        let parts = session.parts().iter().filter_map(|part| {
            let (keeper, key, head) = records.iter().find(|(_, key, _)| key.part == *part)?;
            let keeper = keeper.as_ref().unwrap_or(session.node());
            let home = resolve::home_of_model(key.model, keeper, Guard::Mark).ok()?;
            Some(part_of(&home, head, *part == session.primary()))
        });
        let parts = parts.collect();
        sessions.push(api::Session {
            session,
            parts,
            envelopes: BTreeMap::new(),
        });
    }
    Ok(api::Sessions {
        sessions,
        next: None,
        unreachable,
    })
}

/// A record, and the node in whose store it is; none for the store in the cloud.
type Found = (Option<NodeName>, RecordKey, Head);

pub(crate) async fn all(store: &dyn Store, tenant: &TenantName, app: &AppName) -> Result<Vec<Listed>, Fault> {
    let mut records: Vec<Listed> = Vec::new();
    loop {
        let after = records.last().map(|listed| listed.key.clone());
        let page = store
            .list(tenant, app, after.as_ref(), MAX_LISTED as usize)
            .await?;
        let full = page.len() == MAX_LISTED as usize;
        records.extend(page);
        if !full {
            return Ok(records);
        }
    }
}

/// Deletes the job's session: each part, where it is. What is wholly with its client is the client's to forget.
pub(crate) async fn delete(node: &Arc<Node>, job: &Job) -> Result<(), Fault> {
    let session = job.call.session.as_ref().ok_or(Refusal::NoSession)?;
    let (tenant, app) = (&job.call.tenant, &job.call.app);
    for part in session.parts() {
        for _ in 0..MAX_TRIES {
            let (home, head) = match find(node, tenant, app, session, *part).await {
                // A part that is deleted already is what was asked for; the others may not be.
                Err(fault) if fault.problem().kind == Kind::Gone => break,
                found => found?,
            };
            let Some(head) = head else { break };
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
                        learn_taken(node, job, *part, &home, fault).await?;
                        continue;
                    }
                }
            }
            if let Status::Moving(to) = &head.status {
                finish_move(node, job, *part, &home, to).await?;
                if to.model() != ExecutionModel::InClient {
                    continue;
                }
            }
            if delete_record(node, job, *part, &home, head).await? {
                break;
            }
        }
    }
    forget_request(node, session).await;
    Ok(())
}

/// Finishes a move that a deletion has met. What is on its way to its client stays at its source until the client
/// takes it; where its versions are marked, the mark is deleted too.
async fn finish_move(node: &Arc<Node>, job: &Job, part: Birth, home: &Home, to: &Home) -> Result<(), Fault> {
    match convert::finish(node, job, part, home, to).await {
        Err(fault) if fault.problem().kind == Kind::MovingToClient => {}
        finished => return finished.map(drop),
    }
    let session = job.call.session.as_ref().ok_or(Refusal::NoSession)?;
    let Some(store) = node.homes.store(to)? else {
        return Ok(());
    };
    let key = record_key(&job.call.tenant, &job.call.app, session, part, to);
    match store.load(&key, &BTreeSet::new()).await? {
        Some(mark) if mark.head.status == Status::Live => {
            delete_record(node, job, part, to, mark.head).await.map(drop)
        }
        _ => Ok(()),
    }
}

async fn delete_record(node: &Node, job: &Job, part: Birth, home: &Home, head: Head) -> Result<bool, Fault> {
    let session = job.call.session.as_ref().ok_or(Refusal::NoSession)?;
    let key = record_key(&job.call.tenant, &job.call.app, session, part, home);
    let store = node.homes.store(home)?.ok_or(Refusal::NoSession)?;
    let turn = matches!(home, Home::InFunction(_)).then(|| node.turns.take(&key));
    let _turn = match turn {
        Some(turn) => Some(turn.await?),
        None => None,
    };
    let mut expect = Expect::Commit(head.commit);
    if matches!(home, Home::InFunction(_)) {
        node.owner.release(&key).await?;
        let stored = store
            .load(&key, &BTreeSet::new())
            .await?
            .ok_or(Refusal::NoSession)?;
        expect = Expect::Commit(stored.head.commit);
    }
    // The record stays, so that whoever asks is told that the session is gone; it goes when it expires.
    let head = Head {
        status: Status::Deleted,
        version: head.version + 1,
        commit: CommitId(random::bytes()),
        states: BTreeMap::new(),
        replies: Replies::default(),
        ..head
    };
    let commit = Commit {
        expect,
        head,
        blobs: BTreeMap::new(),
    };
    Ok(store.commit(&key, commit).await? == Committed::Done)
}

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
    if by_operator && node.forwards.home(session, part).model() == ExecutionModel::InClient {
        // Perhaps it has left its client, and only a record elsewhere says so.
        let (home, _) = find(node, &job.call.tenant, &job.call.app, session, part).await?;
        if home.model() == ExecutionModel::InClient {
            let until = node.clock.now().after(app.spec.session_ttl);
            return ask_client(node, session, home, (model, until)).await;
        }
    }
    match convert::convert(node, job, &app, part, &Goal::Model(model)).await? {
        Converted::There(home) => {
            forget_request(node, session).await;
            Ok((home, Vec::new()))
        }
        Converted::Handed(home, envelopes) => Ok((home, envelopes)),
        Converted::Elsewhere(home) => match ask_keeper(node, part, &home, job).await? {
            (Response::Converted(home, states), body) => {
                // What is handed to the client is there when the client has shown it.
                if states.is_empty() {
                    node.forwards.learn(session, part, &home);
                }
                Ok((home, states.into_iter().zip(body).collect()))
            }
            (other, _) => Err(Fault::internal(format!(
                "{home} answers a conversion with {other:?}"
            ))),
        },
    }
}

/// Moves what the job's session has on nodes to one of them.
pub(crate) async fn migrate(node: &Arc<Node>, job: &Job, to: &NodeName) -> Result<(), Fault> {
    known(node, to)?;
    let session = job.call.session.as_ref().ok_or(Refusal::NoSession)?;
    let mut refused = None;
    let mut moved = false;
    for part in session.parts() {
        let mut job = job.clone();
        job.call.target = Target::Migrate(*part, to.clone());
        match migrate_part(node, &job, *part, to).await {
            Ok(()) => moved = true,
            // A part that is on no node stays where it is; a session of such parts only cannot be migrated.
            Err(fault) if fault.problem().kind == Kind::BadRequest => refused = Some(fault),
            Err(fault) => return Err(fault),
        }
    }
    match refused {
        Some(fault) if !moved => Err(fault),
        _ => Ok(()),
    }
}

/// Moves a part of the job's session to a node.
pub(crate) async fn migrate_part(
    node: &Arc<Node>,
    job: &Job,
    part: Birth,
    to: &NodeName,
) -> Result<(), Fault> {
    let app = node.apps.get(&job.call.tenant, &job.call.app)?;
    match convert::convert(node, job, &app, part, &Goal::Node(to.clone())).await? {
        Converted::There(home) => {
            convert::shorten(node, job, part, &home).await;
            Ok(())
        }
        Converted::Elsewhere(home) => match ask_keeper(node, part, &home, job).await? {
            (Response::Done, _) => Ok(()),
            (other, _) => Err(Fault::internal(format!(
                "{home} answers a migration with {other:?}"
            ))),
        },
        Converted::Handed(home, _) => Err(Fault::internal(format!(
            "a migration has handed a session to {home}"
        ))),
    }
}

/// Learns where a part is whose owner has failed to answer; the failure, if that cannot be told.
async fn learn_taken(
    node: &Arc<Node>,
    job: &Job,
    part: Birth,
    home: &Home,
    failure: Fault,
) -> Result<(), Fault> {
    if failure.problem().kind == Kind::Unavailable
        && let Some(session) = &job.call.session
        && let Some(there) = failover::take(node, job, part, home).await?
    {
        node.forwards.learn(session, part, &there);
        return Ok(());
    }
    Err(failure)
}

/// Has a job done by the node that keeps the record of a home.
async fn ask_keeper(
    node: &Arc<Node>,
    part: Birth,
    home: &Home,
    job: &Job,
) -> Result<(Response, Vec<Bytes>), Fault> {
    let keeper = home
        .node()
        .ok_or_else(|| Fault::internal(format!("{home} is no node's")))?;
    let mut job = job.clone();
    job.call.home = Some(home.clone());
    job.call.hops += 1;
    if job.call.hops > invoke::MAX_HOPS {
        return Err(Fault::overloaded("the session keeps moving"));
    }
    match invoke::ask(node, keeper, &job).await.map_err(Fault::from) {
        Err(fault) => {
            learn_taken(node, &job, part, home, fault).await?;
            Err(Fault::overloaded(format!(
                "the session was just taken from {keeper}, which is silent"
            )))
        }
        answered => answered,
    }
}

pub(crate) fn known(node: &Node, name: &NodeName) -> Result<(), Fault> {
    if *name == node.name || node.others().contains(name) {
        return Ok(());
    }
    Err(Fault::not_found(
        format!("{} knows no node {name}", node.name),
        "name one of the network's nodes",
    ))
}

/// An operator asks for a session that only its client can give: every node tells the client at its next request.
async fn ask_client(
    node: &Arc<Node>,
    session: &SessionId,
    home: Home,
    (model, until): (ExecutionModel, Timestamp),
) -> Result<(Home, Vec<(StateName, Bytes)>), Fault> {
    if !node.requested.ask(session, model, until).await? {
        return Err(too_many_wait());
    }
    tell_others(node, session, model, until).await;
    Ok((home, Vec::new()))
}

pub(crate) fn too_many_wait() -> Fault {
    Fault::overloaded("too many conversions wait for their clients")
}

/// Nobody wants the session elsewhere any more.
async fn forget_request(node: &Arc<Node>, session: &SessionId) {
    match node.requested.done(session).await {
        Ok(true) => tell_others(node, session, ExecutionModel::InClient, Timestamp(0)).await,
        Ok(false) => {}
        Err(error) => tracing::warn!(%session, %error, "a conversion that is done is asked for again"),
    }
}

async fn tell_others(node: &Arc<Node>, session: &SessionId, model: ExecutionModel, until: Timestamp) {
    let request = fogline_protocol::peer::Request::Ask(session.clone(), model, until);
    let told = stream::iter(node.others()).for_each_concurrent(TOLD_AT_ONCE, async |other| {
        if let Err(fault) = invoke::tell(node, &other, request.clone()).await {
            tracing::warn!(node = %other, problem = %fault.problem(), "a conversion is not known there");
        }
    });
    told.await;
}
