//! What each policy takes.

use std::collections::BTreeMap;
use std::time::Duration;

use fogline_core::dispatch::{Excluded, Standing, choose, place};
use fogline_core::model::{Bytes, ExecutionModel, Seconds};
use fogline_core::policy::Placement;

use super::world::{EXECUTION, application, function, key, load, name, request, view};

const NOW: Duration = Duration::from_secs(100);

#[test]
fn terms_are_as_reckoned_by_hand() {
    let (mut view, key, app) = (view(3), key(), application(function(&[]), Bytes(10_000)));
    view.tell(&name(1), &load(6), &BTreeMap::new(), NOW);
    let request = request(&view, &key, &app, 2);
    let decision = place(&mut view, Placement::ModelAware, &request).unwrap();
    let close = |found: Seconds, ms: f64| assert!((found.as_millis() - ms).abs() < 1e-9, "{found} {ms}");
    // Seven are in the way of a slot, of which there are four.
    let busy = &decision.candidates[1].terms;
    close(busy.queue, EXECUTION * 1e3 * 3.0 / 4.0);
    close(busy.processing, EXECUTION * 1e3);
    // 8 Mb/s are 1 kB/ms; from node to node it takes 1 ms.
    close(busy.arguments, 1.0 + 1.0);
    close(busy.results, 1.0 + 2.0);
    // Two round trips, 10 kB there and back.
    close(busy.states, 4.0 + 20.0);
    let (near, home) = (&decision.candidates[0].terms, &decision.candidates[2].terms);
    close(near.arguments + near.results + near.queue, 0.0);
    close(near.states, 24.0);
    close(home.arguments + home.results, 5.0);
    close(home.states, 0.0);
    assert_eq!(
        decision.chosen,
        Some(name(2)),
        "the state is larger than arguments and results"
    );
    assert_eq!(decision.candidates[2].score, Some(home.total()));

    let blind = place(&mut view, Placement::LoadNet, &request).unwrap();
    close(blind.candidates[2].terms.states, 20.0);
    assert_eq!(
        blind.chosen,
        Some(name(0)),
        "as if the state came from the client"
    );
    let load = place(&mut view, Placement::Load, &request).unwrap();
    assert_eq!(
        load.candidates[1].terms.states + load.candidates[1].terms.arguments,
        Seconds::ZERO
    );
}

#[test]
fn a_state_counts_by_its_size_if_that_is_known() {
    let (mut view, key, app) = (view(2), key(), application(function(&[]), Bytes(10_000)));
    let grown = BTreeMap::from([("s".parse().unwrap(), Bytes(40_000))]);
    let mut request = request(&view, &key, &app, 1);
    let mut states = |request: &_| {
        let decision = place(&mut view, Placement::ModelAware, request).unwrap();
        decision.candidates[0].terms.states.as_millis().round()
    };
    // Two round trips of 2 ms, and 1 kB/ms there and back.
    assert_eq!(states(&request), 24.0);
    let unknown = request.states;
    request.states = &grown;
    assert_eq!(states(&request), 84.0);
    request.states = unknown;
    assert_eq!(states(&request), 24.0, "another session's is not as large");
}

#[test]
fn local_first_stays_until_its_queue_is_longer_than_its_slots() {
    let (mut view, key, app) = (view(2), key(), application(function(&[]), Bytes(10)));
    let request = request(&view, &key, &app, 1);
    let mut taken = Vec::new();
    for _ in 0..10 {
        let node = choose(&mut view, Placement::LocalFirst, &request)
            .unwrap()
            .node
            .clone();
        view.sent(&node);
        taken.push(node);
    }
    // Four slots and four that wait; the ninth makes the queue long.
    assert_eq!(taken[..9], vec![name(0); 9], "{taken:?}");
    assert_eq!(taken[9], name(1));
}

#[test]
fn round_robin_gives_all_that_can_their_turn() {
    let (mut view, key, app) = (view(5), key(), application(function(&["gpu"]), Bytes(10)));
    let mut request = request(&view, &key, &app, 1);
    let mut taken = Vec::new();
    for turn in 0..6 {
        request.turn = turn;
        taken.push(
            choose(&mut view, Placement::RoundRobin, &request)
                .unwrap()
                .node
                .clone(),
        );
    }
    assert_eq!(taken, [0, 2, 4, 0, 2, 4].map(name));
}

