//! A move of a part of a session from one home to another (R9): conversion, migration and failover are this.
//!
//! ```text
//! source:  live ──► moving(target) ──────────────────────────► moved(target)
//!                        │ the source's swap alone decides          ▲
//! target:                └─► nothing, or older ──► live, epoch+1 ───┘
//! ```
//! Whoever meets `moving` finishes it. If the target does not take the session, it is first marked so (`abandoned`), and the
//! source is then live again, at epoch+2. A move to the client is handed over: the source keeps the bytes, and stays
//! `moving`, until the client presents the new epoch (R14).

use std::collections::BTreeMap;

use bytes::Bytes;

use super::attempt::Refusal;
use super::head::{BlobName, Commit, Expect, Head, Status};
use super::home::Home;
use super::replies::Replies;
use crate::model::{CommitId, ExecutionModel};

/// A head with all blobs that it names: what moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// The head.
    pub head: Head,
    /// The blobs, of states and of replies (R5: replies move with the session).
    pub blobs: BTreeMap<BlobName, Bytes>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum MoveAction {
    /// Load the source with all its blobs; what a client holds, the client has presented.
    LoadSource,
    /// Commit this at the source.
    CommitSource(Commit),
    /// Load the head at the target.
    LoadTarget(Home),
    /// Commit this at the target.
    CommitTarget(Home, Commit),
    /// Give the states to the client, under this head; the move goes on when the client presents them.
    HandOver(Home, Box<Whole>),
    /// The session is there.
    Done(Home),
    /// The session stays at the source.
    Stayed,
    /// There is no session to move, or none any more.
    Refused(Refusal),
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq)]
pub enum MoveEvent {
    /// What is at the source.
    Source(Option<Whole>),
    /// What is at the target.
    Target(Option<Head>),
    /// The commit is done.
    Committed,
    /// The commit was not done, or nobody knows.
    NotCommitted,
    /// The target refuses the commit: the session is to stay where it is, which is here.
    Unacceptable(Home),
    /// The client holds the new epoch.
    Presented,
}

/// A move on its way.
#[derive(Clone, Debug)]
pub struct Move {
    /// Where to, if the source is live; a move that is met is finished to where it goes.
    to: Option<Home>,
    /// A new random id, for the next head that says `moving`.
    id: CommitId,
    /// Whether the source is taken from an owner that is lost, and what it had in memory only with it.
    taken: bool,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    LoadingSource,
    Marking(Box<Whole>, Home),
    LoadingTarget(Box<Whole>, Home),
    Installing(Box<Whole>, Home, Expect),
    GivingUp(Box<Whole>, Home),
    HandingOver(Box<Whole>, Home),
    Closing(Home),
    Returning,
}

impl Move {
    /// A move to `to`, or, without it, the end of a move that somebody began; and what to do first.
    #[must_use]
    pub fn new(to: Option<Home>, id: CommitId) -> (Self, MoveAction) {
        (
            Self {
                to,
                id,
                taken: false,
                stage: Stage::LoadingSource,
            },
            MoveAction::LoadSource,
        )
    }

    /// A move to `to` of a session whose owner is lost, and what to do first.
    #[must_use]
    pub fn taking(to: Home, id: CommitId) -> (Self, MoveAction) {
        let (moving, action) = Self::new(Some(to), id);
        let taken = true;
        (Self { taken, ..moving }, action)
    }

    /// What to do after this.
    pub fn on(&mut self, event: MoveEvent) -> MoveAction {
        match (std::mem::replace(&mut self.stage, Stage::LoadingSource), event) {
            (Stage::LoadingSource, MoveEvent::Source(source)) => self.source(source),
            (Stage::Marking(moving, to), MoveEvent::Committed) => self.load_target(moving, to),
            (Stage::LoadingTarget(moving, to), MoveEvent::Target(target)) => self.target(moving, to, target),
            // Whoever was faster installed it, or gave the move up: look.
            (Stage::Installing(moving, to, _), MoveEvent::NotCommitted)
            | (Stage::GivingUp(moving, to), MoveEvent::NotCommitted | MoveEvent::Committed) => {
                self.load_target(moving, to)
            }
            (Stage::Installing(moving, to, _), MoveEvent::Committed) => self.installed(moving, to),
            (Stage::Installing(moving, to, expect), MoveEvent::Unacceptable(from)) => {
                let commit = abandon(expect, &moving.head, from);
                self.stage = Stage::GivingUp(moving, to.clone());
                MoveAction::CommitTarget(to, commit)
            }
            (Stage::HandingOver(moving, to), MoveEvent::Presented) => self.close(&moving, to),
            (Stage::Closing(to), MoveEvent::Committed) => MoveAction::Done(to),
            (Stage::Returning, MoveEvent::Committed) => MoveAction::Stayed,
            _ => MoveAction::LoadSource,
        }
    }

