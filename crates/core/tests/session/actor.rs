//! Those who act: invocations that are tried until they are answered, and moves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use fogline_core::model::{CommitId, InvocationId, StateName, Timestamp};
use fogline_core::session::{
    Action, Attempt, BodyHash, Event, Executed, Home, Invocation, Move, MoveAction, MoveEvent, Origin,
    Outcome, ReplyOutput, Snapshot,
};

use super::world::{Fate, Heard, World, external, name};

/// What an invocation does: appends its number to states, or reads one.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) number: u8,
    pub(crate) reads: BTreeSet<StateName>,
    pub(crate) writes: BTreeSet<StateName>,
    /// Bytes behind the numbers, so that states and outputs are blobs or not.
    pub(crate) padding: usize,
}

/// The numbers in a state, in the order of the commits that put them there.
pub(crate) fn numbers(state: &[u8]) -> &[u8] {
    let end = state.iter().position(|byte| *byte == 0).unwrap_or(state.len());
    &state[..end]
}

impl Work {
    pub(crate) fn invocation(&self) -> Invocation {
        let states: BTreeSet<StateName> = self.reads.union(&self.writes).cloned().collect();
        Invocation {
            id: InvocationId([self.number; 16]),
            origin: Origin::Opaque,
            body: BodyHash([self.number; 32]),
            now: Timestamp(1000),
            seen: None,
            schemas: states.iter().map(|state| (state.clone(), 1)).collect(),
            states,
            ttl: Duration::from_secs(3600),
            keeps_reply: false,
        }
    }

    /// The output is what the states have become.
    pub(crate) fn execute(&self, snapshot: &Snapshot, commit: CommitId) -> Executed<String> {
        let old = |state: &StateName| snapshot.values.get(state).cloned().unwrap_or_default();
        let mut writes = BTreeMap::new();
        let mut output = Vec::new();
        for state in self.reads.union(&self.writes) {
            let mut value = numbers(&old(state)).to_vec();
            if self.writes.contains(state) {
                value.push(self.number);
                let mut padded = value.clone();
                padded.resize(value.len() + self.padding, 0);
                writes.insert(state.clone(), Some(Bytes::from(padded)));
            }
            output.push(value.len() as u8);
            output.extend(value);
        }
        output.resize(output.len() + self.padding, 0);
        Executed {
            output: Ok(output.into()),
            writes,
            commit,
        }
    }
}

/// An invocation on its way, with its client, which does not give up.
#[derive(Debug)]
pub(crate) struct Invoker {
    pub(crate) work: Work,
    home: Home,
    state: State,
    pub(crate) started: usize,
    pub(crate) ended: Option<(usize, Bytes)>,
    pub(crate) executions: usize,
}

#[derive(Debug)]
enum State {
    Trying(Box<Attempt<String>>, Action<String>),
    Moving(Mover),
    Ended,
}

impl Invoker {
    pub(crate) fn new(work: Work, world: &World) -> Self {
        let (attempt, action) = Attempt::new(work.invocation());
        let state = State::Trying(Box::new(attempt), action);
        Self {
            work,
            home: external(),
            state,
            started: world.step,
            ended: None,
            executions: 0,
        }
    }

    fn again(&mut self) {
        let (attempt, action) = Attempt::new(self.work.invocation());
        self.state = State::Trying(Box::new(attempt), action);
    }

    /// The node dies; the client tries again.
    pub(crate) fn die(&mut self) {
        if self.ended.is_none() {
            self.home = external();
            self.again();
        }
    }

