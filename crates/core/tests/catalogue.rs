//! Catalogues: the order in which changes are heard of makes no difference, and no change is lost.

use std::time::Duration;

use fogline_core::catalogue::{AppKey, Catalogue, Change, DELETED_FOR, Entry, KEPT_BEFORE, Stamp};
use fogline_core::model::{Digest, Timestamp};
use proptest::prelude::*;

const NODES: [&str; 3] = ["one", "two", "three"];

fn key(app: usize) -> AppKey {
    format!("acme/app-{app}").parse().expect("it is a key")
}

fn stamp(at: u64, node: usize) -> Stamp {
    Stamp {
        at: Timestamp(at),
        node: NODES[node].parse().expect("it is a name"),
    }
}

fn digest(number: u8) -> Digest {
    Digest([number; 32])
}

/// A change that some node might have made. What it is follows from its stamp, as no two changes have the same.
fn change() -> impl Strategy<Value = (AppKey, Entry)> {
    (0..6_usize, 0..40_u64, 0..NODES.len()).prop_map(|(app, at, node)| {
        let stamp = stamp(at, node);
        let entry = match at % 3 {
            0 => Entry::deleted(stamp),
            _ => Entry::deployed(None, digest(at as u8), stamp),
        };
        (key(app), entry)
    })
}

fn changes() -> impl Strategy<Value = Vec<(AppKey, Entry)>> {
    prop::collection::vec(change(), 0..40)
}

fn merged<'a>(changes: impl IntoIterator<Item = &'a (AppKey, Entry)>) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for (key, entry) in changes {
        catalogue.merge(key.clone(), entry.clone());
    }
    catalogue
}

/// What a node does with another: it sends its summary, gets what differs, and sends back what differs.
fn compare(one: &mut Catalogue, other: &mut Catalogue) -> usize {
    let (mine, theirs) = (one.summary(), other.summary());
    let (to_one, to_other) = (other.differing(&mine), one.differing(&theirs));
    let sent = to_one.len() + to_other.len();
    to_one.into_iter().for_each(|(key, entry)| one.merge(key, entry));
    to_other
        .into_iter()
        .for_each(|(key, entry)| other.merge(key, entry));
    sent
}

proptest! {
    #[test]
    fn it_makes_no_difference_in_which_order_and_how_often_changes_are_heard_of(
        (first, shuffled) in changes().prop_flat_map(|all| {
            let twice: Vec<_> = all.iter().chain(&all).cloned().collect();
            (Just(all), Just(twice).prop_shuffle())
        }),
    ) {
        prop_assert_eq!(merged(&first), merged(&shuffled));
    }

    #[test]
    fn the_latest_change_of_each_application_stands(all in changes()) {
        let catalogue = merged(&all);
        for (key, entry) in &all {
            let latest = all.iter().filter(|(of, _)| of == key).map(|(_, entry)| &entry.stamp).max();
            prop_assert_eq!(&catalogue.get(key).unwrap().stamp, latest.unwrap());
            prop_assert!(!catalogue.is_news(key, entry));
        }
    }

    #[test]
    fn nodes_that_have_compared_once_know_the_same(mine in changes(), theirs in changes()) {
        let (mut one, mut other) = (merged(&mine), merged(&theirs));
        compare(&mut one, &mut other);
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(&one, &merged(mine.iter().chain(&theirs)));
        prop_assert_eq!(compare(&mut one, &mut other), 0, "nothing is sent for nothing");
    }

    #[test]
    fn a_change_is_later_than_all_that_its_node_has_heard_of(all in changes(), now in 0..60_u64) {
        let catalogue = merged(&all);
        let next = catalogue.next_stamp(Timestamp(now), NODES[0].parse().unwrap());
        prop_assert!(all.iter().all(|(_, entry)| entry.stamp < next));
        prop_assert!(next.at >= Timestamp(now));
    }
}

#[test]
fn little_is_sent_when_little_differs() {
    let change = |app| (key(app), Entry::deployed(None, digest(1), stamp(1, 0)));
    let all: Vec<_> = (0..1000).map(change).collect();
    let (mut one, mut other) = (merged(&all), merged(&all));
    one.merge(key(0), Entry::deleted(stamp(2, 1)));
    let sent = compare(&mut one, &mut other);
    assert!(sent <= 2 * 1000 / 16, "{sent} of 1000");
    assert_eq!(one, other);
}

fn before(entry: &Entry) -> Vec<Digest> {
    entry.packages().skip(1).collect()
}

#[test]
fn a_deployment_keeps_the_versions_before_it_and_the_deletion_that_it_followed() {
    let deleted = Entry::deleted(stamp(1, 0));
    assert_eq!(deleted.emptied(), Some(&stamp(1, 0)));
    let mut entry = deleted;
    for number in 1..=5 {
        entry = Entry::deployed(Some(&entry), digest(number), stamp(1 + u64::from(number), 1));
        assert_eq!(entry.emptied(), Some(&stamp(1, 0)));
    }
    assert_eq!(entry.package(), Some(digest(5)));
    assert_eq!(before(&entry), [digest(4), digest(3), digest(2)]);
    assert_eq!(before(&entry).len(), KEPT_BEFORE);
    let again = Entry::deployed(Some(&entry), digest(3), stamp(9, 1));
    assert_eq!(before(&again), [digest(5), digest(4), digest(2)]);
    assert_eq!(
        before(&Entry::deployed(Some(&again), digest(3), stamp(10, 1))),
        before(&again)
    );
    assert_eq!(Entry::deployed(None, digest(1), stamp(1, 0)).emptied(), None);
}

#[test]
fn versions_are_rolled_back_one_after_the_other_as_far_as_they_are_kept() {
    let mut entry = Entry::deployed(None, digest(1), stamp(1, 0));
    assert_eq!(entry.rolled_back(stamp(2, 0)), None);
    for number in 2..=5 {
        entry = Entry::deployed(Some(&entry), digest(number), stamp(u64::from(number), 0));
    }
    for number in [4, 3, 2] {
        entry = entry.rolled_back(stamp(10 - u64::from(number), 1)).unwrap();
        assert_eq!(entry.package(), Some(digest(number)));
    }
    assert_eq!(entry.rolled_back(stamp(20, 0)), None);
    assert_eq!(Entry::deleted(stamp(1, 0)).rolled_back(stamp(20, 0)), None);
}

#[test]
fn deletions_are_forgotten_after_their_time_and_deployments_never() {
    let at = Timestamp(1_000_000);
    let (in_time, too_late) = (
        at.after(DELETED_FOR),
        at.after(DELETED_FOR + Duration::from_millis(1)),
    );
    let deleted = Entry::deleted(stamp(at.0, 0));
    assert!(!deleted.is_over(in_time) && deleted.is_over(too_late));
    let deployed = Entry::deployed(None, digest(1), stamp(at.0, 0));
    assert!(matches!(deployed.change, Change::Deployed { .. }) && !deployed.is_over(too_late));
}

#[test]
fn keys_are_read_as_they_are_written() {
    assert_eq!(key(3).to_string().parse(), Ok(key(3)));
    for bad in ["", "acme", "acme/", "/app", "acme/app/x", "Acme/app"] {
        assert!(bad.parse::<AppKey>().is_err(), "{bad}");
    }
}