    fn source(&mut self, source: Option<Whole>) -> MoveAction {
        let Some(mut source) = source.map(Box::new) else {
            return MoveAction::Refused(Refusal::NoSession);
        };
        match (source.head.status.clone(), self.to.clone()) {
            (Status::Live, None) => MoveAction::Stayed,
            (Status::Live, Some(to)) => {
                let expect = Expect::Commit(source.head.commit);
                if self.taken {
                    source.head.cut();
                }
                source.head.status = Status::Moving(to.clone());
                source.head.version += 1;
                source.head.commit = self.id;
                self.id = far_from(self.id);
                let head = source.head.clone();
                self.stage = Stage::Marking(source, to);
                MoveAction::CommitSource(Commit {
                    expect,
                    head,
                    blobs: BTreeMap::new(),
                })
            }
            (Status::Moving(to), _) => self.load_target(source, to),
            (Status::Moved(to) | Status::Abandoned(to), _) => MoveAction::Done(to),
            (Status::Deleted, _) => MoveAction::Refused(Refusal::Gone),
        }
    }

    fn load_target(&mut self, moving: Box<Whole>, to: Home) -> MoveAction {
        if to == Home::InClient(None) {
            return self.installed(moving, to);
        }
        self.stage = Stage::LoadingTarget(moving, to.clone());
        MoveAction::LoadTarget(to)
    }

    fn target(&mut self, moving: Box<Whole>, to: Home, target: Option<Head>) -> MoveAction {
        let epoch = moving.head.epoch + 1;
        match target {
            Some(Head {
                epoch: of,
                status: Status::Abandoned(_),
                ..
            }) if of == epoch => self.take_back(&moving),
            Some(head) if head.epoch >= epoch => self.installed(moving, to),
            older => {
                let expect = older.map_or(Expect::Absent, |head| Expect::Commit(head.commit));
                let commit = install(expect, &moving);
                self.stage = Stage::Installing(moving, to.clone(), expect);
                MoveAction::CommitTarget(to, commit)
            }
        }
    }

    fn installed(&mut self, moving: Box<Whole>, to: Home) -> MoveAction {
        if to.model() != ExecutionModel::InClient {
            return self.close(&moving, to);
        }
        let mut snapshot = moving.clone();
        snapshot.head = at_target(&moving.head);
        self.stage = Stage::HandingOver(moving, to.clone());
        MoveAction::HandOver(to, snapshot)
    }

    /// The source keeps nothing but where the session went.
    fn close(&mut self, moving: &Whole, to: Home) -> MoveAction {
        let head = Head {
            status: Status::Moved(to.clone()),
            states: BTreeMap::new(),
            replies: Replies::default(),
            ..moving.head.clone()
        };
        self.stage = Stage::Closing(to);
        self.commit_source(moving, head)
    }

    fn take_back(&mut self, moving: &Whole) -> MoveAction {
        let head = Head {
            status: Status::Live,
            epoch: moving.head.epoch + 2,
            ..moving.head.clone()
        };
        self.stage = Stage::Returning;
        self.commit_source(moving, head)
    }

    /// Ids of heads that cannot be committed to are compared by nobody, so they need not be random: they follow
    /// from the id that they replace, and are the same whoever finishes a move.
    fn commit_source(&self, moving: &Whole, head: Head) -> MoveAction {
        let expect = Expect::Commit(moving.head.commit);
        let commit = next_id(moving.head.commit);
        MoveAction::CommitSource(Commit {
            expect,
            head: Head { commit, ..head },
            blobs: BTreeMap::new(),
        })
    }
}

/// A commit that gives a move from a home up, to be done at its target (R9): if it is done, finishing the move takes
/// the session back to its source; if not, the move had come too far.
fn abandon(expect: Expect, moving: &Head, from: Home) -> Commit {
    let head = Head {
        status: Status::Abandoned(from),
        states: BTreeMap::new(),
        replies: Replies::default(),
        ..at_target(moving)
    };
    Commit {
        expect,
        head,
        blobs: BTreeMap::new(),
    }
}

fn install(expect: Expect, moving: &Whole) -> Commit {
    Commit {
        expect,
        head: at_target(&moving.head),
        blobs: moving.blobs.clone(),
    }
}

/// The head with which a session goes on at the target.
fn at_target(moving: &Head) -> Head {
    Head {
        status: Status::Live,
        epoch: moving.epoch + 1,
        commit: next_id(moving.commit),
        ..moving.clone()
    }
}

/// Another random id: a session that was taken back is marked again under a new one (R3), to which no chain of
/// [`next_id`] leads.
fn far_from(id: CommitId) -> CommitId {
    CommitId(u128::from_be_bytes(id.0).wrapping_add(1 << 64).to_be_bytes())
}

/// An id that follows from another: the next number, as a 128-bit integer.
fn next_id(id: CommitId) -> CommitId {
    CommitId(u128::from_be_bytes(id.0).wrapping_add(1).to_be_bytes())
}
