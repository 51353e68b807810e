//! What a view knows, and how it learns it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fogline_core::dispatch::{Excluded, HALF_LIFE, Map, Standing, View, choose, place, record};
use fogline_core::model::{BitRate, Bytes, Device};
use fogline_core::network::Node;
use fogline_core::policy::Placement;
use fogline_core::telemetry::{PathFigures, ServiceTime};

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

/// A map of these machines.
fn flat(machines: &[(usize, Device)]) -> Arc<Map> {
    let machines = machines
        .iter()
        .map(|(number, device)| (name(*number), Node::of(*device, true, false)));
    Arc::new(Map::flat(&machines.collect(), None).unwrap())
}

#[test]
fn times_that_only_some_were_measured_by_are_not_compared_with_the_map_s() {
    let (key, app) = (key(), application(function(&[]), Bytes(10)));
    let map = flat(&[(0, Device::NUC), (1, Device::RPI3), (2, Device::NUC)]);
    let here = map.place_of(&name(0)).unwrap();
    let mut view = View::new(map, here);
    let request = request(&view, &key, &app, 0);
    let service = |view: &mut _| {
        let found = record(view, Placement::Load, &request).unwrap();
        found.candidates.iter().map(|it| it.service.0).collect::<Vec<_>>()
    };
    let mapped = service(&mut view);
    let second = ServiceTime {
        mean: Duration::from_secs(1),
        recent: 9,
    };
    let words = BTreeMap::from([(key.clone(), second)]);
    view.tell(&name(0), &load(0), &words, NOW);
    assert_eq!(service(&mut view), mapped, "nothing is known of the second one");
    view.tell(&name(1), &load(0), &words, NOW);
    assert_eq!(service(&mut view), [1.0; 3], "the third one is as the first");
}

#[test]
fn what_is_known_stays_known_on_another_map() {
    let (key, app) = (key(), application(function(&[]), Bytes(10)));
    let map = flat(&[(0, Device::NUC), (1, Device::NUC), (2, Device::RPI3)]);
    let here = map.place_of(&name(0)).unwrap();
    let mut view = View::new(map, here);
    let asked = request(&view, &key, &app, 0);
    assert!(choose(&mut view, Placement::Load, &asked).is_some());
    let second = ServiceTime {
        mean: Duration::from_secs(1),
        recent: 9,
    };
    let words = BTreeMap::from([(key.clone(), second)]);
    view.sent(&name(2));
    view.tell(&name(2), &load(5), &words, NOW);
    view.tell(&name(0), &load(1), &words, NOW);
    view.measured(&name(2), Duration::from_millis(20), None);
    view.stand(&name(2), Standing::Draining);
    let map = flat(&[(0, Device::NUC), (2, Device::RPI3), (3, Device::NUC)]);
    let here = map.place_of(&name(0)).unwrap();
    view.redraw(map, here);
    let asked = request(&view, &key, &app, 0);
    let before = place(&mut view, Placement::LoadNet, &asked).unwrap();
    assert_eq!(before.candidates[1].excluded, Some(Excluded::Draining));
    view.stand(&name(2), Standing::Up);
    let now = record(&mut view, Placement::LoadNet, &asked).unwrap();
    let it = &now.candidates[1];
    assert_eq!(
        (it.node.clone(), it.pending, view.unheard(&name(2))),
        (name(2), 5, 1)
    );
    let terms = place(&mut view, Placement::LoadNet, &asked).unwrap().candidates[1].terms;
    assert!(terms.arguments.as_millis() >= 10.0, "{terms:?}");
    // What was learnt holds again as soon as it is known of all.
    view.tell(&name(3), &load(0), &words, NOW);
    let now = record(&mut view, Placement::Load, &asked).unwrap();
    assert!(now.candidates.iter().all(|it| it.service.0 == 1.0), "{now:?}");
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
fn what_others_have_measured_stands_for_the_ways_between_them() {
    let (mut view, key, app) = (view(3), key(), application(function(&[]), Bytes(10)));
    // The state is at the second node, and the third one says that it is far from there.
    let request = request(&view, &key, &app, 1);
    let states = |view: &mut _| {
        let found = place(view, Placement::ModelAware, &request).unwrap();
        found
            .candidates
            .iter()
            .map(|it| it.terms.states.as_millis())
            .collect::<Vec<_>>()
    };
    let before = states(&mut view);
    let far = PathFigures {
        rtt: Some(Duration::from_millis(50)),
        rate: None,
    };
    view.told_paths(&name(2), &BTreeMap::from([(name(1), far)]));
    let after = states(&mut view);
    assert!(after[2] > before[2] + 40.0, "{before:?} {after:?}");
    assert_eq!(after[..2], before[..2]);
    // A view that was told before it was asked says the same.
    let mut fresh = super::world::view(3);
    fresh.told_paths(&name(2), &BTreeMap::from([(name(1), far)]));
    assert_eq!(states(&mut fresh), after);
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
