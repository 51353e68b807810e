//! One attempt at one place, driven: what the machine in `core` asks for is done here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fogline_core::model::{Bytes, CommitId, SessionId, StateName};
use fogline_core::session::{
    Action, Attempt, Commit, Content, Event, Executed, Head, Home, Invocation, Outcome, Snapshot,
};
use fogline_protocol::problem::Kind;
use fogline_runtime::component::KeptWorker;
use fogline_runtime::{StateValue, WrittenBy};
use fogline_state::Committed;

use super::local::Work;
use super::place::Place;
use super::task::Task;
use crate::admit::{digest, first_16};
use crate::fault::Fault;
use crate::trace::Span;
use crate::{quotas, random};

/// What ended the driving of an attempt.
pub(super) enum Driven {
    Finished(Outcome<Fault>),
    Follow(Home),
    FinishMove(Home),
    TakeTurn,
}

pub(super) type Values = BTreeMap<StateName, StateValue>;

/// States of parts that are only read.
#[derive(Default)]
pub(super) struct Read {
    pub(super) values: Values,
    pub(super) written_by: WrittenBy,
}

impl Read {
    pub(super) fn of(snapshot: &Snapshot, states: &BTreeSet<StateName>) -> Result<Self, Fault> {
        check_complete(snapshot, states)?;
        Ok(Self {
            values: values(snapshot, states),
            written_by: written_by(&snapshot.head, states),
        })
    }
}

/// The driving of one attempt at one place.
pub(super) struct Drive<'a> {
    work: &'a Work<'a>,
    session: &'a SessionId,
    states: &'a BTreeSet<StateName>,
    read_only: &'a Read,
    pub(super) took: Option<Duration>,
    worker: Option<KeptWorker>,
    /// What was executed on last.
    pub(super) base: Option<Arc<Snapshot>>,
    /// Of the states that are set now.
    pub(super) sizes: Vec<(StateName, Bytes)>,
}

impl<'a> Drive<'a> {
    pub(super) fn of(
        work: &'a Work<'a>,
        session: &'a SessionId,
        states: &'a BTreeSet<StateName>,
        read_only: &'a Read,
    ) -> Self {
        Self {
            work,
            session,
            states,
            read_only,
            took: None,
            worker: None,
            base: None,
            sizes: Vec::new(),
        }
    }
}

impl<'a> Drive<'a> {
    pub(super) async fn run(&mut self, place: &mut Place) -> Result<Driven, Fault> {
        let metrics = self.work.metrics.under(place.model());
        let mut conflicted = false;
        let (mut attempt, mut action) = Attempt::new(self.invocation(place));
        loop {
            let event = match action {
                Action::Load => {
                    let mut span = self.span("load", place);
                    let since = Instant::now();
                    let found = span.around(place.load(self.states)).await;
                    metrics.loaded(since.elapsed());
                    span.gave(&found);
                    Event::Loaded(found?)
                }
                Action::Execute(snapshot) => {
                    conflicted = false;
                    let executed = self.execute(place, &snapshot).await?;
                    self.measure(&snapshot.head);
                    self.base = Some(snapshot);
                    executed
                }
                Action::Commit(commit) => {
                    let bytes = super::bytes_of(&commit);
                    let worker = self.seeing(&commit.head);
                    self.check_quota(place, &commit)?;
                    self.measure(&commit.head);
                    let mut span = self.span("commit", place);
                    if std::mem::take(&mut conflicted) {
                        metrics.rebased();
                    }
                    let since = Instant::now();
                    let committed = span.around(place.commit(commit)).await;
                    metrics.wrote(since.elapsed());
                    span.gave(&committed);
                    match committed? {
                        Committed::Done => {
                            span.is("fogline.bytes", bytes.0);
                            metrics.committed(bytes);
                            self.keep(worker);
                            Event::Committed
                        }
                        Committed::Conflict(head) => {
                            span.is("fogline.conflict", true);
                            conflicted = true;
                            metrics.conflicted();
                            Event::Conflict(head)
                        }
                        Committed::Unknown => Event::Unknown,
                    }
                }
                Action::Finish(outcome) => return Ok(Driven::Finished(outcome)),
                Action::Follow(home) => return Ok(Driven::Follow(home)),
                Action::FinishMove(home) => return Ok(Driven::FinishMove(home)),
                Action::TakeTurn => return Ok(Driven::TakeTurn),
            };
            action = attempt.on(event);
        }
    }

    /// Stores check quotas themselves; an owner has the session in its memory, and stores it later.
    fn check_quota(&self, place: &Place, commit: &Commit) -> Result<(), Fault> {
        if let (Place::Owner(_, key, ..), Some(base)) = (place, &self.base) {
            let (before, after) = (
                quotas::usage_of(key, &base.head),
                quotas::usage_of(key, &commit.head),
            );
            self.work.node.quotas.check_bytes(&key.tenant, before, after)?;
        }
        Ok(())
    }

