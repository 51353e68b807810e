//! With the head in a store (R14).

use super::*;

fn marked(head: &Head) -> Head {
    let commit = Commit {
        expect: Expect::Absent,
        head: head.clone(),
        blobs: BTreeMap::new(),
    };
    leave_bytes_with_client(commit).0.head
}

#[test]
fn under_a_mark_a_used_envelope_is_refused() {
    let (old, new) = (
        head(3, &[("a", 3, b"a3"), ("b", 2, b"b2")]),
        head(4, &[("a", 4, b"a4"), ("b", 2, b"b2")]),
    );
    let declared = states(&["a", "b"]);
    let check = |mark: &Head, envelopes| check_against_mark(mark, open(envelopes).unwrap(), &declared);

    let values = check(&marked(&old), seal(&old, &["a", "b"])).unwrap();
    assert_eq!(values[&state("a")], &b"a3"[..]);
    let mut renewed = seal(&old, &["a", "b"]);
    let error = check(&marked(&new), renewed.clone()).unwrap_err();
    assert_eq!(
        error,
        SealError {
            state: state("a"),
            why: Why::Reused(4)
        }
    );
    // The envelope of the state that was not written since stays good.
    renewed.extend(seal(&new, &["a"]));
    assert_eq!(check(&marked(&new), renewed.clone()).unwrap().len(), 2);
    renewed.remove(&state("b"));
    assert_eq!(check(&marked(&new), renewed).unwrap_err().why, Why::MissingByMark);
    let ahead = check(&marked(&old), seal(&new, &["a", "b"])).unwrap_err();
    assert_eq!(ahead.why, Why::AheadOfMark(4, 0));
    let deleted = head(5, &[("b", 2, b"b2")]);
    assert_eq!(
        check(&marked(&deleted), seal(&new, &["a", "b"])).unwrap_err().why,
        Why::Deleted
    );
    assert_eq!(
        check(&marked(&deleted), seal(&deleted, &["a", "b"]))
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_marked_commit_leaves_replies_in_the_store_and_bytes_to_the_client() {
    let mut commit = Commit {
        expect: Expect::Absent,
        head: head(4, &[("a", 3, b"a3")]),
        blobs: BTreeMap::new(),
    };
    let name = |of| BlobName {
        version: 4,
        commit: id(4),
        of,
    };
    let (large, reply) = (name(BlobOf::State(state("b"))), name(BlobOf::Reply));
    let content = Content::Blob {
        name: large.clone(),
        bytes: 5000,
    };
    commit.head.states.insert(
        state("b"),
        Entry {
            schema: 1,
            commit: id(4),
            version: 4,
            content,
        },
    );
    commit.blobs.insert(large, vec![1; 5000].into());
    commit.blobs.insert(reply.clone(), vec![2; 2000].into());
    let (stored, values) = leave_bytes_with_client(commit.clone());
    assert_eq!(stored.blobs.into_keys().collect::<Vec<_>>(), [reply]);
    assert_eq!(
        stored.head.states[&state("b")].content,
        Content::Held { bytes: 5000 }
    );
    assert_eq!(stored.head.blobs(), BTreeSet::new());
    assert_eq!(
        values.keys().cloned().collect::<BTreeSet<_>>(),
        states(&["a", "b"])
    );

    let whose = Whose::new();
    let sealed = sealer()
        .seal(
            &whose.scope(),
            &stored.head,
            &states(&["a", "b"]),
            &values,
            Timestamp(5),
        )
        .unwrap();
    assert_eq!(
        check_against_mark(&stored.head, open(sealed).unwrap(), &states(&["a", "b"])).unwrap(),
        values
    );
    let error = sealer().seal(
        &whose.scope(),
        &stored.head,
        &states(&["a"]),
        &BTreeMap::new(),
        Timestamp(5),
    );
    assert_eq!(error.unwrap_err().why, Why::NoBytes);
}