#[test]
fn turns_of_a_function_are_counted_by_the_view() {
    let (mut view, key, app) = (view(2), key(), application(function(&[]), Bytes(10)));
    let request = request(&view, &key, &app, 1);
    assert_eq!(view.next_turn(&key, 7), 7, "nothing was placed");
    choose(&mut view, Placement::RoundRobin, &request).unwrap();
    assert_eq!([5, 9].map(|first| view.next_turn(&key, first)), [5, 6]);
    choose(&mut view, Placement::RoundRobin, &request).unwrap();
    assert_eq!(view.next_turn(&key, 0), 7, "to choose takes no turn");
}

#[test]
fn least_impedance_leaves_a_node_whose_answers_were_slow_and_comes_back() {
    let (mut view, key, app) = (view(2), key(), application(function(&[]), Bytes(10)));
    let mut request = request(&view, &key, &app, 0);
    let placement = Placement::LeastImpedance;
    let at = |view: &mut _, request: &_| choose(view, placement, request).unwrap().node.clone();
    assert_eq!(at(&mut view, &request), name(0));
    view.answered(&name(0), &key, Duration::from_millis(300), NOW);
    view.answered(&name(1), &key, Duration::from_millis(260), NOW);
    assert_eq!(at(&mut view, &request), name(1), "measured to be faster");
    request.now = NOW + Duration::from_secs(3600);
    assert_eq!(at(&mut view, &request), name(0), "old measurements count little");
}

#[test]
fn two_choices_and_weighted_random_reach_all_that_can_and_no_other() {
    for placement in [Placement::PowerOfTwoChoices, Placement::WeightedRandom] {
        let (mut view, key, app) = (view(6), key(), application(function(&["gpu"]), Bytes(10)));
        let mut request = request(&view, &key, &app, 1);
        let mut taken = BTreeMap::new();
        for turn in 1..2_000_u64 {
            request.draw = turn
                .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                .rotate_left(23)
                .wrapping_mul(31);
            let node = choose(&mut view, placement, &request).unwrap().node.clone();
            *taken.entry(node).or_insert(0) += 1;
        }
        let nodes: Vec<_> = taken.keys().cloned().collect();
        // With two choices of three, the last by score loses to whatever is drawn beside it.
        let expected = if placement == Placement::WeightedRandom {
            vec![0, 2, 4]
        } else {
            vec![0, 2]
        };
        assert_eq!(
            nodes,
            expected.into_iter().map(name).collect::<Vec<_>>(),
            "{placement}: {taken:?}"
        );
    }
}

#[test]
fn every_exclusion_is_explained_and_kept_to() {
    let (mut view, key, app) = (view(5), key(), application(function(&["gpu=pascal"]), Bytes(10)));
    view.stand(&name(0), Standing::Away);
    view.stand(&name(1), Standing::Draining);
    let mut full = load(0);
    full.free_memory = Bytes(1);
    view.tell(&name(2), &full, &BTreeMap::new(), NOW);
    let request = request(&view, &key, &app, 1);
    for placement in Placement::ALL {
        let decision = place(&mut view, placement, &request).unwrap();
        let why: Vec<_> = decision.candidates.iter().map(|it| it.excluded.clone()).collect();
        let memory = Excluded::Memory {
            needed: Bytes(64 << 20),
            free: Bytes(1),
        };
        let lacks = Excluded::Lacks("gpu=pascal".into());
        assert_eq!(
            why,
            [
                Some(Excluded::Away),
                Some(Excluded::Draining),
                Some(memory),
                Some(lacks),
                None
            ]
        );
        assert_eq!(decision.chosen, Some(name(4)), "{placement}");
        assert!(decision.candidates[0].score.is_none());
    }
    view.stand(&name(4), Standing::Away);
    for placement in Placement::ALL {
        assert_eq!(choose(&mut view, placement, &request), None, "{placement}");
        assert_eq!(
            place(&mut view, placement, &request).unwrap().chosen,
            None,
            "{placement}"
        );
    }
}

#[test]
fn in_client_states_travel_with_the_arguments() {
    let (mut view, key, app) = (view(2), key(), application(function(&[]), Bytes(10_000)));
    let mut request = request(&view, &key, &app, 1);
    request.model = ExecutionModel::InClient;
    let decision = place(&mut view, Placement::ModelAware, &request).unwrap();
    let far = &decision.candidates[1].terms;
    assert!((far.states.as_millis() - 20.0).abs() < 1e-9, "{far:?}");
    assert_eq!(decision.candidates[0].terms.states, Seconds::ZERO);
}