    /// A span of what is done at a place.
    fn span(&self, name: &'static str, place: &Place) -> Span<'a> {
        let work: &'a Work<'a> = self.work;
        let mut span = work.node.tracer.leaf(&work.job.call, name);
        span.is("fogline.model", place.model().name());
        span
    }

    /// Notes how large the states of a head are, for those who choose nodes.
    fn measure(&mut self, head: &Head) {
        if self.work.node.dispatcher.has_choice() {
            self.sizes = super::sizes_of(head);
        }
    }

    fn invocation(&self, place: &Place) -> Invocation {
        let (call, app) = (&self.work.job.call, self.work.app);
        let schema = |state: &StateName| Some((state.clone(), app.spec.states.get(state)?.schema));
        // What a client holds by itself it cannot fall behind of.
        let seen = call.seen.filter(|_| !is_unmarked(place));
        Invocation {
            id: call.id,
            origin: call.origin,
            body: call.body,
            now: call.now,
            seen,
            states: self.states.clone(),
            schemas: self.states.iter().filter_map(schema).collect(),
            ttl: app.spec.session_ttl,
            keeps_reply: self.keeps_reply(place),
        }
    }

    /// Whether the reply is kept though nothing was written. Nobody could keep it for a client without a mark.
    fn keeps_reply(&self, place: &Place) -> bool {
        self.work.job.call.step && !is_unmarked(place)
    }

    async fn execute(&mut self, place: &Place, snapshot: &Snapshot) -> Result<Event<Fault>, Fault> {
        if let Place::Client(client) = place {
            client.check(snapshot, self.states)?;
        }
        if let Task::Function(_) | Task::Get(_) = self.work.task {
            check_complete(snapshot, self.states)?;
        }
        let mut states = values(snapshot, self.states);
        let bytes = states.values().map(|value| value.value.len() as u64).sum();
        self.work.metrics.under(place.model()).moved(Bytes(bytes));
        if let Err(fault) = self.work.app.check_schemas(&states) {
            let (node, tenant) = (self.work.node, &self.work.job.call.tenant);
            return Err(match node.apps.is_replaced(tenant, self.work.app) {
                true => fault.until_rolled_out(),
                false => fault,
            });
        }
        states.extend(
            self.read_only
                .values
                .iter()
                .map(|(state, value)| (state.clone(), value.clone())),
        );
        let keep = self.work.tag(self.session, || self.begins_on(&snapshot.head));
        let commit = self.commit_id(place, &snapshot.head);
        let execution = match self.work.run(states, keep).await {
            Ok(execution) => execution,
            // The function's fault is an outcome, which leaves as one (R1); everything else is not.
            Err(fault) if is_guest(&fault) => {
                let writes = BTreeMap::new();
                return Ok(Event::Executed(Executed {
                    output: Err(fault),
                    writes,
                    commit,
                }));
            }
            Err(fault) => return Err(fault),
        };
        self.took = Some(execution.took);
        self.worker = execution.worker;
        let output = execution
            .outcome
            .map_err(|error| self.work.task.fault(&self.work.name(), &error));
        if output.is_ok() && execution.writes.is_empty() && !self.keeps_reply(place) {
            let worker = self.seeing(&snapshot.head);
            self.keep(worker);
        }
        Ok(Event::Executed(Executed {
            output,
            writes: execution.writes,
            commit,
        }))
    }

    /// The id of the commit of what is executed on this head.
    fn commit_id(&self, place: &Place, head: &Head) -> CommitId {
        if !is_unmarked(place) {
            return CommitId(random::bytes());
        }
        // Nobody keeps the reply for its client: a step that is sent again is executed again, and what comes of that on
        // the same states is no fork.
        let call = &self.work.job.call;
        let (epoch, version) = (head.epoch.to_be_bytes(), head.version.to_be_bytes());
        let written_by = written_by(head, self.states);
        let mut parts = vec![&call.id.0[..], &call.body.0, &epoch, &version];
        for (state, commit) in &written_by {
            parts.extend([state.as_str().as_bytes(), &commit.0]);
        }
        CommitId(first_16(digest(&parts)))
    }

    /// What an invocation on this head begins on.
    fn begins_on(&self, head: &Head) -> WrittenBy {
        let mut states = written_by(head, self.states);
        states.extend(self.read_only.written_by.clone());
        states
    }

    /// The worker, with the states as this head has them, which it has seen.
    fn seeing(&mut self, head: &Head) -> Option<(KeptWorker, WrittenBy)> {
        let worker = self.worker.take()?;
        Some((worker, self.begins_on(head)))
    }

    /// Lets the worker serve the next invocation on these states (R13).
    fn keep(&self, worker: Option<(KeptWorker, WrittenBy)>) {
        if let Some((worker, states)) = worker {
            worker.keep(self.session.clone(), states);
        }
    }
}

/// Whether the states are with a client that nobody keeps a record for.
fn is_unmarked(place: &Place) -> bool {
    matches!(place, Place::Client(client) if !client.is_marked())
}

fn is_guest(fault: &Fault) -> bool {
    let kind = fault.problem().kind;
    matches!(
        kind,
        Kind::FunctionFailed | Kind::FunctionTrapped | Kind::FunctionLimit
    )
}

fn values(snapshot: &Snapshot, states: &BTreeSet<StateName>) -> Values {
    let value = |state: &StateName| {
        let schema = snapshot.head.states.get(state)?.schema;
        let value = snapshot.values.get(state)?.clone();
        Some((state.clone(), StateValue { schema, value }))
    };
    states.iter().filter_map(value).collect()
}

/// A state that is set and whose bytes are missing must not look as if it had never been set.
fn check_complete(snapshot: &Snapshot, states: &BTreeSet<StateName>) -> Result<(), Fault> {
    let is_lost = |state: &&StateName| {
        let entry = snapshot.head.states.get(*state);
        let is_stored = entry.is_some_and(|entry| !matches!(entry.content, Content::Held { .. }));
        is_stored && !snapshot.values.contains_key(*state)
    };
    match states.iter().find(is_lost) {
        None => Ok(()),
        Some(state) => Err(Fault::new(
            Kind::Unavailable,
            format!("the store has lost the bytes of state {state}"),
            "look at the disk of the store; to go on without them, set the state again or remove it",
        )),
    }
}

fn written_by(head: &Head, states: &BTreeSet<StateName>) -> WrittenBy {
    let commit = |state: &StateName| Some((state.clone(), head.states.get(state)?.commit));
    states.iter().filter_map(commit).collect()
}
