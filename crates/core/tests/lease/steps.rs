//! What each machine does next.

use std::time::Duration;

use fogline_core::lease::{Contender, Holder, LeaseAction, LeaseEvent, LeaseRecord, TERM};
use fogline_core::model::Incarnation;

const US: Incarnation = Incarnation([1; 16]);
const BEFORE: Incarnation = Incarnation([2; 16]);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn record(incarnation: Incarnation, counter: u64, alive: bool) -> LeaseRecord {
    LeaseRecord {
        incarnation,
        counter,
        term: TERM,
        alive,
    }
}

fn swap(expect: Option<LeaseRecord>, new: LeaseRecord) -> Vec<LeaseAction> {
    vec![LeaseAction::Swap { expect, new }]
}

/// A holder that sent its first record at 0 and was told at 10 ms that it stands.
fn holding() -> Holder {
    let mut holder = Holder::new(US, TERM);
    assert_eq!(holder.on(LeaseEvent::Wake, ms(0)), [LeaseAction::Read]);
    assert_eq!(
        holder.on(LeaseEvent::Stands(None), ms(0)),
        swap(None, record(US, 1, true))
    );
    assert!(!holder.holds(ms(5)), "nobody has acknowledged it");
    assert_eq!(
        holder.on(LeaseEvent::Swapped, ms(10)),
        [LeaseAction::WakeAt(ms(200))]
    );
    holder
}

#[test]
fn a_term_counts_from_the_sending_not_from_the_answer() {
    let holder = holding();
    assert!(holder.holds(ms(799)));
    assert!(!holder.holds(ms(800)));
}

#[test]
fn a_holder_that_was_stopped_sees_its_lease_expired_before_it_acts() {
    let mut holder = holding();
    assert_eq!(
        holder.on(LeaseEvent::Wake, ms(200)),
        swap(Some(record(US, 1, true)), record(US, 2, true))
    );
    // Stopped for ten seconds with the answer in its socket.
    assert!(!holder.holds(ms(10_200)));
    holder.on(LeaseEvent::Swapped, ms(10_200));
    assert!(!holder.holds(ms(10_200)), "that renewal was sent long ago");
    // Nobody ended its life, so it may go on, from the next renewal.
    holder.on(LeaseEvent::Wake, ms(10_200));
    holder.on(LeaseEvent::Swapped, ms(10_210));
    assert!(holder.holds(ms(10_999)));
}

#[test]
fn a_renewal_without_an_answer_counts_from_its_first_sending() {
    let mut holder = holding();
    let renewal = swap(Some(record(US, 1, true)), record(US, 2, true));
    assert_eq!(holder.on(LeaseEvent::Wake, ms(200)), renewal);
    assert_eq!(
        holder.on(LeaseEvent::Unanswered, ms(500)),
        [LeaseAction::WakeAt(ms(550))]
    );
    assert_eq!(holder.on(LeaseEvent::Wake, ms(550)), renewal, "the same again");
    // The first sending had been carried out.
    assert_eq!(
        holder.on(LeaseEvent::Stands(Some(record(US, 2, true))), ms(560)),
        [LeaseAction::WakeAt(ms(560))],
        "the next renewal is due"
    );
    assert_eq!(holder.held_until(), Some(ms(1000)));
}

#[test]
fn a_life_that_was_ended_does_not_come_back() {
    let mut holder = holding();
    holder.on(LeaseEvent::Wake, ms(200));
    let ended = LeaseEvent::Stands(Some(record(US, 2, false)));
    assert_eq!(holder.on(ended, ms(210)), [LeaseAction::Over]);
    assert!(!holder.holds(ms(211)), "although the term is not over");
    assert_eq!(holder.on(LeaseEvent::Wake, ms(300)), []);
    assert_eq!(holder.on(LeaseEvent::Swapped, ms(300)), []);
    assert!(!holder.holds(ms(301)));
}

#[test]
fn a_first_record_that_may_have_stood_and_was_ended_is_not_written_again() {
    let mut holder = Holder::new(US, TERM);
    holder.on(LeaseEvent::Wake, ms(0));
    holder.on(LeaseEvent::Stands(None), ms(0));
    holder.on(LeaseEvent::Unanswered, ms(100));
    holder.on(LeaseEvent::Wake, ms(150));
    let stands = LeaseEvent::Stands(Some(record(US, 2, false)));
    assert_eq!(holder.on(stands, ms(160)), [LeaseAction::Over]);
}

