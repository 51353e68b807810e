//! Executing an invocation on this node: the shell around [`Attempt`].

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use fogline_core::application::Instance;
use fogline_core::model::{self, Birth, ExecutionModel, SessionId, StateName};
use fogline_core::session::{BlobOf, Home, Outcome, Refusal, ReplyOutput, Seen, Status};
use fogline_protocol::peer::{Invoke, Invoked};
use fogline_protocol::problem::Kind;
use fogline_runtime::{Call, ExecuteError, Execution, InvocationContext, KeepTag, WrittenBy};

use super::beside;
use super::client::ClientPlace;
use super::dispatcher::key;
use super::drive::{Drive, Driven, Read, Values};
use super::envelopes::{Envelopes, add_renewed, missing};
use super::parts::{self, Parts, record_key};
use super::place::Place;
use super::resolve::{self, Resolved};
use super::task::Task;
use super::{Answer, Job};
use crate::apps::Deployed;
use crate::failover;
use crate::fault::{self, Fault};
use crate::locate::{locate, may_be_elsewhere};
use crate::metrics::OfTenant;
use crate::node::Node;

/// How often a session may move while one invocation looks for it.
const MAX_FOLLOWED: usize = 8;

/// Executes an invocation of this application here, unless its session's invocations are executed elsewhere.
pub(crate) async fn execute(node: &Arc<Node>, app: &Deployed, job: &Job) -> Result<Answer, Fault> {
    let task = Task::of(app, &job.call.target)?;
    let (reads, writes) = task.states();
    let work = Work {
        node,
        job,
        app,
        task,
        metrics: node.metrics.of(&job.call.tenant),
    };
    let Some(session) = &job.call.session else {
        parts::check_stateless(&job.call.target, &reads, &writes)?;
        return work.without_states(None).await;
    };
    let parts = Parts::of(&app.spec, &reads, &writes, session)?;
    let Some((part, states)) = &parts.main else {
        return work.without_states(Some(session)).await;
    };
    let (mut read_only, mut renewed) = (Read::default(), Vec::new());
    for (part, states) in &parts.others {
        let (read, envelopes) = Box::pin(work.snapshot(session, *part, states)).await?;
        read_only.values.extend(read.values);
        read_only.written_by.extend(read.written_by);
        renewed.extend(envelopes);
    }
    let mut answer = Box::pin(work.in_part(session, *part, states, read_only)).await?;
    if let Answer::Invoked(_, output, envelopes) = &mut answer {
        add_renewed(output.len(), envelopes, renewed);
    }
    Ok(answer)
}

/// One invocation on its way through this node.
pub(super) struct Work<'a> {
    pub(super) node: &'a Arc<Node>,
    pub(super) job: &'a Job,
    pub(super) app: &'a Deployed,
    pub(super) task: Task<'a>,
    pub(super) metrics: &'a OfTenant,
}

