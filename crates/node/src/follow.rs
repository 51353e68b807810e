//! Sessions under in-function follow their clients, and leave nodes that have too much to do: the shell around
//! [`Following`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fogline_core::application::Migrate;
use fogline_core::dispatch::{Cause, Following};
use fogline_core::model::{Birth, Bytes, ExecutionModel, NodeName, SessionId};
use fogline_core::session::Home;
use fogline_protocol::peer::Invoked;

use crate::drain;
use crate::invoke::Job;
use crate::invoke::parts::{Parts, record_key};
use crate::node::Node;
use crate::trace;

/// Sessions whose requests are noted; beyond it all are forgotten, and noted anew.
const MAX_SESSIONS: usize = 16_384;
/// How often one session is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Least time between two moves away from this node: what one of them changes is seen before the next.
const PACE: Duration = Duration::from_millis(250);

/// The sessions of this node, and where their requests come in.
pub(crate) struct Followed {
    sessions: Mutex<HashMap<(SessionId, Birth), Noted>>,
    /// When a session was last sent away.
    moved: Mutex<Option<Duration>>,
    /// What times count from.
    origin: Instant,
}

struct Noted {
    following: Following,
    looked_at: Duration,
}

impl Default for Followed {
    fn default() -> Self {
        Self {
            sessions: Mutex::default(),
            moved: Mutex::default(),
            origin: Instant::now(),
        }
    }
}

impl Followed {
    /// Notes a request; gives where those of its session come in if it is time to look at it.
    fn note(
        &self,
        session: &SessionId,
        part: Birth,
        entry: &NodeName,
        now: Duration,
    ) -> Option<Vec<(NodeName, f64)>> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= MAX_SESSIONS {
            sessions.clear();
        }
        let noted = sessions.entry((session.clone(), part)).or_insert_with(|| Noted {
            following: Following::new(now),
            looked_at: now,
        });
        noted.following.asked(entry, now);
        let due = now.saturating_sub(noted.looked_at) >= LOOK_EVERY && noted.following.is_settled(now);
        due.then(|| {
            noted.looked_at = now;
            noted.following.shares(now)
        })
    }

    /// Looks at a session, if it is noted.
    fn look<T>(
        &self,
        session: &SessionId,
        part: Birth,
        look: impl FnOnce(&mut Following) -> Option<T>,
    ) -> Option<T> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut sessions.get_mut(&(session.clone(), part))?.following)
    }

    /// A session is sent away, unless another one has just been.
    fn send_away(&self, session: &SessionId, part: Birth, now: Duration) -> bool {
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        if moved.is_some_and(|at| now.saturating_sub(at) < PACE) {
            return false;
        }
        *moved = Some(now);
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.remove(&(session.clone(), part));
        true
    }
}

/// A request that came in at `entry` was executed here: its session is moved if that is better.
pub(crate) fn asked(node: &Arc<Node>, job: &Job, invoked: &Invoked, entry: &NodeName) {
    let of_ours = invoked.node == node.name && invoked.model == Some(ExecutionModel::InFunction);
    let (true, Some(session)) = (of_ours, &job.call.session) else {
        return;
    };
    let Ok(app) = node.apps.get(&job.call.tenant, &job.call.app) else {
        return;
    };
    if app.spec.migrate != Migrate::Auto {
        return;
    }
    let Ok(Some((part, _))) = Parts::main_of(&app, job) else {
        return;
    };
    let now = node.followed.origin.elapsed();
    let Some(shares) = node.followed.note(session, part, entry, now) else {
        return;
    };
    let offers = node.dispatcher.offers(job, &app.spec, &shares);
    let bytes: Bytes = invoked.states.iter().map(|(_, bytes)| *bytes).sum();
    let cost = |to: &NodeName| node.dispatcher.bringing(bytes, to);
    let decide = |following: &mut Following| following.decide(&node.name, &offers, cost, now);
    if let Some((to, cause)) = node.followed.look(session, part, decide)
        && node.followed.send_away(session, part, now)
    {
        send(node, job, part, to, cause);
    }
}

fn send(node: &Arc<Node>, job: &Job, part: Birth, to: NodeName, cause: Cause) {
    let Some(session) = &job.call.session else { return };
    let home = Home::InFunction(node.name.clone());
    let key = record_key(&job.call.tenant, &job.call.app, session, part, &home);
    let (it, tenant, trace) = (Arc::clone(node), job.call.tenant.clone(), job.call.trace.clone());
    let stopping = node.stopping.clone();
    node.tasks.spawn(stopping.run_until_cancelled_owned(async move {
        match trace::within(trace, drain::migrate(&it, &tenant, &key, &to)).await {
            Ok(()) => it.metrics.migrated(cause.name()),
            // It stays, and is thought of again when enough is known of it.
            Err(fault) => {
                tracing::warn!(session = %key.session, %to, problem = %fault.problem(), "not moved")
            }
        }
    }));
}
