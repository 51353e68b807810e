//! Looking whether another node of the site lives, and ending its life if it is silent: the shell around [`Contender`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fogline_core::lease::{Contender, LeaseAction, LeaseEvent, LeaseRecord};
use fogline_core::model::NodeName;
use fogline_protocol::problem::Kind;
use fogline_state::Leases;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, WeakShared};

use super::lease::now;
use super::{Site, carry_out};
use crate::fault::Fault;

type Outcome = Result<(), Fault>;

/// Those that are under way: all who wait for the life of one node watch it together.
#[derive(Default)]
pub(super) struct Contests {
    of: Mutex<HashMap<NodeName, WeakShared<BoxFuture<'static, Outcome>>>>,
}

impl Site {
    /// Waits until the life of a node that does not answer is over. What was in its memory may be taken then, each
    /// session after [`Self::over`].
    ///
    /// # Errors
    /// When it lives, by its lease; or when that cannot be read, or this node has none itself.
    pub(crate) async fn contest(&self, node: &NodeName) -> Outcome {
        // A node that is cut off itself cannot tell.
        self.lease.life()?;
        let contest = {
            let mut of = self.contests.of.lock().unwrap_or_else(PoisonError::into_inner);
            of.retain(|_, contest| contest.upgrade().is_some_and(|it| it.peek().is_none()));
            let running = of.get(node).and_then(WeakShared::upgrade);
            running.unwrap_or_else(|| {
                let (leases, node) = (self.lease.leases(), node.clone());
                let contest = run(leases, node.clone(), self.lease.call()).boxed().shared();
                of.extend(contest.downgrade().map(|weak| (node, weak)));
                contest
            })
        };
        contest.await
    }

    /// Whether no life of a node holds its lease at this moment. To be asked between reading a session's record and
    /// replacing it: a life that begins later replaces the record before it answers for the session.
    ///
    /// # Errors
    /// When one does, or it cannot be told.
    pub(crate) async fn over(&self, node: &NodeName) -> Outcome {
        match self.lease.leases().lease(node, self.lease.call()).await? {
            Some(record) if !record.alive => Ok(()),
            _ => Err(lives(node)),
        }
    }
}

async fn run(leases: Arc<dyn Leases>, node: NodeName, call: Duration) -> Outcome {
    let first = match leases.lease(&node, call).await? {
        Some(record) if record.alive => record,
        // Nothing stands of a node that never held a lease: nothing can be in its memory.
        _ => return Ok(()),
    };
    let mut contender = Contender::new(first.incarnation);
    let mut event = LeaseEvent::Stands(Some(first.clone()));
    contender.on(LeaseEvent::Wake, now());
    let mut looked = false;
    loop {
        if renewed(&first, &event) {
            return Err(lives(&node));
        }
        // One thing at a time, as the machine says.
        let Some(action) = contender.on(event, now()).pop() else {
            return Ok(());
        };
        if matches!(action, LeaseAction::WakeAt(_)) && !std::mem::replace(&mut looked, true) {
            // Whoever lives renews it meanwhile. And a renewal that was under way when its holder died has arrived:
            // found now, and not when all the time is over, it costs little.
            tokio::time::sleep(first.term / 4).await;
            let stands = leases.lease(&node, call).await;
            if stands.is_ok_and(|stands| renewed(&first, &LeaseEvent::Stands(stands))) {
                return Err(lives(&node));
            }
        }
        event = match carry_out(&*leases, &node, &action, call).await {
            None => return Ok(()),
            Some(Ok(event)) => event,
            Some(Err(_)) => LeaseEvent::Unanswered,
        };
        if matches!((&action, &event), (LeaseAction::Read, LeaseEvent::Unanswered)) {
            return Err(Fault::new(
                Kind::Unavailable,
                format!("whether {node} lives cannot be told now: its lease cannot be read"),
                "check that more than half of the etcd servers run and can be reached from here",
            ));
        }
    }
}

/// Whether the lease has been renewed since it was looked at first, or another life has begun.
fn renewed(first: &LeaseRecord, event: &LeaseEvent) -> bool {
    matches!(event, LeaseEvent::Stands(Some(stands)) if stands.alive && stands != first)
}

fn lives(node: &NodeName) -> Fault {
    Fault::new(
        Kind::Unavailable,
        format!("{node} does not answer here, and it lives: it renews its lease"),
        "check the link between the two nodes; a node that reaches it serves the session",
    )
}
