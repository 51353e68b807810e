//! The sessions of an application.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fogline_core::application::Guard;
use fogline_core::model::limits::MAX_LISTED;
use fogline_core::model::{AppName, NodeName, SessionId, TenantName};
use fogline_core::session::{Head, Home, RecordKey, Status};
use fogline_protocol::api;
use fogline_state::{Listed, Store};

use super::describe::part_of;
use crate::fault::Fault;
use crate::invoke::resolve;
use crate::node::Node;

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

/// All records of an application in a store, page by page.
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
