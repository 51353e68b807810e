//! One invocation against one part of a session: load, execute, commit, and what to do when others were faster.
//!
//! ```text
//!            ┌──────────────── conflict on declared states ───────────────┐
//!            ▼                                                            │
//! start ─► Loading ─ loaded ─► Executing ─ executed ─► Committing ─ done ─┼─► finished
//!            │ known reply, refusal  │ nothing written      │ conflict elsewhere: rebase, commit again
//!            └──────────► finished ◄─┘                      └─ unknown: load, look for the id
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::head::{BlobName, BlobOf, BodyHash, Commit, Content, Entry, Expect, Head, Snapshot, Status};
use super::home::Home;
use super::replies::{Lookup, Origin, Reply, ReplyOutput};
use super::seen::Seen;
use crate::model::limits::{MAX_CONFLICTS, MAX_INLINE_REPLY, MAX_REBASES};
use crate::model::{CommitId, InvocationId, StateName, Timestamp};

/// What an attempt is for. The same in every attempt at one invocation.
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    /// Its id (R2).
    pub id: InvocationId,
    /// Who named it.
    pub origin: Origin,
    /// What it asks.
    pub body: BodyHash,
    /// When it was admitted (R18).
    pub now: Timestamp,
    /// What its client has seen of the session (R12).
    pub seen: Option<Seen>,
    /// The states of this part that the function declares.
    pub states: BTreeSet<StateName>,
    /// The schema number that each of them is written with.
    pub schemas: BTreeMap<StateName, u32>,
    /// How long the session lives from now on.
    pub ttl: Duration,
    /// Whether its reply is kept even if it writes nothing: a step of a run that goes on has the output that it had, or those
    /// behind it would be other requests under their ids.
    pub keeps_reply: bool,
}

/// What an execution gave; `F` is why it gave no output.
#[derive(Clone, Debug, PartialEq)]
pub struct Executed<F> {
    /// The output, or why there is none: then nothing is committed.
    pub output: Result<Bytes, F>,
    /// The states that it set or deleted.
    pub writes: BTreeMap<StateName, Option<Bytes>>,
    /// A new random id, for its commit.
    pub commit: CommitId,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Action<F> {
    /// Load head and declared states.
    Load,
    /// Execute the function on this.
    Execute(Arc<Snapshot>),
    /// Commit this.
    Commit(Commit),
    /// The session is being moved: finish that, then load where it is.
    FinishMove(Home),
    /// The session is there: load there.
    Follow(Home),
    /// Too many conflicts: go on where invocations of this session run one after the other (R4).
    TakeTurn,
    /// Give this outcome.
    Finish(Outcome<F>),
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<F> {
    /// What is there, if anything.
    Loaded(Option<Snapshot>),
    /// The execution ended.
    Executed(Executed<F>),
    /// The commit is done.
    Committed,
    /// The commit was not done, because this stands there.
    Conflict(Option<Head>),
    /// The commit may be done or not.
    Unknown,
}

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<F> {
    /// Executed, and committed if anything was written.
    Done {
        /// The output.
        output: Bytes,
        /// What the client has now seen.
        seen: Seen,
        /// The commit, if anything was written; else the one that it read.
        commit: CommitId,
        /// Whether anything was written.
        wrote: bool,
    },
    /// Executed, without an output. Nothing was committed.
    Failed {
        /// Why.
        failure: F,
        /// What the client has now seen.
        seen: Seen,
    },
    /// It had committed before (R2).
    Replayed {
        /// Its reply.
        reply: Reply,
        /// What the client has now seen.
        seen: Seen,
    },
    /// It was not, and will not be, executed.
    Refused(Refusal),
}

/// Why an invocation is not executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such session.
    NoSession,
    /// The session was deleted, or has expired.
    Gone,
    /// The home has fallen behind what the client has seen (R12).
    Regressed {
        /// What there is.
        found: Seen,
    },
    /// The id belongs to another request.
    OtherBody,
    /// The reply to this number is no longer kept (R5).
    ReplyExpired,
}

/// One invocation on its way.
#[derive(Clone, Debug)]
pub struct Attempt<F> {
    invocation: Invocation,
    stage: Stage<F>,
    conflicts: u32,
    rebases: u32,
}

#[derive(Clone, Debug)]
enum Stage<F> {
    Loading,
    Executing(Arc<Snapshot>),
    Committing(Arc<Snapshot>, Executed<F>),
    Finished,
}

impl<F: Clone> Attempt<F> {
    /// An attempt, and what to do first.
    #[must_use]
    pub fn new(invocation: Invocation) -> (Self, Action<F>) {
        let attempt = Self {
            invocation,
            stage: Stage::Loading,
            conflicts: 0,
            rebases: 0,
        };
        (attempt, Action::Load)
    }

