//! Sessions follow their clients, and do not flap.

use std::time::Duration;

use fogline_core::dispatch::{Cause, Following, Offer, Terms};
use fogline_core::model::{NodeName, Seconds};
use proptest::prelude::*;

use super::world::name;

fn at(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn offer(node: usize, queue_ms: f64, network_ms: f64) -> Offer {
    let terms = Terms {
        queue: Seconds::from_millis(queue_ms),
        processing: Seconds::from_millis(5.0),
        arguments: Seconds::from_millis(network_ms),
        ..Terms::default()
    };
    Offer {
        node: name(node),
        terms,
    }
}

/// So many requests, ten a second, until `until`.
fn busy(until: f64) -> Following {
    let mut following = Following::new(at(0.0));
    let mut now = 0.0;
    while now < until {
        following.asked(&name(1), at(now));
        now += 0.1;
    }
    following
}

/// What is decided at the last of the looks of some seconds, which all see these offers.
fn decide(
    following: &Following,
    here: usize,
    offers: &[Offer],
    cost: impl Fn(&NodeName) -> Seconds,
    until: f64,
) -> Option<(NodeName, Cause)> {
    let mut following = following.clone();
    following.decide(&name(here), offers, &cost, at(until - 2.0));
    following.decide(&name(here), offers, &cost, at(until))
}

fn free(_: &NodeName) -> Seconds {
    Seconds::ZERO
}

#[test]
fn a_session_goes_to_a_node_that_halves_what_can_be_avoided() {
    let following = busy(10.0);
    let decide = |offers: &[Offer]| decide(&following, 0, offers, free, 10.0);
    assert_eq!(
        decide(&[offer(0, 0.0, 10.0), offer(1, 0.0, 4.9)]),
        Some((name(1), Cause::Nearer))
    );
    assert_eq!(
        decide(&[offer(0, 0.0, 10.0), offer(1, 0.0, 5.1)]),
        None,
        "no margin"
    );
    assert_eq!(
        decide(&[offer(0, 20.0, 0.0), offer(1, 0.0, 4.0)]),
        Some((name(1), Cause::Overloaded))
    );
    assert_eq!(
        decide(&[offer(1, 0.0, 0.0)]),
        None,
        "of the node where it is nothing is known"
    );
    assert_eq!(decide(&[offer(0, 0.0, 0.0), offer(1, 0.0, 0.0)]), None);
}

#[test]
fn a_move_pays_or_is_not_made() {
    let offers = [offer(0, 0.0, 10.0), offer(1, 0.0, 0.0)];
    // 10 requests a second that save 10 ms each: with a half-life of 20 s they count as some 250, less at first.
    let following = busy(60.0);
    let decided = |cost: f64| decide(&following, 0, &offers, |_| Seconds(cost), 60.0).is_some();
    assert!(decided(1.0));
    assert!(!decided(2.0));
    let seldom = {
        let mut following = Following::new(at(0.0));
        (0..20).for_each(|turn| following.asked(&name(1), at(f64::from(turn) * 30.0)));
        following
    };
    assert_eq!(
        decide(&seldom, 0, &offers, free, 600.0),
        None,
        "too little is known of it"
    );
}

#[test]
fn a_session_that_has_just_come_stays() {
    let offers = [offer(0, 0.0, 100.0), offer(1, 0.0, 0.0)];
    let mut following = Following::new(at(5.0));
    (0..1000).for_each(|_| following.asked(&name(1), at(5.5)));
    // The first of its looks does not count, and so it stays for two seconds more.
    assert_eq!(decide(&following, 0, &offers, free, 8.9), None);
    assert!(decide(&following, 0, &offers, free, 9.1).is_some());
}

#[test]
fn a_node_that_is_better_at_some_looks_only_is_not_gone_to() {
    let (better, worse) = (
        [offer(0, 50.0, 0.0), offer(1, 0.0, 1.0)],
        [offer(0, 0.0, 0.0), offer(1, 0.0, 1.0)],
    );
    let mut following = busy(30.0);
    let mut look = |seconds: f64, offers: &[Offer]| following.decide(&name(0), offers, free, at(seconds));
    for (seconds, offers) in [
        (10.0, &better),
        (11.9, &better),
        (12.0, &worse),
        (12.1, &better),
        (14.0, &better),
    ] {
        assert_eq!(look(seconds, offers), None, "at {seconds} s");
    }
    assert_eq!(look(14.2, &better), Some((name(1), Cause::Overloaded)));
}

#[test]
fn a_client_that_goes_to_and_fro_has_equal_shares_and_one_that_has_gone_has_them_elsewhere() {
    let mut following = Following::new(at(0.0));
    for turn in 0..200 {
        following.asked(&name(turn % 2), at(turn as f64 * 0.05));
    }
    for (node, share) in following.shares(at(10.0)) {
        assert!((0.45..0.55).contains(&share), "{node}: {share}");
    }
    for turn in 0..200 {
        following.asked(&name(2), at(10.0 + turn as f64 * 0.05));
    }
    let shares = following.shares(at(20.0));
    let there = shares.iter().find(|(node, _)| *node == name(2)).unwrap().1;
    assert!(there > 0.9, "{shares:?}");
    let all: f64 = shares.iter().map(|(_, share)| share).sum();
    assert!((all - 1.0).abs() < 1e-9);
    for node in 3..40 {
        following.asked(&name(node), at(20.0));
    }
    assert!(following.shares(at(20.0)).len() <= 8, "it is bounded");
}

proptest! {
    /// Whatever the true costs are, errors below the margin never bring a session back to where it was, and each move
    /// saves twice what it costs, as far as its owner knows.
    #[test]
    fn nothing_flaps_under_noise_below_the_margin(
        costs in prop::collection::vec(0.1..100.0_f64, 2..6),
        noise in prop::collection::vec(0.71..1.41_f64, 300),
        cost_ms in 0.0..500.0_f64,
    ) {
        let mut noise = noise.into_iter().cycle();
        let cost = Seconds::from_millis(cost_ms);
        let following = busy(30.0);
        let mut here = 0;
        let mut been = vec![here];
        for _ in 0..50 {
            let offers: Vec<Offer> = costs
                .iter()
                .enumerate()
                .map(|(node, ms)| offer(node, 0.0, ms * noise.next().unwrap()))
                .collect();
            let Some((to, _)) = decide(&following, here, &offers, |_| cost, 30.0) else {
                continue;
            };
            let to = (0..costs.len()).find(|node| name(*node) == to).unwrap();
            prop_assert!(!been.contains(&to), "back to {} of {:?}", to, costs);
            let saved = (offers[here].terms.total() - offers[to].terms.total()).0;
            // 300 requests in 30 s count as fewer.
            prop_assert!(saved * 300.0 >= 2.0 * cost.0, "{} s saved by a request", saved);
            been.push(to);
            here = to;
        }
    }
}
