//! Leases, in every place that keeps them.

use std::time::{Duration, Instant};

use fogline_core::lease::{Contender, Holder, LeaseAction, LeaseEvent, LeaseRecord, TERM};
use fogline_core::model::{Incarnation, NodeName};
use fogline_state::{Leased, Leases, MemoryStore, StoreError};

use crate::started;

const TIME: Duration = Duration::from_millis(400);

fn node(name: &str) -> NodeName {
    name.parse().unwrap()
}

fn record(life: u8, counter: u64) -> LeaseRecord {
    LeaseRecord {
        incarnation: Incarnation([life; 16]),
        counter,
        term: TERM,
        alive: true,
    }
}

/// What every place does.
async fn conforms(leases: &dyn Leases) {
    let (ours, other) = (node("edge-1"), node("edge-2"));
    assert_eq!(leases.lease(&ours, TIME).await.unwrap(), None);
    let (first, second) = (record(1, 1), record(1, 2));
    let swap = async |node, expect, new| leases.swap_lease(node, expect, new, TIME).await.unwrap();
    assert_eq!(swap(&ours, Some(&first), &second).await, Leased::Conflict(None));
    assert_eq!(swap(&ours, None, &first).await, Leased::Done);
    assert_eq!(
        swap(&ours, None, &second).await,
        Leased::Conflict(Some(first.clone()))
    );
    assert_eq!(
        leases.lease(&other, TIME).await.unwrap(),
        None,
        "a node has its own"
    );
    assert_eq!(swap(&ours, Some(&first), &second).await, Leased::Done);
    assert_eq!(
        swap(&ours, Some(&first), &record(2, 1)).await,
        Leased::Conflict(Some(second.clone()))
    );
    assert_eq!(leases.lease(&ours, TIME).await.unwrap(), Some(second));
    let begun = leases.swap_lease(&other, None, &first, TIME).await.unwrap();
    assert_eq!(begun, Leased::Done);
    assert_eq!(leases.holders(TIME).await.unwrap(), [ours, other].into());
}

#[tokio::test]
async fn memory_keeps_leases() {
    conforms(&MemoryStore::new()).await;
}

#[tokio::test]
async fn three_servers_keep_leases() {
    let cluster = started!(3, &[]);
    conforms(&cluster.connect().await).await;
}

/// Carries out what the machine asks for, until nothing is left but to wait; the time of that.
async fn drive(
    leases: &dyn Leases,
    actions: Vec<LeaseAction>,
    on: &mut dyn FnMut(LeaseEvent) -> Vec<LeaseAction>,
) -> Option<Duration> {
    let mut actions = actions;
    loop {
        let node = node("edge-1");
        let event = match actions.pop()? {
            LeaseAction::WakeAt(at) => return Some(at),
            LeaseAction::Over => return None,
            LeaseAction::Read => leases.lease(&node, TIME).await.map(LeaseEvent::Stands),
            LeaseAction::Swap { expect, new } => {
                let swapped = leases.swap_lease(&node, expect.as_ref(), &new, TIME).await;
                swapped.map(LeaseEvent::from)
            }
        };
        actions = on(event.unwrap_or(LeaseEvent::Unanswered));
    }
}

/// The whole way on real servers, one of which is killed: a silent life is ended after 1.1 terms, and not
/// before.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_node_is_ended_after_its_term_although_a_server_is_lost() {
    let mut cluster = started!(3, &[]);
    let store = cluster.connect().await;
    let clock = Instant::now();
    let mut holder = Holder::new(Incarnation([1; 16]), TERM);
    let first = holder.on(LeaseEvent::Wake, clock.elapsed());
    drive(&store, first, &mut |event| holder.on(event, clock.elapsed()))
        .await
        .unwrap();
    assert!(holder.holds(clock.elapsed()));
    let silent = clock.elapsed();
    cluster.kill(0);

    let mut contender = Contender::new(Incarnation([1; 16]));
    let mut first = contender.on(LeaseEvent::Wake, clock.elapsed());
    while let Some(at) = drive(&store, first, &mut |event| contender.on(event, clock.elapsed())).await {
        tokio::time::sleep(at.saturating_sub(clock.elapsed())).await;
        first = contender.on(LeaseEvent::Wake, clock.elapsed());
    }
    let took = clock.elapsed() - silent;
    assert!(!holder.holds(clock.elapsed()));
    assert!(took >= TERM && took < TERM * 4, "{took:?}");

    let late = holder.on(LeaseEvent::Wake, clock.elapsed());
    assert_eq!(
        drive(&store, late, &mut |event| holder.on(event, clock.elapsed())).await,
        None
    );
    assert!(!holder.holds(clock.elapsed()), "it learns that it is over");
}

#[tokio::test]
async fn without_a_quorum_a_lease_call_ends_in_its_time() {
    let mut cluster = started!(3, &[]);
    let store = cluster.connect().await;
    let ours = node("edge-1");
    assert_eq!(
        store.swap_lease(&ours, None, &record(1, 1), TIME).await.unwrap(),
        Leased::Done
    );
    cluster.kill(0);
    cluster.kill(1);
    let begun = Instant::now();
    let swapped = store
        .swap_lease(&ours, Some(&record(1, 1)), &record(1, 2), TIME)
        .await;
    assert!(
        matches!(swapped, Ok(Leased::Unknown) | Err(StoreError::Unavailable { .. })),
        "{swapped:?}"
    );
    assert!(
        begun.elapsed() < TIME + Duration::from_millis(200),
        "{:?}",
        begun.elapsed()
    );
}
