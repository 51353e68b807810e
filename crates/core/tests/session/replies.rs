//! R2 and R5: which replies are kept, and for how long.

use std::time::Duration;

use bytes::Bytes;
use fogline_core::model::{ClientId, CommitId, InvocationId, Timestamp};
use fogline_core::session::{BlobName, BlobOf, BodyHash, Lookup, Origin, Replies, Reply, ReplyOutput};
use proptest::collection::vec;
use proptest::prelude::*;

fn reply(number: u64, at: Timestamp) -> Reply {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    Reply {
        id: InvocationId(id),
        body: BodyHash([number as u8; 32]),
        version: number,
        at,
        output: ReplyOutput::Inline(Bytes::copy_from_slice(&number.to_be_bytes())),
    }
}

fn numbered(client: u8, number: u64) -> Origin {
    Origin::Sequence {
        client: ClientId([client; 16]),
        number,
    }
}

fn known(replies: &Replies, origin: Origin, number: u64) -> bool {
    let Reply { id, body, .. } = reply(number, Timestamp(0));
    matches!(replies.lookup(id, origin, body), Lookup::Known(found) if found.version == number)
}

fn looked_up(replies: &Replies, client: u8, number: u64) -> Lookup<'_> {
    let Reply { id, body, .. } = reply(number, Timestamp(0));
    replies.lookup(id, numbered(client, number), body)
}

proptest! {
    /// So many clients that they push each other out again and again: no number runs twice, and the next always may.
    #[test]
    fn clients_that_push_each_other_out_run_no_number_twice(requests in vec((0..24_u8, 0..40_u64), 1..400)) {
        let mut replies = Replies::default();
        let mut highest = [0_u64; 24];
        let mut ran = std::collections::BTreeSet::new();
        for (at, (client, back)) in requests.into_iter().enumerate() {
            let last = &mut highest[usize::from(client)];
            prop_assert_eq!(looked_up(&replies, client, *last + 1), Lookup::New);
            let number = (*last + 1).saturating_sub(back).max(1);
            if looked_up(&replies, client, number) == Lookup::New {
                let made = Reply { version: at as u64, ..reply(number, Timestamp(0)) };
                replies.record(numbered(client, number), made);
                prop_assert!(ran.insert((client, number)), "{number} of {client} ran twice");
                *last = number.max(*last);
            }
        }
    }

    /// The numbers of one client, in any order: what is in the window is known, what is below it expired, the rest
    /// is new.
    #[test]
    fn a_window_is_of_the_last_32_numbers(numbers in vec(1_u64..100, 1..60)) {
        let mut replies = Replies::default();
        let mut committed = std::collections::BTreeSet::new();
        for number in numbers {
            let Reply { id, body, .. } = reply(number, Timestamp(0));
            if matches!(replies.lookup(id, numbered(1, number), body), Lookup::New) {
                replies.record(numbered(1, number), reply(number, Timestamp(0)));
                prop_assert!(committed.insert(number), "{number} ran twice");
            }
        }
        let latest = committed.last().copied().unwrap_or(0);
        for number in 1..140 {
            let Reply { id, body, .. } = reply(number, Timestamp(0));
            let is = replies.lookup(id, numbered(1, number), body);
            let below = number + 32 <= latest;
            match (below, committed.contains(&number)) {
                (true, _) => prop_assert!(matches!(is, Lookup::Expired), "{number}: {is:?}"),
                (false, true) => prop_assert!(matches!(is, Lookup::Known(_)), "{number}: {is:?}"),
                (false, false) => prop_assert!(matches!(is, Lookup::New), "{number}: {is:?}"),
            }
        }
    }
}

#[test]
fn clients_have_windows_of_their_own() {
    let mut replies = Replies::default();
    replies.record(numbered(1, 100), reply(100, Timestamp(0)));
    replies.record(numbered(2, 1), reply(1, Timestamp(0)));
    assert!(known(&replies, numbered(1, 100), 100));
    assert!(known(&replies, numbered(2, 1), 1));
    assert!(!known(&replies, numbered(2, 100), 100));
}

#[test]
fn the_client_that_wrote_longest_ago_gives_way_to_the_seventeenth() {
    let mut replies = Replies::default();
    for client in 1..=17_u8 {
        replies.record(numbered(client, 1), reply(u64::from(client), Timestamp(0)));
    }
    assert_eq!(looked_up(&replies, 1, 1), Lookup::Expired);
    assert_eq!(looked_up(&replies, 1, 2), Lookup::New);
    assert!((2..=17).all(|client| known(&replies, numbered(client, 1), u64::from(client))));
}

#[test]
fn opaque_keys_are_kept_256_times_or_a_day() {
    let mut replies = Replies::default();
    for number in 1..=257 {
        replies.record(Origin::Opaque, reply(number, Timestamp(0)));
    }
    assert!(!known(&replies, Origin::Opaque, 1));
    assert!((2..=257).all(|number| known(&replies, Origin::Opaque, number)));
    let day = Timestamp(0).after(Duration::from_secs(24 * 3600));
    replies.record(Origin::Opaque, reply(300, day));
    assert!(
        known(&replies, Origin::Opaque, 257),
        "a day is not more than a day"
    );
    replies.record(Origin::Opaque, reply(301, day.after(Duration::from_millis(1))));
    assert!(!known(&replies, Origin::Opaque, 257));
    assert!(known(&replies, Origin::Opaque, 300));
}

#[test]
fn an_output_that_its_client_had_is_not_run_again() {
    let mut replies = Replies::default();
    replies.record(Origin::Opaque, reply(7, Timestamp(0)));
    replies.keep_output(7, ReplyOutput::Gone);
    let Reply { id, body, .. } = reply(7, Timestamp(0));
    assert_eq!(replies.lookup(id, Origin::Opaque, body), Lookup::Expired);
}

#[test]
fn large_windows_give_way_to_the_budget_the_oldest_opaque_reply_first() {
    let mut replies = Replies::default();
    // 100 outputs of the largest inline size are more than the 64 KiB that a head keeps.
    for number in 1..=100 {
        let output = ReplyOutput::Inline(vec![0; 1024].into());
        replies.record(
            Origin::Opaque,
            Reply {
                output,
                ..reply(number, Timestamp(0))
            },
        );
    }
    assert!(!known(&replies, Origin::Opaque, 36));
    assert!((37..=100).all(|number| known(&replies, Origin::Opaque, number)));
}

#[test]
fn of_large_outputs_the_newest_are_kept_and_the_others_are_not_run_again() {
    let mut replies = Replies::default();
    for number in 1..=40_u64 {
        let name = BlobName {
            of: BlobOf::Reply,
            version: number,
            commit: CommitId([1; 16]),
        };
        let large = Reply {
            output: ReplyOutput::Blob(name),
            ..reply(number, Timestamp(0))
        };
        let origin = if number % 2 == 0 {
            numbered(1, number)
        } else {
            Origin::Opaque
        };
        replies.record(origin, large);
    }
    for number in 1..=40 {
        let Reply { id, body, .. } = reply(number, Timestamp(0));
        let origin = if number % 2 == 0 {
            numbered(1, number)
        } else {
            Origin::Opaque
        };
        let is = replies.lookup(id, origin, body);
        assert_eq!(is == Lookup::Expired, number <= 8, "{number}: {is:?}");
    }
}
