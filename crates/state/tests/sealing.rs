//! The client as a home: what is sealed comes back, and everything else is refused for a stated reason.

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
        Self { app: "shop".parse().unwrap(), session }
    }

    fn scope(&self) -> Scope<'_> {
        Scope { app: &self.app, session: &self.session, part: Birth::InClient, holder: None, mark: None }
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
        let entry = Entry { schema: 2, commit: id((*at).into()), version: *at, content };
        head.states.insert(state(name), entry);
    }
    head
}

fn seal(head: &Head, names: &[&str]) -> BTreeMap<StateName, Bytes> {
    let whose = Whose::new();
    sealer().seal(&whose.scope(), head, &states(names), &BTreeMap::new(), Timestamp(5)).unwrap()
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
    let written = [("a", 3, &b"one"[..]), ("b", 7, &large), ("c", 5, &text), ("empty", 2, b"")];
    let sealed_head = head(7, &written);
    let envelopes = seal(&sealed_head, &["a", "b", "c", "empty", "none"]);
    assert_eq!(envelopes.len(), 5);
    assert!(envelopes[&state("c")].len() < text.len() / 4, "what can be compressed is");

    let snapshot = assemble(open(envelopes).unwrap(), &states(&["a", "none"])).unwrap().unwrap();
    assert_eq!(snapshot.head, sealed_head);
    for (name, _, bytes) in written {
        assert!(snapshot.values[&state(name)] == bytes, "{name}");
    }
    assert!(!snapshot.values.contains_key(&state("none")), "a state that does not exist");
}

#[test]
fn a_step_that_declares_one_state_keeps_the_knowledge_of_the_others() {
    let all = head(7, &[("a", 3, b"one"), ("b", 7, b"seven")]);
    let mut envelopes = seal(&all, &["a", "b"]);
    envelopes.remove(&state("b"));
    let snapshot = assemble(open(envelopes).unwrap(), &states(&["a"])).unwrap().unwrap();
    assert_eq!(snapshot.head.states[&state("b")].content, Content::Held { bytes: 5 });
    assert_eq!(snapshot.head.states[&state("b")].commit, id(7));
    assert_eq!(assemble(Vec::new(), &states(&["a"])).unwrap(), None, "nothing came");
}

#[test]
fn a_foreign_envelope_is_refused_with_the_reason() {
    let whose = Whose::new();
    let scope = whose.scope();
    let envelope = seal(&head(1, &[("a", 1, b"secret")]), &["a"]).remove(&state("a")).unwrap();
    let refused = |sealer: &Sealer, scope: &Scope<'_>| refusal(sealer, scope, "a", &envelope);

    let tenant: TenantName = "other".parse().unwrap();
    assert_eq!(refused(&Sealer::new(tenant, Keyring::of(1, [42; 32])), &scope), Why::OtherTenant);
    let acme: TenantName = "acme".parse().unwrap();
    assert_eq!(refused(&Sealer::new(acme.clone(), Keyring::of(2, [42; 32])), &scope), Why::UnknownKey(1));
    assert_eq!(refused(&Sealer::new(acme, Keyring::of(1, [43; 32])), &scope), Why::OtherKey(1));
    let other = "shop-2".parse().unwrap();
    assert_eq!(refused(&sealer(), &Scope { app: &other, ..scope }), Why::OtherApp);
    let other = SessionId::mint("edge-1".parse().unwrap(), vec![Birth::InClient], [8; 16]).unwrap();
    assert_eq!(refused(&sealer(), &Scope { session: &other, ..scope }), Why::OtherSession);
    let part = Birth::InClientMarked;
    assert_eq!(refused(&sealer(), &Scope { part, ..scope }), Why::OtherPart(part));
    assert_eq!(refusal(&sealer(), &scope, "b", &envelope), Why::OtherState);
    let error = sealer().open(&scope, BTreeMap::from([(state("b"), envelope)])).unwrap_err();
    assert_eq!(error.to_string(), "the envelope of the state b was sealed for another state");
}

#[test]
fn only_the_holder_may_present_what_was_sealed_for_a_holder() {
    let whose = Whose::new();
    let (ours, theirs) = (ClientId([1; 16]), ClientId([2; 16]));
    let scope = Scope { holder: Some(ours), ..whose.scope() };
    let sealed = sealer().seal(&scope, &head(1, &[("a", 1, b"x")]), &states(&["a"]), &BTreeMap::new(), Timestamp(5));
    let sealed = sealed.unwrap();
    assert_eq!(sealer().open(&scope, sealed.clone()).unwrap()[0].holder, Some(ours));
    for holder in [Some(theirs), None] {
        let error = sealer().open(&Scope { holder, ..scope }, sealed.clone()).unwrap_err();
        assert_eq!(error.why, Why::OtherHolder);
    }
}

