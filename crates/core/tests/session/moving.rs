//! R1, R2, R3, R4, R6, R9: whatever happens, every acknowledged update is in the history once.

use std::collections::{BTreeMap, BTreeSet};

use fogline_core::model::StateName;
use fogline_core::session::{Home, Status};
use proptest::collection::vec;
use proptest::prelude::*;

use super::actor::{Invoker, Mover, Work, numbers, states};
use super::world::{Fate, World, external, in_edge, name};

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Happening {
    /// An invoker, or a mover, does what is next; this becomes of a commit.
    Act(usize, Fate),
    /// An invoker's node dies, and its client tries again.
    Die(usize),
    /// A second node tries the same invocation, unasked.
    Double(usize),
    /// Somebody begins to move the session.
    Move,
    /// Targets turn out never to take what is to be installed there.
    GiveUp,
    /// A commit comes late.
    Late(usize),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Heard),
        1 => Just(Fate::Unheard),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Late),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        40 => (any::<usize>(), fate()).prop_map(|(who, fate)| Happening::Act(who, fate)),
        1 => any::<usize>().prop_map(Happening::Die),
        1 => any::<usize>().prop_map(Happening::Double),
        2 => Just(Happening::Move),
        1 => Just(Happening::GiveUp),
        3 => any::<usize>().prop_map(Happening::Late),
    ]
}

/// An invocation of a random function: which states it reads and writes, and whether they are large.
fn work() -> impl Strategy<Value = (usize, bool)> {
    (0..6_usize, any::<bool>())
}

fn works(kinds: &[(usize, bool)]) -> Vec<Work> {
    let kinds = kinds.iter().enumerate();
    let work = |(at, (kind, large)): (usize, &(usize, bool))| {
        let (reads, writes): (&[&str], &[&str]) = [
            (&[][..], &["a"][..]),
            (&[], &["b"]),
            (&[], &["a", "b"]),
            (&["a"], &[]),
            (&["b"], &["a"]),
            (&["a", "b"], &[]),
        ][*kind];
        // More than a head keeps inline: 4 KiB of a state, 1 KiB of an output.
        let padding = if *large { 5000 } else { 0 };
        Work {
            number: at as u8 + 1,
            reads: states(reads),
            writes: states(writes),
            padding,
        }
    };
    kinds.map(work).collect()
}

struct Play {
    world: World,
    invokers: Vec<Invoker>,
    movers: Vec<Mover>,
}

impl Play {
    fn step(&mut self, happening: Happening) {
        self.world.step += 1;
        match happening {
            Happening::Act(who, fate) => {
                let who = who % (self.invokers.len() + self.movers.len());
                if let Some(invoker) = self.invokers.get_mut(who) {
                    return invoker.act(&mut self.world, fate);
                }
                let at = who - self.invokers.len();
                if self.movers[at].act(&mut self.world, fate).is_some() {
                    self.movers.swap_remove(at);
                }
            }
            Happening::Die(who) => {
                let count = self.invokers.len();
                self.invokers[who % count].die();
            }
            Happening::Double(who) => {
                let work = self.invokers[who % self.invokers.len()].work.clone();
                if self.invokers.len() < 24 {
                    self.invokers.push(Invoker::new(work, &self.world));
                }
            }
            Happening::Move => {
                let live = self.world.live().map(|(home, _)| home.clone());
                let from = live.unwrap_or_else(external);
                let to = if from == external() { in_edge() } else { external() };
                let mover = Mover::new(from, Some(to), &mut self.world);
                self.movers.push(mover);
            }
            Happening::GiveUp => self.movers.iter_mut().for_each(Mover::give_up),
            Happening::Late(choice) => self.world.arrive(choice),
        }
    }

    /// Everybody ends, without further mishaps.
    fn finish(&mut self) {
        for _ in 0..10_000 {
            self.world.arrive(0);
            for at in 0..self.invokers.len() + self.movers.len() {
                self.step(Happening::Act(at, Fate::Heard));
            }
            if self.movers.is_empty() && self.invokers.iter().all(|invoker| invoker.ended.is_some()) {
                return;
            }
        }
        panic!("somebody never ends");
    }