    /// How many conflicts it has met.
    #[must_use]
    pub fn conflicts(&self) -> u32 {
        self.conflicts
    }

    /// What to do after this.
    ///
    /// An event that answers no action that was given is answered by loading again, which is always right.
    pub fn on(&mut self, event: Event<F>) -> Action<F> {
        match (std::mem::replace(&mut self.stage, Stage::Loading), event) {
            (Stage::Loading, Event::Loaded(snapshot)) => self.loaded(snapshot),
            (Stage::Executing(base), Event::Executed(executed)) => self.executed(base, executed),
            (Stage::Committing(base, executed), Event::Committed) => self.committed(&base, executed),
            (Stage::Committing(base, executed), Event::Conflict(head)) => self.conflict(base, executed, head),
            // What was loaded after an unknown outcome tells it: our id is in there, or it is a conflict like any.
            (Stage::Committing(base, executed), Event::Loaded(snapshot)) => {
                self.conflict(base, executed, snapshot.map(|snapshot| snapshot.head))
            }
            (stage @ Stage::Committing(..), Event::Unknown) => {
                self.stage = stage;
                Action::Load
            }
            _ => Action::Load,
        }
    }

    fn loaded(&mut self, snapshot: Option<Snapshot>) -> Action<F> {
        let Some(snapshot) = snapshot else {
            return self.refuse(Refusal::NoSession);
        };
        if let Some(action) = self.not_here(&snapshot.head) {
            return action;
        }
        let snapshot = Arc::new(snapshot);
        self.stage = Stage::Executing(Arc::clone(&snapshot));
        Action::Execute(snapshot)
    }

    /// Why this head is not to be executed on, if it is not: the order matters. A reply is looked for first where
    /// the record is, and everything else after it.
    fn not_here(&mut self, head: &Head) -> Option<Action<F>> {
        match &head.status {
            Status::Moved(home) | Status::Abandoned(home) => return Some(Action::Follow(home.clone())),
            // A reply goes with the move, but not to a client that keeps none: whoever retries gets it here.
            Status::Moving(home) => {
                return Some(
                    self.earlier(head)
                        .unwrap_or_else(|| Action::FinishMove(home.clone())),
                );
            }
            Status::Deleted => return Some(self.refuse(Refusal::Gone)),
            Status::Live => {}
        }
        let Invocation { now, seen, .. } = self.invocation;
        if let Some(seen) = seen
            && seen.is_ahead_of(head)
        {
            return Some(self.refuse(Refusal::Regressed {
                found: Seen::of(head),
            }));
        }
        if let Some(action) = self.earlier(head) {
            return Some(action);
        }
        (head.expires < now).then(|| self.refuse(Refusal::Gone))
    }

    /// What the record says of an earlier attempt, if anything (R2).
    fn earlier(&mut self, head: &Head) -> Option<Action<F>> {
        let Invocation { id, origin, body, .. } = self.invocation;
        match head.replies.lookup(id, origin, body) {
            Lookup::Known(reply) => {
                let outcome = Outcome::Replayed {
                    reply: reply.clone(),
                    seen: Seen::of(head),
                };
                Some(self.finish(outcome))
            }
            Lookup::OtherBody => Some(self.refuse(Refusal::OtherBody)),
            Lookup::Expired => Some(self.refuse(Refusal::ReplyExpired)),
            Lookup::New => None,
        }
    }