    /// Does what is next.
    pub(crate) fn act(&mut self, world: &mut World, fate: Fate) {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Ended => {}
            State::Moving(mut mover) => {
                self.state = match mover.act(world, fate) {
                    None => State::Moving(mover),
                    Some(there) => {
                        self.home = there;
                        let (attempt, action) = Attempt::new(self.work.invocation());
                        State::Trying(Box::new(attempt), action)
                    }
                };
            }
            State::Trying(mut attempt, action) => {
                let event = match action {
                    Action::Load => Event::Loaded(world.load(&self.home, &self.work.invocation().states)),
                    Action::Execute(snapshot) => {
                        self.executions += 1;
                        Event::Executed(self.work.execute(&snapshot, world.id()))
                    }
                    Action::Commit(commit) => match world.commit(&self.home, commit, fate) {
                        Heard::Done => Event::Committed,
                        Heard::Conflict(head) => Event::Conflict(head),
                        Heard::Nothing => Event::Unknown,
                    },
                    Action::FinishMove(_) => {
                        self.state = State::Moving(Mover::new(self.home.clone(), None, world));
                        return;
                    }
                    Action::Follow(home) => {
                        self.home = home;
                        return self.again();
                    }
                    Action::TakeTurn => return self.again(),
                    Action::Finish(outcome) => return self.end(world, outcome),
                };
                let next = attempt.on(event);
                self.state = State::Trying(attempt, next);
            }
        }
    }

    fn end(&mut self, world: &World, outcome: Outcome<String>) {
        let output = match outcome {
            Outcome::Done { output, .. } => output,
            Outcome::Replayed { reply, .. } => match reply.output {
                ReplyOutput::Inline(output) => output,
                // The head may have been replaced or moved on: whoever asks again finds the reply there.
                ReplyOutput::Blob(name) => match world.blob(&self.home, &name) {
                    Some(output) => output,
                    None => return self.again(),
                },
                ReplyOutput::Gone => panic!("no client has shown that it had a reply"),
            },
            other => panic!("{} ended with {other:?}", self.work.number),
        };
        self.ended = Some((world.step, output));
    }

    /// The numbers that it saw or made, by state.
    pub(crate) fn saw(&self) -> Option<BTreeMap<StateName, Vec<u8>>> {
        let (_, output) = self.ended.as_ref()?;
        let mut rest = &output[..];
        let mut saw = BTreeMap::new();
        for state in self.work.reads.union(&self.work.writes) {
            let (length, after) = rest.split_first()?;
            let (value, after) = after.split_at_checked(usize::from(*length))?;
            saw.insert(state.clone(), value.to_vec());
            rest = after;
        }
        Some(saw)
    }
}

/// A move on its way.
#[derive(Debug)]
pub(crate) struct Mover {
    from: Home,
    machine: Move,
    action: MoveAction,
}

impl Mover {
    pub(crate) fn new(from: Home, to: Option<Home>, world: &mut World) -> Self {
        let (machine, action) = Move::new(to, world.id());
        Self {
            from,
            machine,
            action,
        }
    }

    /// The target will not have what is to be installed there, if that is what is next.
    pub(crate) fn give_up(&mut self) {
        if let MoveAction::CommitTarget(..) = self.action {
            self.action = self.machine.on(MoveEvent::Unacceptable(self.from.clone()));
        }
    }

    /// Does what is next; gives where the session is when that is known.
    pub(crate) fn act(&mut self, world: &mut World, fate: Fate) -> Option<Home> {
        let heard = |heard| match heard {
            Heard::Done => MoveEvent::Committed,
            Heard::Conflict(_) | Heard::Nothing => MoveEvent::NotCommitted,
        };
        let event = match self.action.clone() {
            MoveAction::LoadSource => MoveEvent::Source(world.whole(&self.from)),
            MoveAction::CommitSource(commit) => heard(world.commit(&self.from, commit, fate)),
            MoveAction::LoadTarget(to) => MoveEvent::Target(world.head(&to)),
            MoveAction::CommitTarget(to, commit) => heard(world.commit(&to, commit, fate)),
            MoveAction::HandOver(..) => panic!("nothing moves to a client here"),
            MoveAction::Done(there) => return Some(there),
            MoveAction::Stayed | MoveAction::Refused(_) => return Some(self.from.clone()),
        };
        self.action = self.machine.on(event);
        None
    }
}

/// A state, or two.
pub(crate) fn states(names: &[&str]) -> BTreeSet<StateName> {
    names.iter().map(|text| name(text)).collect()
}