    fn check(&self) {
        let (home, head) = self.world.live().expect("the session is somewhere");
        let all: BTreeSet<StateName> = head.states.keys().cloned().collect();
        let found = self.world.load(home, &all).expect("it was just there").values;
        let history: BTreeMap<_, _> = found
            .iter()
            .map(|(state, value)| (state, numbers(value).to_vec()))
            .collect();
        for (state, numbers) in &history {
            let once: BTreeSet<_> = numbers.iter().collect();
            assert_eq!(
                once.len(),
                numbers.len(),
                "{state} has an update twice: {numbers:?}"
            );
        }
        for invoker in &self.invokers {
            let saw = invoker.saw().expect("it has ended");
            for (state, seen) in &saw {
                let last = history.get(state).cloned().unwrap_or_default();
                assert!(
                    last.starts_with(seen),
                    "{state} was {seen:?}, and became {last:?}"
                );
                if invoker.work.writes.contains(state) {
                    assert_eq!(
                        seen.last(),
                        Some(&invoker.work.number),
                        "its update is the last that it saw"
                    );
                }
            }
            self.check_fresh(invoker, &saw);
        }
    }

    /// What was seen stood there at one moment between the invocation's start and its end (R1).
    fn check_fresh(&self, invoker: &Invoker, saw: &BTreeMap<StateName, Vec<u8>>) {
        let (end, _) = invoker.ended.as_ref().expect("it has ended");
        let is = |values: &BTreeMap<StateName, bytes::Bytes>| {
            saw.iter()
                .all(|(state, seen)| numbers(values.get(state).map_or(&[], |value| value)) == seen)
        };
        let moments = &self.world.moments;
        let during = (0..moments.len()).filter(|at| {
            let over = moments.get(at + 1).map_or(usize::MAX, |next| next.step);
            moments[*at].step <= *end && (invoker.started <= over || !invoker.work.writes.is_empty())
        });
        let mut during = during;
        assert!(
            during.any(|at| is(&moments[at].values)),
            "{} saw {saw:?}, which was not so",
            invoker.work.number
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 8000,
        max_shrink_iters: 20_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_acknowledged_update_is_in_the_history_once(
        kinds in vec(work(), 1..6),
        happenings in vec(happening(), 0..150),
    ) {
        let world = World::new();
        let invokers = works(&kinds).into_iter().map(|work| Invoker::new(work, &world)).collect();
        let mut play = Play { world, invokers, movers: Vec::new() };
        for happening in happenings {
            play.step(happening);
        }
        play.finish();
        play.check();
    }
}

#[test]
fn a_move_that_is_given_up_in_time_takes_the_session_back() {
    let mut world = World::new();
    let mut mover = Mover::new(external(), Some(in_edge()), &mut world);
    mover.act(&mut world, Fate::Heard);
    mover.act(&mut world, Fate::Heard);
    let moving = world.head(&external()).expect("it is there");
    assert_eq!(moving.status, Status::Moving(in_edge()));
    mover.act(&mut world, Fate::Heard);
    mover.give_up();
    let there = loop {
        if let Some(there) = mover.act(&mut world, Fate::Heard) {
            break there;
        }
    };
    assert_eq!(there, external());
    let (home, head) = world.live().expect("it stayed");
    assert_eq!((home, head.epoch), (&external(), moving.epoch + 2));
}

#[test]
fn whoever_meets_a_move_finishes_it() {
    let mut world = World::new();
    let mut begun = Mover::new(external(), Some(in_edge()), &mut world);
    begun.act(&mut world, Fate::Heard);
    begun.act(&mut world, Fate::Heard);
    let mut invoker = Invoker::new(works(&[(0, false)]).remove(0), &world);
    for _ in 0..20 {
        invoker.act(&mut world, Fate::Heard);
    }
    assert_eq!(invoker.saw().expect("it has ended")[&name("a")], [1]);
    let (home, head) = world.live().expect("it has moved");
    assert_eq!((home, head.epoch, head.version), (&in_edge(), 1, 2));
    assert_eq!(
        world.head(&external()).map(|head| head.status),
        Some(Status::Moved(Home::clone(home)))
    );
}
