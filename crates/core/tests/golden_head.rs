//! The bytes of heads: what a release has written is read for ever.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeMap;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use fogline_core::model::{ClientId, CommitId, InvocationId, StateName, Timestamp};
use fogline_core::session::{
    BadHead, BlobName, BlobOf, BodyHash, Content, Entry, Head, Home, Lost, Origin, Reply, ReplyOutput,
    Status, decode, encode,
};
use proptest::prelude::*;

fn blob(version: u64, of: BlobOf) -> BlobName {
    BlobName {
        version,
        commit: CommitId([7; 16]),
        of,
    }
}

fn reply(number: u8, version: u64, output: ReplyOutput) -> Reply {
    let (id, body) = (InvocationId([number; 16]), BodyHash([number; 32]));
    Reply {
        id,
        body,
        version,
        at: Timestamp(1_700_000_000_000),
        output,
    }
}

/// A head with something of everything.
fn full(status: Status) -> Head {
    let mut head = Head::new(CommitId([9; 16]), Timestamp(1_800_000_000_000));
    head.status = status;
    (head.epoch, head.version) = (3, 300);
    let mut state = |name: &str, version, content| {
        let entry = Entry {
            schema: 2,
            commit: CommitId([7; 16]),
            version,
            content,
        };
        head.states.insert(name.parse().unwrap(), entry);
    };
    state("inline", 299, Content::Inline(Bytes::from_static(b"bytes")));
    let name = blob(300, BlobOf::State("large".parse().unwrap()));
    state("large", 300, Content::Blob { name, bytes: 70_000 });
    state("held", 12, Content::Held { bytes: 4096 });
    let client = ClientId([5; 16]);
    let inline = ReplyOutput::Inline(Bytes::from_static(b"done"));
    head.replies.record(
        Origin::Sequence { client, number: 40 },
        reply(1, 298, inline.clone()),
    );
    let large = ReplyOutput::Blob(blob(299, BlobOf::Reply));
    head.replies
        .record(Origin::Sequence { client, number: 41 }, reply(2, 299, large));
    head.replies.record(Origin::Opaque, reply(3, 297, inline.clone()));
    let sealed = ReplyOutput::Blob(blob(300, BlobOf::SealedReply));
    head.replies.record(Origin::Opaque, reply(4, 300, sealed));
    head.replies.record(Origin::Keyless, reply(5, 296, inline));
    head
}