#[test]
fn a_cut_or_changed_envelope_is_refused_wherever_that_is() {
    let whose = Whose::new();
    let envelope = seal(&head(1, &[("a", 1, b"secret"), ("b", 1, b"more")]), &["a"]).remove(&state("a")).unwrap();
    for length in 0..envelope.len() {
        let why = refusal(&sealer(), &whose.scope(), "a", &envelope[..length]);
        assert!(matches!(why, Why::Cut(..) | Why::Damaged), "cut to {length}: {why:?}");
    }
    for at in 0..envelope.len() {
        for bit in 0..8 {
            let mut changed = envelope.to_vec();
            changed[at] ^= 1 << bit;
            refusal(&sealer(), &whose.scope(), "a", &changed);
        }
    }
    let mut longer = envelope.to_vec();
    longer.push(0);
    assert_eq!(refusal(&sealer(), &whose.scope(), "a", &longer), Why::Damaged);
    let mut format = envelope.to_vec();
    format[0] = 2;
    assert_eq!(refusal(&sealer(), &whose.scope(), "a", &format), Why::UnknownFormat(2));
    let mut algorithm = envelope.to_vec();
    algorithm[1] = 9;
    assert_eq!(refusal(&sealer(), &whose.scope(), "a", &algorithm), Why::UnknownAlgorithm(9));
    let huge = vec![1; 9 << 20];
    assert!(matches!(refusal(&sealer(), &whose.scope(), "a", &huge), Why::TooLarge(..)));
}

#[test]
fn an_envelope_older_than_its_siblings_know_is_refused() {
    let first = seal(&head(3, &[("a", 2, b"old"), ("b", 3, b"b3")]), &["a", "b"]);
    let second = seal(&head(5, &[("a", 4, b"new"), ("b", 5, b"b5")]), &["a", "b"]);
    let mix = |a: &BTreeMap<_, Bytes>, b: &BTreeMap<_, Bytes>| {
        BTreeMap::from([(state("a"), a[&state("a")].clone()), (state("b"), b[&state("b")].clone())])
    };
    assert_eq!(open(mix(&second, &second)).unwrap().len(), 2);
    let error = open(mix(&first, &second)).unwrap_err();
    assert_eq!(error, SealError { state: state("a"), why: Why::OlderSibling(state("b")) });
    let error = open(mix(&second, &first)).unwrap_err();
    assert_eq!(error, SealError { state: state("b"), why: Why::OlderSibling(state("a")) });
    // An older envelope of a state that was not written since is the current one.
    let third = seal(&head(6, &[("a", 4, b"new"), ("b", 6, b"b6")]), &["b"]);
    assert_eq!(open(mix(&second, &third)).unwrap().len(), 2);
    // One that says that there is no such state, from before it was made.
    let absent = seal(&head(3, &[("b", 3, b"b3")]), &["a"]);
    assert_eq!(open(mix(&absent, &second)).unwrap_err().why, Why::OlderSibling(state("b")));
}

#[test]
fn two_writes_of_one_version_are_a_fork() {
    let mut other = head(5, &[("a", 5, b"theirs"), ("b", 5, b"b5")]);
    other.states.get_mut(&state("a")).unwrap().commit = id(999);
    let ours = seal(&head(5, &[("a", 5, b"ours"), ("b", 5, b"b5")]), &["a"]);
    let theirs = seal(&other, &["b"]);
    assert_eq!(open(ours.into_iter().chain(theirs).collect()).unwrap_err().why, Why::Forked(state("b")));
}

#[test]
fn concurrent_steps_that_wrote_different_states_come_together() {
    let mut left = head(5, &[("a", 5, b"left"), ("b", 3, b"base")]);
    let mut right = head(5, &[("a", 2, b"base"), ("b", 5, b"right"), ("made", 5, b"new")]);
    (left.commit, right.commit) = (id(51), id(52));
    left.states.get_mut(&state("a")).unwrap().commit = id(51);
    right.states.get_mut(&state("b")).unwrap().commit = id(52);
    let envelopes = seal(&left, &["a"]).into_iter().chain(seal(&right, &["b", "made"])).collect();
    let joined = assemble(open(envelopes).unwrap(), &states(&["a", "b", "made"])).unwrap().unwrap();
    let values: Vec<_> = joined.values.values().map(|value| &value[..]).collect();
    assert_eq!(values, [&b"left"[..], b"right", b"new"]);
    assert_eq!(joined.head.version, 5);
    assert_eq!(joined.head.states[&state("a")].commit, id(51));
}

