//! What a view knows, and how it learns it.

use std::collections::BTreeMap;
use std::time::Duration;

use fogline_core::dispatch::{HALF_LIFE, place, record};
use fogline_core::model::{BitRate, Bytes};
use fogline_core::policy::Placement;
use fogline_core::telemetry::ServiceTime;

use super::world::{EXECUTION, application, function, key, load, name, request, view};

const NOW: Duration = Duration::from_secs(100);

#[test]
fn what_was_sent_and_not_heard_of_counts_once() {
    let (mut view, key, app) = (view(2), key(), application(function(&[]), Bytes(10)));
    let request = request(&view, &key, &app, 0);
    let pending = |view: &mut _| record(view, Placement::Load, &request).unwrap().candidates[1].pending;
    for _ in 0..3 {
        view.sent(&name(1));
    }
    assert_eq!(pending(&mut view), 3);
    // Of the five that it speaks of, three are ours.
    view.tell(&name(1), &load(5), &BTreeMap::new(), NOW);
    assert_eq!(pending(&mut view), 5);
    view.sent(&name(1));
    assert_eq!(pending(&mut view), 6);
    for _ in 0..4 {
        view.heard_of(&name(1));
    }
    assert_eq!(
        (pending(&mut view), view.unheard(&name(1))),
        (2, 0),
        "the others', until it says more"
    );
    view.heard_of(&name(1));
    assert_eq!(view.unheard(&name(1)), 0);
}

#[test]
fn service_times_are_learnt_by_node_and_stand_for_their_like_until_these_are_heard_of() {
    let (mut view, key, app) = (view(3), key(), application(function(&[]), Bytes(10)));
    let request = request(&view, &key, &app, 0);
    let service = |view: &mut _| {
        let found = record(view, Placement::Load, &request).unwrap();
        found.candidates.iter().map(|it| it.service.0).collect::<Vec<_>>()
    };
    assert_eq!(service(&mut view), [EXECUTION; 3]);
    view.executed(&name(0), &key, Duration::from_secs(1), NOW + HALF_LIFE);
    let learnt = service(&mut view);
    // What the manifest said was made at 100 s and counts half.
    assert!(
        (learnt[0] - (EXECUTION / 2.0 + 1.0) / 1.5).abs() < 1e-12,
        "{learnt:?}"
    );
    assert_eq!(
        learnt[1..],
        [1.0, 1.0],
        "nobody has heard of them, but they are of its kind"
    );
    let mean = Duration::from_secs(2);
    let words = BTreeMap::from([(key.clone(), ServiceTime { mean, recent: 9 })]);
    view.tell(&name(2), &load(0), &words, NOW + HALF_LIFE);
    assert_eq!(service(&mut view)[2], 2.0, "a node knows best of itself");
    assert_eq!(service(&mut view)[0], learnt[0]);
    assert_eq!(service(&mut view)[1], 1.5, "the mean of its kind");
}

#[test]
fn what_is_measured_takes_the_place_of_the_map() {
    let (mut view, key, app) = (view(3), key(), application(function(&[]), Bytes(10)));
    let request = request(&view, &key, &app, 1);
    let terms = |view: &mut _| place(view, Placement::LoadNet, &request).unwrap().candidates[2].terms;
    let before = terms(&mut view);
    let rtt = Duration::from_millis(20);
    view.measured(&name(2), rtt, None);
    let slow = terms(&mut view);
    assert!(
        (slow.arguments.as_millis() - 11.0).abs() < 1e-9,
        "10 ms, and 1 kB at the map's 1 kB/ms"
    );
    view.measured(&name(2), rtt, Some(BitRate::from_mbps(0.8)));
    let narrow = terms(&mut view);
    assert!((narrow.arguments.as_millis() - 20.0).abs() < 1e-9, "{narrow:?}");
    assert_eq!(before.processing, narrow.processing);
    // A view that was told before it was asked says the same.
    let mut fresh = super::world::view(3);
    fresh.measured(&name(2), rtt, Some(BitRate::from_mbps(0.8)));
    assert_eq!(terms(&mut fresh), narrow);
}

#[test]
fn another_version_of_a_function_is_reckoned_anew() {
    let (mut view, key) = (view(2), key());
    let old = application(function(&[]), Bytes(10));
    let mut new = application(function(&["gpu"]), Bytes(10_000));
    let asked = request(&view, &key, &old, 0);
    let first = place(&mut view, Placement::LoadNet, &asked).unwrap();
    assert!(first.candidates[1].excluded.is_none());
    let asked = request(&view, &key, &new, 0);
    let second = place(&mut view, Placement::LoadNet, &asked).unwrap();
    assert!(second.candidates[1].excluded.is_some());
    assert!(second.candidates[1].terms.states > first.candidates[1].terms.states);
    new.states.get_mut(&"s".parse().unwrap()).unwrap().size = Bytes(20_000);
    let asked = request(&view, &key, &new, 0);
    let third = place(&mut view, Placement::LoadNet, &asked).unwrap();
    assert!(third.candidates[1].terms.states > second.candidates[1].terms.states);
}
