//! Clusters of up to a hundred nodes, on a virtual clock.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]
#![expect(
    clippy::print_stdout,
    reason = "seeds, and how long things took, are shown when a test fails"
)]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use fogline_membership::memory::Weather;
use fogline_membership::{Membership, MembershipError, Options, Presence};
use support::{Cluster, address, is, just, name, queue, queue_of, see};
use tokio::time::{Instant, sleep};

/// As an edge network: 20 ms, and one message in a hundred is lost.
fn edge(seed: u64) -> Weather {
    Weather {
        seed,
        loss_permille: 10,
        delay: Duration::from_millis(20),
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_hundred_nodes_find_each_other_and_hear_what_each_says_of_itself() {
    let cluster = Cluster::start(100, edge(1)).await;
    let took = cluster.all_see(10 * SECOND, just(100)).await;
    println!("all saw all after {took:?}");
    for (number, node) in cluster.nodes.iter().enumerate() {
        node.publish(queue(number as u32));
    }
    let all = |members: &[_]| (0..100).all(|number| queue_of(members, number) == Some(number as u32));
    let took = cluster.all_see(10 * SECOND, all).await;
    println!("all knew everyone's telemetry after {took:?}");
    let member = cluster.nodes[3].members()[70].clone();
    assert!(member.heard.elapsed() <= took, "how old it is, is known");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_called_dead_while_a_hundred_nodes_start() {
    let cluster = Cluster::start(100, edge(12)).await;
    let mut met = BTreeSet::new();
    for round in 0..40 {
        for (number, node) in cluster.nodes.iter().enumerate() {
            for member in node.members().iter() {
                let pair = (number, member.name.clone());
                if member.is_alive() {
                    met.insert(pair);
                } else {
                    assert!(!met.contains(&pair), "{pair:?} in round {round}");
                }
            }
        }
        sleep(cluster.pace.gossip_every).await;
    }
    assert_eq!(met.len(), 100 * 100);
}

#[tokio::test(start_paused = true)]
async fn a_killed_node_is_seen_dead_by_a_hundred_and_alive_again_when_it_is_back() {
    let mut cluster = Cluster::start(100, edge(2)).await;
    cluster.all_see(10 * SECOND, just(100)).await;
    sleep(20 * SECOND).await;
    drop(cluster.nodes.remove(50));
    let took = cluster.all_see(10 * SECOND, is(50, 1, Presence::Silent)).await;
    println!("seen dead by all after {took:?}");
    let back = cluster.node(50, 2).await;
    back.publish(queue(7));
    cluster.nodes.push(back);
    let took = cluster.all_see(10 * SECOND, just(100)).await;
    println!("alive again for all after {took:?}");
    cluster.all_see(10 * SECOND, is(50, 2, Presence::Alive)).await;
    cluster
        .all_see(10 * SECOND, |members| queue_of(members, 50) == Some(7))
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_partition_is_seen_by_both_sides_and_heals() {
    let cluster = Cluster::start(30, edge(3)).await;
    cluster.all_see(10 * SECOND, just(30)).await;
    cluster.network.cut((20..30).map(address));
    for (number, node) in cluster.nodes.iter().enumerate() {
        let side = if number < 20 { 20 } else { 10 };
        see(node, 15 * SECOND, |members| {
            members.iter().filter(|m| m.is_alive()).count() == side
        })
        .await;
    }
    cluster.nodes[25].publish(queue(9));
    sleep(60 * SECOND).await;
    cluster.network.cut([]);
    let took = cluster.all_see(15 * SECOND, just(30)).await;
    println!("healed after {took:?}");
    cluster
        .all_see(5 * SECOND, |members| queue_of(members, 25) == Some(9))
        .await;
}

#[tokio::test(start_paused = true)]
async fn nodes_that_have_forgotten_each_other_find_each_other_by_their_seeds() {
    let mut cluster = Cluster::start(0, edge(4)).await;
    cluster.pace.detector.forget_after = 30 * SECOND;
    for number in 0..6 {
        let node = cluster.node(number, 1).await;
        cluster.nodes.push(node);
    }
    cluster.all_see(10 * SECOND, just(6)).await;
    cluster.network.cut((3..6).map(address));
    cluster.all_see(120 * SECOND, just(3)).await;
    cluster.network.cut([]);
    cluster.all_see(30 * SECOND, just(6)).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_leaves_says_so_before_it_would_be_missed() {
    let mut cluster = Cluster::start(30, edge(5)).await;
    cluster.all_see(10 * SECOND, just(30)).await;
    let start = Instant::now();
    cluster.nodes.remove(12).leave().await;
    cluster.all_see(2 * SECOND, is(12, 1, Presence::Left)).await;
    println!("known to all {:?} after it began to leave", start.elapsed());
    sleep(60 * SECOND).await;
    cluster.all_see(SECOND, is(12, 1, Presence::Left)).await;
    let back = cluster.node(12, 2).await;
    cluster.nodes.push(back);
    cluster.all_see(10 * SECOND, just(30)).await;
}

#[tokio::test(start_paused = true)]
async fn nobody_is_called_dead_for_ten_minutes_though_messages_are_lost_and_one_node_is_slow() {
    let weather = Weather {
        loss_permille: 100,
        delay: Duration::from_millis(300),
        ..edge(6)
    };
    let mut cluster = Cluster::start(15, weather).await;
    // A board that manages half the rounds of the others.
    let mut slow = cluster.options(15, 1);
    slow.pace.gossip_every *= 2;
    slow.pace.publish_every *= 2;
    let carrier = std::sync::Arc::new(cluster.network.attach(address(15)));
    cluster
        .nodes
        .push(Membership::start(slow, carrier).await.unwrap());
    cluster.all_see(20 * SECOND, just(16)).await;
    let start = Instant::now();
    let mut watches: Vec<_> = cluster.nodes.iter().map(Membership::watch).collect();
    sleep(600 * SECOND).await;
    for (number, watch) in watches.iter_mut().enumerate() {
        let changed = watch
            .borrow_and_update()
            .iter()
            .find(|member| member.since > start)
            .cloned();
        assert_eq!(changed, None, "seen by {}", name(number));
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_hardly_changed_is_not_said_again() {
    let cluster = Cluster::start(5, edge(7)).await;
    cluster.all_see(10 * SECOND, just(5)).await;
    cluster.nodes[0].publish(queue(100));
    cluster
        .all_see(5 * SECOND, |members| queue_of(members, 0) == Some(100))
        .await;
    let heard = cluster.nodes[4].members()[0].heard;
    for queued in [101, 95, 99, 103, 100] {
        cluster.nodes[0].publish(queue(queued));
        sleep(2 * SECOND).await;
    }
    assert_eq!(cluster.nodes[4].members()[0].heard, heard);
    cluster.nodes[0].publish(queue(150));
    cluster
        .all_see(5 * SECOND, |members| queue_of(members, 0) == Some(150))
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_function_that_is_no_longer_told_is_forgotten_by_the_others() {
    let cluster = Cluster::start(3, edge(8)).await;
    let mut telemetry = queue(0);
    let key = fogline_core::telemetry::FunctionKey {
        tenant: "t".parse().unwrap(),
        app: "a".parse().unwrap(),
        function: "f".parse().unwrap(),
    };
    telemetry.services.insert(key, Default::default());
    let told = |count| {
        move |members: &[fogline_membership::Member]| {
            let telemetry = members[0].telemetry.as_ref();
            telemetry.is_some_and(|telemetry| telemetry.services.len() == count)
        }
    };
    cluster.nodes[0].publish(telemetry);
    cluster.all_see(10 * SECOND, told(1)).await;
    cluster.nodes[0].publish(queue(0));
    cluster.all_see(10 * SECOND, told(0)).await;
}

#[tokio::test(start_paused = true)]
async fn nodes_of_another_cluster_are_not_let_in() {
    let mut cluster = Cluster::start(3, edge(9)).await;
    let mut other = cluster.options(3, 1);
    other.cluster = "other".to_owned();
    let carrier = std::sync::Arc::new(cluster.network.attach(address(3)));
    cluster
        .nodes
        .push(Membership::start(other, carrier).await.unwrap());
    sleep(30 * SECOND).await;
    assert!(just(1)(&cluster.nodes[3].members()));
    assert!(just(3)(&cluster.nodes[0].members()));
}

#[tokio::test(start_paused = true)]
async fn a_carrier_that_breaks_ends_gossip_and_says_so() {
    let cluster = Cluster::start(2, edge(10)).await;
    let ended = cluster.nodes[1].ended();
    // Another carrier takes its address: its own never receives again.
    let _other = cluster.network.attach(address(1));
    let error = tokio::time::timeout(5 * SECOND, ended).await.unwrap();
    assert!(
        matches!(&error, MembershipError::Ended { node, .. } if *node == name(1)),
        "{error}"
    );
}

#[tokio::test]
async fn options_that_cannot_be_used_are_refused_with_a_hint() {
    let cluster = Cluster::start(0, edge(11)).await;
    let spoilt: [fn(&mut Options); 8] = [
        |options| options.cluster.clear(),
        |options| options.gossip.set_port(0),
        |options| options.pace.gossip_every = Duration::ZERO,
        |options| options.pace.publish_every = Duration::ZERO,
        |options| options.pace.detector.threshold = f64::NAN,
        |options| options.pace.detector.window = 0,
        |options| options.pace.detector.longest_interval = Duration::ZERO,
        |options| options.pace.detector.forget_after = Duration::ZERO,
    ];
    for spoil in spoilt {
        let mut options = cluster.options(0, 1);
        spoil(&mut options);
        let carrier = std::sync::Arc::new(cluster.network.attach(address(0)));
        let refused = Membership::start(options, carrier).await.err();
        assert!(
            matches!(refused, Some(MembershipError::Option { .. })),
            "{refused:?}"
        );
    }
}