#[test]
fn a_declared_state_that_exists_must_come() {
    let mut envelopes = seal(&head(7, &[("a", 3, b"one"), ("b", 7, b"seven")]), &["a", "b"]);
    envelopes.remove(&state("b"));
    let error = assemble(open(envelopes).unwrap(), &states(&["a", "b"])).unwrap_err();
    assert_eq!(error, SealError { state: state("b"), why: Why::Missing(state("a")) });
}

fn marked(head: &Head) -> Head {
    let commit = Commit { expect: Expect::Absent, head: head.clone(), blobs: BTreeMap::new() };
    leave_bytes_with_client(commit).0.head
}

#[test]
fn under_a_mark_a_used_envelope_is_refused() {
    let (old, new) = (head(3, &[("a", 3, b"a3"), ("b", 2, b"b2")]), head(4, &[("a", 4, b"a4"), ("b", 2, b"b2")]));
    let declared = states(&["a", "b"]);
    let check = |mark: &Head, envelopes| check_against_mark(mark, open(envelopes).unwrap(), &declared);

    let values = check(&marked(&old), seal(&old, &["a", "b"])).unwrap();
    assert_eq!(values[&state("a")], &b"a3"[..]);
    let mut renewed = seal(&old, &["a", "b"]);
    let error = check(&marked(&new), renewed.clone()).unwrap_err();
    assert_eq!(error, SealError { state: state("a"), why: Why::Reused(4) });
    // The envelope of the state that was not written since stays good.
    renewed.extend(seal(&new, &["a"]));
    assert_eq!(check(&marked(&new), renewed.clone()).unwrap().len(), 2);
    renewed.remove(&state("b"));
    assert_eq!(check(&marked(&new), renewed).unwrap_err().why, Why::MissingByMark);
    let ahead = check(&marked(&old), seal(&new, &["a", "b"])).unwrap_err();
    assert_eq!(ahead.why, Why::AheadOfMark(4, 0));
    let deleted = head(5, &[("b", 2, b"b2")]);
    assert_eq!(check(&marked(&deleted), seal(&new, &["a", "b"])).unwrap_err().why, Why::Deleted);
    assert_eq!(check(&marked(&deleted), seal(&deleted, &["a", "b"])).unwrap().len(), 1);
}

#[test]
fn a_marked_commit_leaves_replies_in_the_store_and_bytes_to_the_client() {
    let mut commit = Commit { expect: Expect::Absent, head: head(4, &[("a", 3, b"a3")]), blobs: BTreeMap::new() };
    let name = |of| BlobName { version: 4, commit: id(4), of };
    let (large, reply) = (name(BlobOf::State(state("b"))), name(BlobOf::Reply));
    let content = Content::Blob { name: large.clone(), bytes: 5000 };
    commit.head.states.insert(state("b"), Entry { schema: 1, commit: id(4), version: 4, content });
    commit.blobs.insert(large, vec![1; 5000].into());
    commit.blobs.insert(reply.clone(), vec![2; 2000].into());
    let (stored, values) = leave_bytes_with_client(commit.clone());
    assert_eq!(stored.blobs.into_keys().collect::<Vec<_>>(), [reply]);
    assert_eq!(stored.head.states[&state("b")].content, Content::Held { bytes: 5000 });
    assert_eq!(stored.head.blobs(), BTreeSet::new());
    assert_eq!(values.keys().cloned().collect::<BTreeSet<_>>(), states(&["a", "b"]));

    let whose = Whose::new();
    let sealed = sealer().seal(&whose.scope(), &stored.head, &states(&["a", "b"]), &values, Timestamp(5)).unwrap();
    assert_eq!(check_against_mark(&stored.head, open(sealed).unwrap(), &states(&["a", "b"])).unwrap(), values);
    let error = sealer().seal(&whose.scope(), &stored.head, &states(&["a"]), &BTreeMap::new(), Timestamp(5));
    assert_eq!(error.unwrap_err().why, Why::NoBytes);
}

