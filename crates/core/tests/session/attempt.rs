//! One attempt, event by event.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fogline_core::model::{CommitId, InvocationId, StateName, Timestamp};
use fogline_core::session::{
    Action, Attempt, BodyHash, Commit, Event, Expect, Head, Outcome, Refusal, Seen, Snapshot, Status,
};

use super::actor::{Work, states};

fn writer(number: u8, writes: &[&str]) -> Work {
    Work {
        number,
        reads: BTreeSet::new(),
        writes: states(writes),
        padding: 0,
    }
}

fn head(id: u8) -> Head {
    Head::new(CommitId([id; 16]), Timestamp(u64::MAX))
}

fn snapshot(head: Head) -> Snapshot {
    Snapshot {
        head,
        values: std::collections::BTreeMap::new(),
    }
}

fn committed(action: Action<String>) -> Commit {
    match action {
        Action::Commit(commit) => commit,
        other => panic!("expected a commit, got {other:?}"),
    }
}

fn refused(action: Action<String>) -> Refusal {
    match action {
        Action::Finish(Outcome::Refused(refusal)) => refusal,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// An attempt that has executed on a head, and the commit that it wants.
fn executed(work: &Work, on: &Head) -> (Attempt<String>, Commit) {
    let (mut attempt, _) = Attempt::new(work.invocation());
    let action = attempt.on(Event::Loaded(Some(snapshot(on.clone()))));
    let Action::Execute(base) = action else {
        panic!("{action:?}")
    };
    let commit = committed(attempt.on(Event::Executed(work.execute(&base, CommitId([work.number; 16])))));
    (attempt, commit)
}

/// What another invocation made of a head.
fn after(other: &Work, head: &Head) -> Head {
    executed(other, head).1.head
}

#[test]
fn a_conflict_elsewhere_commits_again_without_executing_again() {
    let base = head(9);
    let (mut attempt, first) = executed(&writer(1, &["a"]), &base);
    assert_eq!(first.expect, Expect::Commit(base.commit));
    let newer = after(&writer(2, &["b"]), &base);
    let second = committed(attempt.on(Event::Conflict(Some(newer.clone()))));
    assert_eq!(second.expect, Expect::Commit(newer.commit));
    assert_eq!(second.head.version, newer.version + 1);
    assert!(
        second.head.states.keys().eq(states(&["a", "b"]).iter()),
        "both writes are in it"
    );
    assert!(matches!(
        attempt.on(Event::Committed),
        Action::Finish(Outcome::Done { wrote: true, .. })
    ));
}

/// Far from the home, others commit in every gap.
#[test]
fn the_eighth_conflict_elsewhere_takes_its_turn() {
    let mut there = head(9);
    let (mut attempt, _) = executed(&writer(1, &["a"]), &there);
    for conflict in 1..8 {
        there = after(&writer(10 + conflict, &["b"]), &there);
        committed(attempt.on(Event::Conflict(Some(there.clone()))));
    }
    there = after(&writer(20, &["b"]), &there);
    assert_eq!(attempt.on(Event::Conflict(Some(there))), Action::TakeTurn);
    assert_eq!(attempt.conflicts(), 0);
}

#[test]
fn a_conflict_on_declared_states_executes_again_and_the_third_takes_its_turn() {
    let mut there = head(9);
    let (mut attempt, _) = executed(&writer(1, &["a"]), &there);
    for conflict in 1..=3 {
        there = after(&writer(10 + conflict, &["a"]), &there);
        let action = attempt.on(Event::Conflict(Some(there.clone())));
        assert_eq!(attempt.conflicts(), u32::from(conflict));
        if conflict == 3 {
            assert_eq!(action, Action::TakeTurn);
            return;
        }
        assert_eq!(action, Action::Load);
        let action = attempt.on(Event::Loaded(Some(snapshot(there.clone()))));
        let Action::Execute(base) = action else {
            panic!("{action:?}")
        };
        let again = writer(1, &["a"]).execute(&base, CommitId([100 + conflict; 16]));
        committed(attempt.on(Event::Executed(again)));
    }
}

#[test]
fn a_deleted_state_conflicts_with_whoever_declares_it() {
    let base = after(&writer(2, &["a"]), &head(9));
    let (mut attempt, _) = executed(&writer(1, &["a"]), &base);
    let mut newer = base.clone();
    (newer.commit, newer.version) = (CommitId([77; 16]), base.version + 1);
    newer.states.clear();
    assert_eq!(attempt.on(Event::Conflict(Some(newer))), Action::Load);
}

#[test]
fn an_unknown_outcome_is_looked_for_before_anything_is_done() {
    let base = head(9);
    let (mut attempt, commit) = executed(&writer(1, &["a"]), &base);
    assert_eq!(attempt.on(Event::Unknown), Action::Load);
    let found = attempt.on(Event::Loaded(Some(snapshot(commit.head))));
    assert!(
        matches!(found, Action::Finish(Outcome::Replayed { .. })),
        "{found:?}"
    );
}

#[test]
fn what_has_committed_is_answered_and_not_executed_whatever_became_of_the_head() {
    let work = writer(1, &["a"]);
    let base = after(&writer(2, &["b"]), &after(&work, &head(9)));
    let ask = |work: &Work, status: Status| {
        let (mut attempt, _) = Attempt::<String>::new(work.invocation());
        attempt.on(Event::Loaded(Some(snapshot(Head {
            status,
            ..base.clone()
        }))))
    };
    for status in [Status::Live, Status::Moving(super::world::in_edge())] {
        let action = ask(&work, status);
        assert!(
            matches!(action, Action::Finish(Outcome::Replayed { .. })),
            "{action:?}"
        );
    }
    assert_eq!(
        ask(&work, Status::Moved(super::world::in_edge())),
        Action::Follow(super::world::in_edge())
    );
    assert_eq!(refused(ask(&work, Status::Deleted)), Refusal::Gone);
    let unasked = ask(&writer(3, &["a"]), Status::Moving(super::world::in_edge()));
    assert_eq!(unasked, Action::FinishMove(super::world::in_edge()));
}

#[test]
fn an_id_belongs_to_one_request() {
    let work = writer(1, &["a"]);
    let base = after(&work, &head(9));
    let mut other = work.invocation();
    other.body = BodyHash([200; 32]);
    let (mut attempt, _) = Attempt::<String>::new(other);
    assert_eq!(
        refused(attempt.on(Event::Loaded(Some(snapshot(base))))),
        Refusal::OtherBody
    );
}

#[test]
fn a_home_behind_what_the_client_has_seen_refuses() {
    let base = after(&writer(2, &["a"]), &head(9));
    for (epoch, version, refuses) in [(0, 1, false), (0, 2, true), (1, 0, true)] {
        let mut invocation = writer(1, &["a"]).invocation();
        invocation.seen = Some(Seen {
            epoch,
            version,
            durable: 0,
        });
        let (mut attempt, _) = Attempt::<String>::new(invocation);
        let action = attempt.on(Event::Loaded(Some(snapshot(base.clone()))));
        if refuses {
            assert_eq!(
                refused(action),
                Refusal::Regressed {
                    found: Seen::of(&base)
                }
            );
        } else {
            assert!(matches!(action, Action::Execute(_)), "{action:?}");
        }
    }
}

#[test]
fn only_what_was_created_and_has_not_ended_is_executed_on() {
    let (mut attempt, _) = Attempt::<String>::new(writer(1, &["a"]).invocation());
    assert_eq!(refused(attempt.on(Event::Loaded(None))), Refusal::NoSession);
    // The invocations of these tests are admitted at 1000 ms.
    let expired = Head::new(CommitId([9; 16]), Timestamp(999));
    let (mut attempt, _) = Attempt::<String>::new(writer(1, &["a"]).invocation());
    assert_eq!(
        refused(attempt.on(Event::Loaded(Some(snapshot(expired))))),
        Refusal::Gone
    );
}

#[test]
fn a_commit_keeps_the_session_alive() {
    let base = Head::new(CommitId([9; 16]), Timestamp(1000));
    let commit = executed(&writer(1, &["a"]), &base).1;
    assert_eq!(commit.head.expires, Timestamp(1000 + 3_600_000));
}

#[test]
fn without_an_output_nothing_is_committed() {
    let work = writer(1, &["a"]);
    let (mut attempt, _) = Attempt::new(work.invocation());
    let Action::Execute(base) = attempt.on(Event::Loaded(Some(snapshot(head(9))))) else {
        panic!()
    };
    let mut failed = work.execute(&base, CommitId([1; 16]));
    failed.output = Err("no".to_owned());
    let action = attempt.on(Event::Executed(failed));
    assert!(
        matches!(&action, Action::Finish(Outcome::Failed { failure, .. }) if failure == "no"),
        "{action:?}"
    );
}

#[test]
fn every_attempt_at_an_invocation_is_executed_on_what_is_there_then() {
    let base = after(&writer(2, &["a"]), &head(9));
    let (mut attempt, _) = Attempt::<String>::new(writer(1, &["a"]).invocation());
    let value = Bytes::from_static(&[2]);
    let found = Snapshot {
        head: base,
        values: [(states(&["a"]).pop_first().unwrap(), value)].into(),
    };
    let action = attempt.on(Event::Loaded(Some(found.clone())));
    assert_eq!(action, Action::Execute(Arc::new(found)));
    let ids: BTreeSet<InvocationId> = (0..2).map(|_| writer(1, &["a"]).invocation().id).collect();
    assert_eq!(ids.len(), 1);
    let _: &StateName = states(&["a"]).first().unwrap();
}

/// R20: what moves a session's end moves nothing else, at most ten times in its life.
#[test]
fn a_session_that_is_read_is_prolonged_once_in_a_tenth_of_its_time() {
    let ttl = Duration::from_secs(1000);
    let mut head = Head::new(CommitId([1; 16]), Timestamp(0).after(ttl));
    let mut moved = 0;
    for second in 0..3000 {
        let now = Timestamp(1000 * second);
        if head.is_due(now, ttl) {
            moved += 1;
            let commit = head.prolonged(now, ttl, CommitId([2; 16]));
            assert_eq!(commit.expect, Expect::Commit(head.commit));
            assert_eq!(commit.head.expires, now.after(ttl));
            assert_eq!(
                (&commit.head.states, &commit.head.replies),
                (&head.states, &head.replies)
            );
            head = commit.head;
        }
        assert!(head.expires.since(now) >= Duration::from_secs(900), "{second}");
    }
    assert_eq!(moved, 29);
    assert!(
        !head.is_due(head.expires.after(Duration::from_millis(1)), ttl),
        "it is over"
    );
    head.status = Status::Deleted;
    assert!(!head.is_due(Timestamp(1000 * 3600), ttl), "it was deleted");
}