impl Work<'_> {
    async fn without_states(&self, session: Option<&SessionId>) -> Result<Answer, Fault> {
        let keep = session.and_then(|session| self.tag(session, WrittenBy::new));
        let execution = self.run(Values::new(), keep).await?;
        let took = execution.took;
        if let (Some(worker), Some(session)) = (execution.worker, session) {
            worker.keep(session.clone(), WrittenBy::new());
        }
        let output = execution
            .outcome
            .map_err(|error| self.task.fault(&self.name(), &error))?;
        Ok(Answer::Invoked(
            self.invoked(false, None, took, Vec::new()),
            output,
            Vec::new(),
        ))
    }

    /// What a part that is only read shows at this moment (R15), and those of its envelopes that were renewed.
    async fn snapshot(
        &self,
        session: &SessionId,
        part: Birth,
        states: &BTreeSet<StateName>,
    ) -> Result<(Read, Envelopes), Fault> {
        let mut home = self.node.forwards.home(session, part);
        for _ in 0..MAX_FOLLOWED {
            let mut place = match resolve::place(self.node, self.job, self.app, part, &home).await? {
                Resolved::Here(place) => place,
                Resolved::Elsewhere => resolve::record(self.node, self.job, part, &home)?,
            };
            let found = match &place {
                // To bring a session into its owner's memory is for those who have its turn.
                Place::Owner(owner, key, durability, _) => owner.look(key, states, *durability).await,
                _ => place.load(states).await,
            };
            let found = match found {
                Err(fault) if fault.problem().kind == Kind::Unavailable => {
                    let taken = failover::take(self.node, self.job, part, &home).await?;
                    home = taken.ok_or(fault)?;
                    continue;
                }
                found => found?.ok_or(Refusal::NoSession)?,
            };
            // Its target may have gone on already, and its source not been told.
            if let Status::Moving(to) = &found.head.status
                && to.model() != ExecutionModel::InClient
            {
                home = self.finish_move(session, part, &home, to).await?;
                continue;
            }
            match resolve::next_home(&found.head.status)? {
                None if found.head.expires < self.job.call.now => return Err(Refusal::Gone.into()),
                None => {
                    let ttl = self.app.spec.session_ttl;
                    let renewed = self.envelopes(&mut place, &Bytes::new())?;
                    if found.head.is_due(self.job.call.now, ttl) {
                        beside::prolong(self.node, self.job, place, &home, &found.head, ttl).await;
                    }
                    return Ok((Read::of(&found, states)?, renewed));
                }
                Some(next) => {
                    self.node.forwards.learn(session, part, &next);
                    home = next;
                }
            }
        }
        Err(Fault::overloaded("the session keeps moving"))
    }

    async fn in_part(
        &self,
        session: &SessionId,
        part: Birth,
        states: &BTreeSet<StateName>,
        read_only: Read,
    ) -> Result<Answer, Fault> {
        let believed = self.job.call.home.clone();
        let mut home = believed.unwrap_or_else(|| self.node.forwards.home(session, part));
        let mut in_turn = self.job.call.turn;
        let (mut with_client, mut located) = (false, false);
        for _ in 0..MAX_FOLLOWED {
            let place = resolve::place(self.node, self.job, self.app, part, &home).await?;
            let Resolved::Here(mut place) = place else {
                return Ok(Answer::Elsewhere(home));
            };
            let call = &self.job.call;
            let turn = if in_turn || matches!(place, Place::Owner(..)) {
                let key = record_key(&call.tenant, &call.app, session, part, &home);
                Some(self.node.turns.take(&key).await?)
            } else {
                None
            };
            let mut drive = Drive::of(self, session, states, &read_only);
            let driven = match drive.run(&mut place).await {
                Err(fault) if !located && may_be_elsewhere(self.node, &fault, &home) => {
                    located = true;
                    home = Box::pin(self.found_elsewhere(part, &home)).await.ok_or(fault)?;
                    continue;
                }
                driven => driven?,
            };
            match driven {
                Driven::Finished(outcome) => {
                    if let (Outcome::Done { wrote: false, .. }, Some(base)) = (&outcome, &drive.base) {
                        place
                            .prolong(&base.head, call.now, self.app.spec.session_ttl)
                            .await;
                    }
                    let (took, sizes) = (drive.took.unwrap_or_default(), drive.sizes);
                    drop(turn);
                    if let Some(answer) = self.answer(&mut place, outcome, took, sizes).await? {
                        return Ok(answer);
                    }
                }
                Driven::Follow(to) => {
                    self.node.forwards.learn(session, part, &to);
                    with_client |= to.model() == ExecutionModel::InClient;
                    home = to;
                }
                Driven::FinishMove(to) => {
                    drop(turn);
                    home = self.finish_move(session, part, &home, &to).await?;
                    if let Place::Client(_) = place {
                        return self.without_envelopes(session, part, home).await;
                    }
                }
                Driven::TakeTurn => {
                    // All who take a turn take it at one node, or they would not wait for each other.
                    let at = home.node().unwrap_or(session.node());
                    if *at != self.node.name {
                        return Ok(Answer::TakeTurn(at.clone()));
                    }
                    in_turn = true;
                }
            }
        }
        if with_client {
            // The client came back to where its old forward leads away from: no record leads to the session.
            return Err(missing());
        }
        Err(Fault::overloaded("the session keeps moving"))
    }

    /// The invocation of a session that has just left its client: what its client has sent has gone along.
    async fn without_envelopes(&self, session: &SessionId, part: Birth, home: Home) -> Result<Answer, Fault> {
        let mut job = self.job.clone();
        job.call.home = Some(home);
        job.envelopes.retain(|state, _| {
            let declared = self.app.spec.states.get(state);
            declared.is_some_and(|declared| session.part_of(declared.model) != part)
        });
        Box::pin(execute(self.node, self.app, &job)).await
    }

    /// Finishes a move that was met (R9), and says where the part is now.
    async fn finish_move(
        &self,
        session: &SessionId,
        part: Birth,
        home: &Home,
        to: &Home,
    ) -> Result<Home, Fault> {
        let there = Box::pin(crate::convert::finish(self.node, self.job, part, home, to)).await?;
        self.node.forwards.learn(session, part, &there);
        Ok(there)
    }

    /// Where a part is, if not where it was thought to be and nobody answers.
    async fn found_elsewhere(&self, part: Birth, home: &Home) -> Option<Home> {
        let call = &self.job.call;
        let session = call.session.as_ref()?;
        let key = record_key(&call.tenant, &call.app, session, part, home);
        let found = locate(self.node, &key).await.filter(|found| found != home)?;
        self.node.forwards.learn(session, part, &found);
        Some(found)
    }

    /// The answer, once it may leave; `None` if what it shows was overtaken, so that it never may.
    async fn answer(
        &self,
        place: &mut Place,
        outcome: Outcome<Fault>,
        took: std::time::Duration,
        sizes: Vec<(StateName, model::Bytes)>,
    ) -> Result<Option<Answer>, Fault> {
        let settled = match &outcome {
            Outcome::Done { seen, .. } | Outcome::Failed { seen, .. } | Outcome::Replayed { seen, .. } => {
                place.settle(*seen).await?
            }
            Outcome::Refused(refusal) => {
                place.check()?;
                return Err((*refusal).into());
            }
        };
        let Some(seen) = settled else {
            return Ok(None);
        };
        let answer = self.settled(place, outcome, seen, (took, sizes)).await;
        place.check()?;
        answer
    }

    async fn settled(
        &self,
        place: &mut Place,
        outcome: Outcome<Fault>,
        seen: Seen,
        (took, sizes): (std::time::Duration, Vec<(StateName, model::Bytes)>),
    ) -> Result<Option<Answer>, Fault> {
        Ok(Some(match outcome {
            Outcome::Done { output, .. } => {
                let invoked = self.invoked(false, Some((place, seen)), took, sizes);
                let envelopes = self.envelopes(place, &output)?;
                Answer::Invoked(invoked, output, envelopes)
            }
            Outcome::Failed { failure, .. } => return Err(failure),
            Outcome::Replayed { reply, .. } => {
                let (output, envelopes) = match reply.output {
                    ReplyOutput::Inline(output) => (output, Vec::new()),
                    ReplyOutput::Blob(name) => {
                        // Whoever looks again finds the head that no longer names it.
                        let Some(kept) = place.blob(&name).await? else {
                            return Ok(None);
                        };
                        let sealed = name.of == BlobOf::SealedReply;
                        if sealed {
                            ClientPlace::replayed(&kept)?
                        } else {
                            (kept, Vec::new())
                        }
                    }
                    ReplyOutput::Gone => return Err(Refusal::ReplyExpired.into()),
                };
                let invoked = self.invoked(true, Some((place, seen)), took, Vec::new());
                Answer::Invoked(invoked, output, envelopes)
            }
            Outcome::Refused(refusal) => return Err(refusal.into()),
        }))
    }

    /// The envelopes that the client must keep, beside this output.
    fn envelopes(&self, place: &mut Place, output: &Bytes) -> Result<Envelopes, Fault> {
        let Place::Client(client) = place else {
            return Ok(Envelopes::new());
        };
        let mut envelopes = client.take_new();
        // Whoever only wants to see a state is answered its bytes, and nothing beside them.
        if !matches!(self.task, Task::Get(_)) {
            let (reads, writes) = self.task.states();
            let is_used = |state: &StateName| {
                let is_new = envelopes.iter().any(|(new, _)| new == state);
                !is_new && (reads.contains(state) || writes.contains(state))
            };
            let renewed = client.renewed(self.job.call.now, self.app.spec.session_ttl, is_used)?;
            add_renewed(output.len(), &mut envelopes, renewed);
        }
        Ok(envelopes)
    }

    fn invoked(
        &self,
        replayed: bool,
        at: Option<(&Place, Seen)>,
        took: std::time::Duration,
        states: Vec<(StateName, model::Bytes)>,
    ) -> Invoked {
        let call = &self.job.call;
        let wish = |session| self.node.requested.of(&call.tenant, &call.app, session);
        let convert = call.session.as_ref().and_then(wish);
        Invoked {
            node: self.node.name.clone(),
            replayed,
            seen: at.as_ref().map(|(_, seen)| *seen),
            execution_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            model: at.map(|(place, _)| place.model()),
            states,
            envelopes: Vec::new(),
            convert,
        }
    }

    pub(super) fn name(&self) -> String {
        self.job.call.target.to_string()
    }

    /// What a worker is kept by, if the function's are.
    pub(super) fn tag(&self, session: &SessionId, states: impl FnOnce() -> WrittenBy) -> Option<KeepTag> {
        let kept = self.task.instance() == Instance::PerSession;
        kept.then(|| KeepTag {
            session: session.clone(),
            states: states(),
        })
    }

    /// One execution, in one of the node's slots.
    pub(super) async fn run(&self, states: Values, keep: Option<KeepTag>) -> Result<Execution, Fault> {
        let Invoke {
            id,
            session,
            as_of,
            timeout,
            deadline,
            seed,
            ..
        } = &*self.job.call;
        let _slot = match self.task {
            Task::Function(_) => {
                let _span = self.node.tracer.leaf(&self.job.call, "queue");
                let (slot, waited) = self.node.slots.take().await?;
                self.metrics.queued(waited);
                Some(slot)
            }
            Task::Get(_) | Task::Put(_) | Task::Remove(_) => None,
        };
        let mut span = self.node.tracer.leaf(&self.job.call, "execute");
        let call = Call {
            invocation: InvocationContext {
                id: *id,
                session: session.clone(),
                now: *as_of,
                deadline: as_of.after(*timeout),
                seed: *seed,
            },
            input: self.job.input.clone(),
            states,
            keep,
            time_left: deadline.since(self.node.clock.now()),
        };
        let executed = self.task.execute(call).await;
        if let Task::Function(_) = self.task {
            self.metrics.executed(&executed);
        }
        let logs = match &executed {
            Ok(execution) => &execution.logs[..],
            Err(ExecuteError::Guest { logs, .. }) => &logs[..],
            Err(_) => &[],
        };
        self.node.logs.write(&self.job.call, logs);
        let executed = executed.map_err(|error| fault::of_execution(&self.name(), &error));
        span.gave(&executed);
        if let Ok(execution) = &executed {
            span.is("faas.coldstart", execution.cold);
            // A worker that is to be kept is made once: how long that takes says nothing of the executions after it.
            let usual = !execution.cold || self.task.instance() == Instance::PerInvocation;
            if let Some(function) = key(self.job).filter(|_| usual) {
                self.node.members.executed(&function, execution.took);
            }
        }
        executed
    }
}
