//! The client as a home: what is sealed comes back, and everything else is refused for a stated reason.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod keys;
mod mark;
mod refused;
mod siblings;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use fogline_core::model::{
    AppName, Birth, ClientId, CommitId, NodeName, SessionId, StateName, TenantName, Timestamp,
};
use fogline_core::session::{BlobName, BlobOf, Commit, Content, Entry, Expect, Head};
use fogline_state::seal::{
    KeyFileError, Keyring, Opened, Scope, SealError, Sealer, Why, assemble, check_against_mark,
    leave_bytes_with_client,
};
use proptest::prelude::*;

struct Whose {
    app: AppName,
    session: SessionId,
}

impl Whose {
    fn new() -> Self {
        let node = "edge-1".parse().unwrap();
        let session = SessionId::mint(node, vec![Birth::InClient, Birth::InEdge], [7; 16]).unwrap();
        Self {
            app: "shop".parse().unwrap(),
            session,
        }
    }

    fn scope(&self) -> Scope<'_> {
        Scope {
            app: &self.app,
            session: &self.session,
            part: Birth::InClient,
            holder: None,
            mark: None,
        }
    }
}

fn sealer() -> Sealer {
    Sealer::new("acme".parse().unwrap(), Keyring::of(1, [42; 32]))
}

fn state(name: &str) -> StateName {
    name.parse().unwrap()
}

fn states(names: &[&str]) -> BTreeSet<StateName> {
    names.iter().map(|name| state(name)).collect()
}

fn id(number: u128) -> CommitId {
    CommitId(number.to_be_bytes())
}

/// A head of this version, with states that were written at these versions.
fn head(version: u64, written: &[(&str, u64, &[u8])]) -> Head {
    let mut head = Head::new(id(version.into()), Timestamp(9_000));
    head.version = version;
    for (name, at, bytes) in written {
        let content = Content::Inline(Bytes::copy_from_slice(bytes));
        let entry = Entry {
            schema: 2,
            commit: id((*at).into()),
            version: *at,
            content,
        };
        head.states.insert(state(name), entry);
    }
    head
}

fn seal(head: &Head, names: &[&str]) -> BTreeMap<StateName, Bytes> {
    let whose = Whose::new();
    sealer()
        .seal(
            &whose.scope(),
            head,
            &states(names),
            &BTreeMap::new(),
            Timestamp(5),
        )
        .unwrap()
}

fn open(envelopes: BTreeMap<StateName, Bytes>) -> Result<Vec<Opened>, SealError> {
    sealer().open(&Whose::new().scope(), envelopes)
}

/// Why an envelope of the state `a` is refused in this scope by this sealer.
fn refusal(sealer: &Sealer, scope: &Scope<'_>, name: &str, envelope: &[u8]) -> Why {
    let envelopes = BTreeMap::from([(state(name), Bytes::copy_from_slice(envelope))]);
    let error = sealer.open(scope, envelopes).unwrap_err();
    assert_eq!(error.state, state(name));
    error.why
}

#[test]
fn what_is_sealed_comes_back_as_a_snapshot() {
    let large: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    let text = b"again and again ".repeat(500);
    let written = [
        ("a", 3, &b"one"[..]),
        ("b", 7, &large),
        ("c", 5, &text),
        ("empty", 2, b""),
    ];
    let sealed_head = head(7, &written);
    let envelopes = seal(&sealed_head, &["a", "b", "c", "empty", "none"]);
    assert_eq!(envelopes.len(), 5);
    assert!(
        envelopes[&state("c")].len() < text.len() / 4,
        "what can be compressed is"
    );

    let snapshot = assemble(open(envelopes).unwrap(), &states(&["a", "none"]))
        .unwrap()
        .unwrap();
    assert_eq!(snapshot.head, sealed_head);
    for (name, _, bytes) in written {
        assert!(snapshot.values[&state(name)] == bytes, "{name}");
    }
    assert!(
        !snapshot.values.contains_key(&state("none")),
        "a state that does not exist"
    );
}

/// An envelope that a release has written can be opened for ever.
#[test]
fn the_golden_envelope_opens() {
    let whose = Whose::new();
    let mark: NodeName = "edge-1".parse().unwrap();
    let scope = Scope {
        mark: Some(&mark),
        holder: Some(ClientId([3; 16])),
        ..whose.scope()
    };
    let text = b"in the golden envelope ".repeat(20);
    let head = head(7, &[("a", 3, &text), ("b", 7, b"seven")]);
    let same = sealer()
        .seal(&scope, &head, &states(&["a"]), &BTreeMap::new(), Timestamp(5))
        .unwrap();
    let golden = include_str!("../golden/envelope-1.hex").replace('\n', "");
    assert!(
        !golden.is_empty(),
        "golden/envelope-1.hex may be:\n{}",
        HEXLOWER.encode(&same[&state("a")])
    );
    let bytes = Bytes::from(HEXLOWER.decode(golden.as_bytes()).unwrap());
    let opened = sealer()
        .open(&scope, BTreeMap::from([(state("a"), bytes.clone())]))
        .unwrap();

    // All but the nonce and what follows from it.
    assert_eq!(same[&state("a")][..36], bytes[..36]);
    assert_eq!(same[&state("a")].len(), bytes.len());
    assert_eq!(opened, sealer().open(&scope, same).unwrap());
    assert_eq!(opened[0].value.as_deref(), Some(&text[..]));
    assert_eq!(
        (opened[0].version, opened[0].expires, opened[0].sealed_at),
        (7, Timestamp(9_000), Timestamp(5))
    );
    assert_eq!(
        (&opened[0].mark, opened[0].holder),
        (&Some(mark), Some(ClientId([3; 16])))
    );
}

proptest! {
    #[test]
    fn any_state_comes_back(value in prop::collection::vec(any::<u8>(), 0..5000), repeat in 1usize..20) {
        let value = value.repeat(repeat);
        let opened = open(seal(&head(1, &[("a", 1, &value)]), &["a"])).unwrap();
        prop_assert_eq!(opened[0].value.as_deref(), Some(&value[..]));
    }
}