#[test]
fn a_new_life_waits_for_the_term_of_the_one_before_unless_that_gave_it_up() {
    let mut holder = Holder::new(US, TERM);
    holder.on(LeaseEvent::Wake, ms(0));
    let before = record(BEFORE, 7, true);
    assert_eq!(
        holder.on(LeaseEvent::Stands(Some(before.clone())), ms(5)),
        [LeaseAction::WakeAt(ms(885))]
    );
    assert_eq!(
        holder.on(LeaseEvent::Wake, ms(885)),
        swap(Some(before), record(US, 1, true))
    );

    let mut holder = Holder::new(US, TERM);
    holder.on(LeaseEvent::Wake, ms(0));
    let ended = record(BEFORE, 8, false);
    assert_eq!(
        holder.on(LeaseEvent::Stands(Some(ended.clone())), ms(5)),
        swap(Some(ended), record(US, 1, true))
    );
}

#[test]
fn a_lease_that_is_given_up_is_not_held_and_need_not_be_waited_for() {
    let mut holder = holding();
    assert_eq!(
        holder.release(ms(50)),
        swap(Some(record(US, 1, true)), record(US, 2, false))
    );
    assert!(!holder.holds(ms(50)));
    assert_eq!(holder.on(LeaseEvent::Swapped, ms(60)), [LeaseAction::Over]);

    let mut contender = Contender::new(US);
    contender.on(LeaseEvent::Wake, ms(0));
    let stands = LeaseEvent::Stands(Some(record(US, 2, false)));
    assert_eq!(contender.on(stands, ms(1)), [LeaseAction::Over]);
}

#[test]
fn a_renewal_under_way_is_awaited_before_the_lease_is_given_up() {
    let mut holder = holding();
    holder.on(LeaseEvent::Wake, ms(200));
    assert_eq!(holder.release(ms(201)), []);
    assert_eq!(
        holder.on(LeaseEvent::Swapped, ms(210)),
        swap(Some(record(US, 2, true)), record(US, 3, false))
    );
}

#[test]
fn a_contender_ends_a_life_after_1_1_terms_of_the_same_counter() {
    let mut contender = Contender::new(US);
    assert_eq!(contender.on(LeaseEvent::Wake, ms(0)), [LeaseAction::Read]);
    let seen = LeaseEvent::Stands(Some(record(US, 4, true)));
    assert_eq!(contender.on(seen, ms(20)), [LeaseAction::WakeAt(ms(900))]);
    let end = swap(Some(record(US, 4, true)), record(US, 5, false));
    assert_eq!(contender.on(LeaseEvent::Wake, ms(900)), end);
    // It lives, and is looked at anew.
    let alive = LeaseEvent::Stands(Some(record(US, 5, true)));
    assert_eq!(contender.on(alive, ms(910)), [LeaseAction::WakeAt(ms(1790))]);
    contender.on(LeaseEvent::Wake, ms(1790));
    // An outcome that nobody knows is read, and does not begin the wait again.
    let pause = LeaseAction::WakeAt(ms(2050));
    assert_eq!(contender.on(LeaseEvent::Unanswered, ms(2000)), [pause]);
    assert_eq!(contender.on(LeaseEvent::Wake, ms(2050)), [LeaseAction::Read]);
    let same = LeaseEvent::Stands(Some(record(US, 5, true)));
    let end = swap(Some(record(US, 5, true)), record(US, 6, false));
    assert_eq!(contender.on(same, ms(2060)), end);
    assert_eq!(contender.on(LeaseEvent::Swapped, ms(2070)), [LeaseAction::Over]);
}

#[test]
fn another_life_of_the_node_means_that_this_one_is_over() {
    let mut contender = Contender::new(BEFORE);
    contender.on(LeaseEvent::Wake, ms(0));
    let stands = LeaseEvent::Stands(Some(record(US, 1, true)));
    assert_eq!(contender.on(stands, ms(1)), [LeaseAction::Over]);
}