/// Each head with the name of its golden bytes.
fn heads() -> [(&'static str, Head); 6] {
    let node = || "edge-1".parse().unwrap();
    [
        ("new", Head::new(CommitId([9; 16]), Timestamp(1_800_000_000_000))),
        ("live", full(Status::Live)),
        ("moving", full(Status::Moving(Home::InFunction(node())))),
        ("moved", full(Status::Moved(Home::InClient(Some(node()))))),
        ("deleted", full(Status::Deleted)),
        ("abandoned", full(Status::Abandoned(Home::External))),
    ]
}

#[test]
fn heads_of_format_1_are_these_bytes() {
    let golden: BTreeMap<&str, &str> = include_str!("golden/head-1.txt")
        .lines()
        .map(|line| line.split_once(' ').expect("NAME HEX"))
        .collect();
    assert_eq!(golden.len(), heads().len());
    for (name, head) in heads() {
        let golden = HEXLOWER.decode(golden[name].as_bytes()).unwrap();
        assert_eq!(decode(&golden).unwrap(), head, "{name} is read");
    }
}

#[test]
fn heads_of_format_2_are_these_bytes() {
    let golden: BTreeMap<&str, &str> = include_str!("golden/head-2.txt")
        .lines()
        .map(|line| line.split_once(' ').expect("NAME HEX"))
        .collect();
    let heads = heads().map(|(name, mut head)| {
        // What was lost in the second epoch, of heads of the third.
        let lost = (head.epoch > 2).then_some(Lost { epoch: 2, after: 290 });
        head.lost = lost.into_iter().collect();
        (name, head)
    });
    let written: Vec<_> = heads
        .iter()
        .map(|(name, head)| format!("{name} {}\n", HEXLOWER.encode(&encode(head))))
        .collect();
    assert_eq!(
        golden.len(),
        written.len(),
        "golden/head-2.txt would be:\n{}",
        written.concat()
    );
    for (name, head) in heads {
        let golden = HEXLOWER.decode(golden[name].as_bytes()).unwrap();
        assert_eq!(decode(&golden).unwrap(), head, "{name} is read");
        assert_eq!(encode(&head), golden, "{name} is written");
    }
}

#[test]
fn a_newer_format_is_named_and_cut_or_longer_bytes_are_damage() {
    let bytes = encode(&full(Status::Live));
    let mut newer = bytes.clone();
    newer[0] = 3;
    assert_eq!(decode(&newer), Err(BadHead::Format(3)));
    for length in 0..bytes.len() {
        assert!(
            matches!(decode(&bytes[..length]), Err(BadHead::Damaged(_))),
            "cut to {length}"
        );
    }
    assert!(matches!(
        decode(&[&bytes[..], &[0]].concat()),
        Err(BadHead::Damaged(_))
    ));
}

fn some_content() -> impl Strategy<Value = Content> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..100).prop_map(|bytes| Content::Inline(bytes.into())),
        (any::<u64>(), any::<u64>()).prop_map(|(version, bytes)| {
            Content::Blob {
                name: blob(version, BlobOf::Reply),
                bytes,
            }
        }),
        any::<u64>().prop_map(|bytes| Content::Held { bytes }),
    ]
}

fn some_state() -> impl Strategy<Value = (StateName, Entry)> {
    (
        "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
        any::<(u32, [u8; 16], u64)>(),
        some_content(),
    )
        .prop_map(|(name, (schema, commit, version), content)| {
            (
                name.parse().unwrap(),
                Entry {
                    schema,
                    commit: CommitId(commit),
                    version,
                    content,
                },
            )
        })
}

fn some_reply() -> impl Strategy<Value = (Origin, Reply)> {
    let origin = prop_oneof![
        any::<([u8; 16], u64)>().prop_map(|(client, number)| Origin::Sequence {
            client: ClientId(client),
            number
        }),
        Just(Origin::Opaque),
        Just(Origin::Keyless),
    ];
    (
        origin,
        any::<u8>(),
        any::<u64>(),
        prop::collection::vec(any::<u8>(), 0..50),
    )
        .prop_map(|(origin, number, version, output)| {
            (origin, reply(number, version, ReplyOutput::Inline(output.into())))
        })
}

fn some_head() -> impl Strategy<Value = Head> {
    let status = (0..6usize).prop_map(|at| heads()[at].1.status.clone());
    let states = prop::collection::btree_map("[a-z]", some_state(), 0..6);
    let replies = prop::collection::vec(some_reply(), 0..40);
    (status, any::<(u64, u64, [u8; 16], u64)>(), states, replies).prop_map(
        |(status, numbers, states, replies)| {
            let (epoch, version, commit, expires) = numbers;
            let mut head = Head::new(CommitId(commit), Timestamp(expires));
            (head.status, head.epoch, head.version) = (status, epoch, version);
            head.states = states.into_values().collect();
            replies
                .into_iter()
                .for_each(|(origin, reply)| head.replies.record(origin, reply));
            head
        },
    )
}

proptest! {
    #[test]
    fn any_head_comes_back(head in some_head()) {
        prop_assert_eq!(decode(&encode(&head)), Ok(head));
    }

    #[test]
    fn any_bytes_are_a_head_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(head) = decode(&bytes) {
            prop_assert_eq!(decode(&encode(&head)), Ok(head));
        }
    }

    #[test]
    fn any_change_of_a_head_is_read_or_refused(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = encode(&full(Status::Live));
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(head) = decode(&bytes) {
            prop_assert_eq!(decode(&encode(&head)), Ok(head));
        }
    }
}