    fn executed(&mut self, base: Arc<Snapshot>, executed: Executed<F>) -> Action<F> {
        match &executed.output {
            Err(failure) => {
                let (failure, seen) = (failure.clone(), Seen::of(&base.head));
                self.finish(Outcome::Failed { failure, seen })
            }
            Ok(_) if executed.writes.is_empty() && !self.invocation.keeps_reply => {
                let (head, output) = (&base.head, executed.output.unwrap_or_default());
                let (seen, commit) = (Seen::of(head), head.commit);
                self.finish(Outcome::Done {
                    output,
                    seen,
                    commit,
                    wrote: false,
                })
            }
            Ok(_) => self.commit_on(base.head.clone(), base, executed),
        }
    }

    /// Commits what was executed on `base` on top of `head`.
    fn commit_on(&mut self, head: Head, base: Arc<Snapshot>, executed: Executed<F>) -> Action<F> {
        let commit = self.invocation.commit(head, &executed);
        self.stage = Stage::Committing(base, executed);
        Action::Commit(commit)
    }

    fn committed(&mut self, base: &Snapshot, executed: Executed<F>) -> Action<F> {
        let head = &base.head;
        let version = head.version + 1;
        let seen = Seen {
            epoch: head.epoch,
            version,
            durable: version,
        };
        let output = executed.output.unwrap_or_default();
        self.finish(Outcome::Done {
            output,
            seen,
            commit: executed.commit,
            wrote: true,
        })
    }

    fn conflict(&mut self, base: Arc<Snapshot>, executed: Executed<F>, head: Option<Head>) -> Action<F> {
        let Some(head) = head else {
            return self.refuse(Refusal::NoSession);
        };
        if let Some(action) = self.not_here(&head) {
            return action;
        }
        if head.agrees_on(&base.head, &self.invocation.states) {
            self.rebases += 1;
            if self.rebases == MAX_REBASES {
                return Action::TakeTurn;
            }
            // The values are still those that were executed on; only the head is newer.
            let rebased = Snapshot {
                head: head.clone(),
                values: base.values.clone(),
            };
            return self.commit_on(head, Arc::new(rebased), executed);
        }
        self.conflicts += 1;
        if self.conflicts == MAX_CONFLICTS {
            Action::TakeTurn
        } else {
            Action::Load
        }
    }

    fn refuse(&mut self, refusal: Refusal) -> Action<F> {
        self.finish(Outcome::Refused(refusal))
    }

    fn finish(&mut self, outcome: Outcome<F>) -> Action<F> {
        self.stage = Stage::Finished;
        Action::Finish(outcome)
    }
}

impl Invocation {
    /// The commit that puts what was written on top of a head.
    fn commit<F>(&self, mut head: Head, executed: &Executed<F>) -> Commit {
        let expect = Expect::Commit(head.commit);
        let commit = executed.commit;
        let mut blobs = BTreeMap::new();
        head.version += 1;
        head.commit = commit;
        head.expires = head.expires.max(self.now.after(self.ttl));
        let version = head.version;
        for (state, value) in &executed.writes {
            let Some(value) = value else {
                head.states.remove(state);
                continue;
            };
            let content = Content::keep(state, value, version, commit, &mut blobs);
            let schema = self.schemas.get(state).copied().unwrap_or_default();
            head.states.insert(
                state.clone(),
                Entry {
                    schema,
                    commit,
                    version,
                    content,
                },
            );
        }
        if let Ok(output) = &executed.output {
            let output = if output.len() as u64 <= MAX_INLINE_REPLY.0 {
                ReplyOutput::Inline(output.clone())
            } else {
                let name = BlobName {
                    version,
                    commit,
                    of: BlobOf::Reply,
                };
                blobs.insert(name.clone(), output.clone());
                ReplyOutput::Blob(name)
            };
            let (id, body, at) = (self.id, self.body, self.now);
            head.replies.record(
                self.origin,
                Reply {
                    id,
                    body,
                    version,
                    at,
                    output,
                },
            );
        }
        Commit { expect, head, blobs }
    }
}