#[test]
fn networks_with_the_same_key_serve_one_session_in_turn_and_keys_can_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (old_file, new_file) = (folder.path().join("old.keys"), folder.path().join("new.keys"));
    let old = Keyring::generate();
    old.save(&old_file).unwrap();
    old.clone().with(2, [9; 32]).save(&new_file).unwrap();
    let network = |file| Sealer::new("acme".parse().unwrap(), Keyring::load(file).unwrap());
    let (here, there) = (network(&old_file), network(&new_file));
    let (whose, head, a) = (Whose::new(), head(1, &[("a", 1, b"x")]), states(&["a"]));
    let scope = whose.scope();

    let sealed = here.seal(&scope, &head, &a, &BTreeMap::new(), Timestamp(5)).unwrap();
    assert_eq!(there.open(&scope, sealed).unwrap()[0].value.as_deref(), Some(&b"x"[..]));
    let sealed = there.seal(&scope, &head, &a, &BTreeMap::new(), Timestamp(5)).unwrap();
    assert_eq!(here.open(&scope, sealed).unwrap_err().why, Why::UnknownKey(2), "not there yet");
    assert_ne!(Keyring::generate(), Keyring::generate());
    assert_eq!(format!("{old:?}"), "[1]", "no key reaches a log");
}

#[test]
fn a_key_file_is_private_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tenant.keys");
    let write = |text: &str, mode| {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        Keyring::load(&path)
    };
    let key = "ab".repeat(32);
    let good = format!("# acme's\n\n1 {key}\n  7\t{}  # new\n", key.to_uppercase());
    assert_eq!(write(&good, 0o600).unwrap(), Keyring::of(1, [0xab; 32]).with(7, [0xab; 32]));
    for mode in [0o640, 0o604, 0o644] {
        assert!(matches!(write(&good, mode), Err(KeyFileError::Exposed { .. })), "{mode:o}");
    }
    for (text, at) in [
        ("1 abc\n".to_owned(), 1),
        (format!("1 {key}\nx {key}\n"), 2),
        (format!("1 {key}\n1 {key}\n"), 2),
        (format!("\n{key}\n"), 2),
        (format!("4294967296 {key}\n"), 1),
    ] {
        let error = write(&text, 0o600).unwrap_err();
        assert!(matches!(error, KeyFileError::BadLine { line, .. } if line == at), "{error:?}");
        assert!(!error.to_string().contains("abab"), "a key must not be shown: {error}");
    }
    assert!(matches!(write("# none\n", 0o600), Err(KeyFileError::Empty { .. })));
    let again = Keyring::generate().save(&path);
    assert!(matches!(again, Err(KeyFileError::Io { .. })), "a key file is never written over");
    assert!(matches!(Keyring::load(&folder.path().join("none")), Err(KeyFileError::Io { .. })));
}

/// An envelope that a release has written can be opened for ever.
#[test]
fn the_golden_envelope_opens() {
    let whose = Whose::new();
    let mark: NodeName = "edge-1".parse().unwrap();
    let scope = Scope { mark: Some(&mark), holder: Some(ClientId([3; 16])), ..whose.scope() };
    let text = b"in the golden envelope ".repeat(20);
    let head = head(7, &[("a", 3, &text), ("b", 7, b"seven")]);
    let same = sealer().seal(&scope, &head, &states(&["a"]), &BTreeMap::new(), Timestamp(5)).unwrap();
    let golden = include_str!("golden/envelope-1.hex").replace('\n', "");
    assert!(!golden.is_empty(), "golden/envelope-1.hex may be:\n{}", HEXLOWER.encode(&same[&state("a")]));
    let bytes = Bytes::from(HEXLOWER.decode(golden.as_bytes()).unwrap());
    let opened = sealer().open(&scope, BTreeMap::from([(state("a"), bytes.clone())])).unwrap();

    // All but the nonce and what follows from it.
    assert_eq!(same[&state("a")][..36], bytes[..36]);
    assert_eq!(same[&state("a")].len(), bytes.len());
    assert_eq!(opened, sealer().open(&scope, same).unwrap());
    assert_eq!(opened[0].value.as_deref(), Some(&text[..]));
    assert_eq!((opened[0].version, opened[0].expires, opened[0].sealed_at), (7, Timestamp(9_000), Timestamp(5)));
    assert_eq!((&opened[0].mark, opened[0].holder), (&Some(mark), Some(ClientId([3; 16]))));
}

proptest! {
    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(open(BTreeMap::from([(state("a"), Bytes::from(bytes))])).is_err());
    }

    #[test]
    fn any_bytes_behind_a_good_beginning_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let good = seal(&head(1, &[("a", 1, b"secret")]), &["a"]).remove(&state("a")).unwrap();
        let forged = [&good[..48], &bytes].concat();
        prop_assert!(open(BTreeMap::from([(state("a"), Bytes::from(forged))])).is_err());
    }

    #[test]
    fn any_state_comes_back(value in prop::collection::vec(any::<u8>(), 0..5000), repeat in 1usize..20) {
        let value = value.repeat(repeat);
        let opened = open(seal(&head(1, &[("a", 1, &value)]), &["a"])).unwrap();
        prop_assert_eq!(opened[0].value.as_deref(), Some(&value[..]));
    }
}
