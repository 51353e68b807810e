//! Where a session is, and what it is like.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fogline_core::model::{AppName, Birth, ExecutionModel, SessionId, TenantName};
use fogline_core::session::{Head, Home, RecordKey, Refusal, Snapshot, Status};
use fogline_protocol::api;
use fogline_protocol::problem::Kind;

use super::MAX_TRIES;
use crate::fault::Fault;
use crate::invoke::parts::record_key;
use crate::invoke::{self, ClientPlace, Job, resolve};
use crate::locate::{locate, may_be_elsewhere};
use crate::node::Node;

/// A session, wherever its parts are now.
pub(crate) async fn describe(
    node: &Node,
    tenant: &TenantName,
    app: &AppName,
    session: &SessionId,
) -> Result<api::Session, Fault> {
    let mut parts = Vec::new();
    let mut ended = None;
    for part in session.parts() {
        let (home, head) = match find(node, tenant, app, session, *part).await {
            // A part that nobody used has ended by itself.
            Err(fault) if matches!(fault.problem().kind, Kind::Gone | Kind::NotFound) => {
                ended.get_or_insert(fault);
                continue;
            }
            found => found?,
        };
        let primary = *part == session.primary();
        parts.push(match head {
            Some(head) => match &head.status {
                // The client has it, or is about to take it: the next epoch begins there.
                Status::Moving(to) if to.model() == ExecutionModel::InClient => part_of(
                    to,
                    &Head {
                        epoch: head.epoch + 1,
                        ..head.clone()
                    },
                    primary,
                ),
                _ => part_of(&home, &head, primary),
            },
            None => api::SessionPart {
                model: home.model(),
                node: home.node().cloned(),
                epoch: 0,
                version: 0,
                expires_unix_ms: None,
                states: Vec::new(),
                separate_snapshot: !primary,
            },
        });
    }
    if let (true, Some(fault)) = (parts.is_empty(), ended) {
        return Err(fault);
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

/// The states that a session's client holds, as its envelopes say: those of the primary part, and of others that have
/// a model of their own.
pub(crate) async fn held(node: &Arc<Node>, job: &Job) -> Result<api::States, Fault> {
    let app = node.apps.get(&job.call.tenant, &job.call.app)?;
    let session = job.call.session.as_ref().ok_or(Refusal::NoSession)?;
    let mut states = Vec::new();
    let mut gone = None;
    for part in session.parts() {
        match ClientPlace::open(node, job, &app, *part, &Home::InClient(None)).await {
            Ok(place) => states.extend(place.shown()),
            // A part that nobody uses ends by itself.
            Err(fault) if fault.problem().kind == Kind::Gone => gone = Some(fault),
            Err(fault) => return Err(fault),
        }
    }
    match gone {
        Some(fault) if states.is_empty() => Err(fault),
        _ => Ok(api::States { states }),
    }
}

pub(super) fn part_of(home: &Home, head: &Head, primary: bool) -> api::SessionPart {
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
