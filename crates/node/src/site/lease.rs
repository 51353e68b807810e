//! This node's hold on its lease: the shell around [`Holder`].

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fogline_core::lease::{Holder, LeaseAction, LeaseEvent};
use fogline_core::model::{Incarnation, NodeName};
use fogline_protocol::problem::Kind;
use fogline_state::{Leases, StoreError};
use nix::time::{ClockId, clock_gettime};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::carry_out;
use crate::fault::Fault;
use crate::homes::Owner;
use crate::random;

/// The time since the machine was started, that of suspension included.
pub(super) fn now() -> Duration {
    let time = clock_gettime(ClockId::CLOCK_BOOTTIME).expect("Linux has had this clock since 2.6.39");
    Duration::from(time)
}

/// What lets this node answer for the sessions in its memory: one life after the other, each a lease of its own.
pub(crate) struct Lease {
    node: NodeName,
    leases: Arc<dyn Leases>,
    term: Duration,
    holder: Mutex<Holder>,
    /// How many lives have held it.
    held: watch::Sender<u64>,
    /// Whether nobody has said for a whole term if it is renewed, or can be had.
    cut_off: watch::Sender<bool>,
    /// Why it was not renewed, the last time that it was not.
    problem: Mutex<String>,
}

impl Lease {
    pub(crate) fn new(node: NodeName, leases: Arc<dyn Leases>, term: Duration) -> Self {
        Self {
            node,
            leases,
            term,
            holder: Mutex::new(life(term)),
            held: watch::Sender::new(0),
            cut_off: watch::Sender::new(false),
            problem: Mutex::new("it has not been got yet".to_owned()),
        }
    }

    fn holder(&self) -> MutexGuard<'_, Holder> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long one call may take.
    pub(super) fn call(&self) -> Duration {
        self.term / 2
    }

    pub(super) fn leases(&self) -> Arc<dyn Leases> {
        Arc::clone(&self.leases)
    }

    /// The life that holds the lease at this moment: what is brought into memory now is this life's.
    ///
    /// # Errors
    /// When it is not held: then nothing may be answered from memory.
    pub(crate) fn life(&self) -> Result<Incarnation, Fault> {
        let holder = self.holder();
        if holder.holds(now()) {
            return Ok(holder.incarnation());
        }
        drop(holder);
        let problem = self.problem();
        Err(Fault::new(
            Kind::Unavailable,
            format!(
                "{} does not hold its lease, so that it cannot answer for sessions in its memory: {problem}",
                self.node
            ),
            "try again, or another node of the site; without state, and with states that are with their clients, \
             this one goes on",
        ))
    }

    /// Whether a life still holds the lease. To be asked after the last access to memory, before the answer leaves (R1).
    ///
    /// # Errors
    /// When it does not: the answer never may leave.
    pub(crate) fn check(&self, life: Incarnation) -> Result<(), Fault> {
        if self.life()? == life {
            return Ok(());
        }
        Err(Fault::new(
            Kind::Unavailable,
            format!("the session has left the memory of {} meanwhile", self.node),
            "send the request again under the same key: if it was executed, its reply is kept",
        ))
    }

    /// Waits until the lease is held for the first time, but no longer than two earlier terms take, nor where nobody
    /// answers.
    pub(crate) async fn wait(&self) {
        let mut held = self.held.subscribe();
        tokio::select! {
            _ = held.wait_for(|lives| *lives > 0) => return,
            _ = self.cut_off() => {}
            () = tokio::time::sleep(self.term * 3) => {}
        }
        tracing::warn!(node = %self.node, problem = %self.problem(), "starts without its lease");
    }

    /// Why nothing can be asked of the quorum, if so.
    pub(super) fn is_cut_off(&self) -> Option<StoreError> {
        let cut_off = *self.cut_off.borrow();
        cut_off.then(|| StoreError::Unavailable {
            doing: format!("reaching the quorum of the site of {}", self.node),
            problem: self.problem(),
            hint: "check that more than half of the etcd servers run and can be reached from here; without state, and \
                   with states that are with their clients, this node goes on",
        })
    }

    /// Waits until nothing can be asked of the quorum; gives why.
    pub(super) async fn cut_off(&self) -> StoreError {
        let mut cut_off = self.cut_off.subscribe();
        loop {
            if let Some(error) = self.is_cut_off() {
                return error;
            }
            // It is this lease's for as long as it is.
            let _ = cut_off.changed().await;
        }
    }

    fn problem(&self) -> String {
        self.problem
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Holds the lease until it is to be given up. When somebody has ended a life, memory is emptied, and another life
    /// begins.
    pub(crate) async fn keep(&self, owner: &Owner, leaving: &CancellationToken) {
        loop {
            self.live(leaving).await;
            if leaving.is_cancelled() {
                return;
            }
            tracing::warn!(node = %self.node, "was silent, and others may have taken its sessions");
            owner.begin_anew().await;
            *self.holder() = life(self.term);
        }
    }

    /// One life.
    async fn live(&self, leaving: &CancellationToken) {
        let mut released = false;
        let mut actions = self.on(LeaseEvent::Wake);
        // One thing at a time, as the machine says.
        while let Some(action) = actions.pop() {
            let mut carrying = pin!(carry_out(&*self.leases, &self.node, &action, self.call()));
            actions = loop {
                tokio::select! {
                    came = &mut carrying => match came {
                        None => return,
                        Some(came) => break self.on(self.heard(came)),
                    },
                    () = leaving.cancelled(), if !released => {
                        released = true;
                        let next = self.holder().release(now());
                        // Else what is under way is waited for.
                        if !next.is_empty() {
                            break next;
                        }
                    }
                }
            };
        }
    }

    /// What came of a call; why, if nothing did.
    fn heard(&self, came: Result<LeaseEvent, StoreError>) -> LeaseEvent {
        let problem = match came {
            // Being woken says nothing of the quorum.
            Ok(LeaseEvent::Wake) => return LeaseEvent::Wake,
            Ok(LeaseEvent::Unanswered) => "etcd has not said whether the lease is renewed".to_owned(),
            Ok(event) => {
                self.cut_off.send_if_modified(|it| std::mem::replace(it, false));
                return event;
            }
            Err(StoreError::Unavailable { doing, problem, .. }) => format!("{doing}: {problem}"),
            Err(error) => error.to_string(),
        };
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
        if !self.holder().holds(now()) {
            self.cut_off.send_if_modified(|it| !std::mem::replace(it, true));
        }
        LeaseEvent::Unanswered
    }

    fn on(&self, event: LeaseEvent) -> Vec<LeaseAction> {
        let mut holder = self.holder();
        let held = holder.held_until().is_some();
        let actions = holder.on(event, now());
        if !held && holder.held_until().is_some() {
            tracing::info!(node = %self.node, "holds its lease");
            self.held.send_modify(|lives| *lives += 1);
        }
        actions
    }
}

fn life(term: Duration) -> Holder {
    Holder::new(Incarnation(random::bytes()), term)
}
