//! Envelopes that come together (R14).

use super::*;

#[test]
fn a_step_that_declares_one_state_keeps_the_knowledge_of_the_others() {
    let all = head(7, &[("a", 3, b"one"), ("b", 7, b"seven")]);
    let mut envelopes = seal(&all, &["a", "b"]);
    envelopes.remove(&state("b"));
    let snapshot = assemble(open(envelopes).unwrap(), &states(&["a"]))
        .unwrap()
        .unwrap();
    assert_eq!(
        snapshot.head.states[&state("b")].content,
        Content::Held { bytes: 5 }
    );
    assert_eq!(snapshot.head.states[&state("b")].commit, id(7));
    assert_eq!(
        assemble(Vec::new(), &states(&["a"])).unwrap(),
        None,
        "nothing came"
    );
}

#[test]
fn an_envelope_older_than_its_siblings_know_is_refused() {
    let first = seal(&head(3, &[("a", 2, b"old"), ("b", 3, b"b3")]), &["a", "b"]);
    let second = seal(&head(5, &[("a", 4, b"new"), ("b", 5, b"b5")]), &["a", "b"]);
    let mix = |a: &BTreeMap<_, Bytes>, b: &BTreeMap<_, Bytes>| {
        BTreeMap::from([
            (state("a"), a[&state("a")].clone()),
            (state("b"), b[&state("b")].clone()),
        ])
    };
    assert_eq!(open(mix(&second, &second)).unwrap().len(), 2);
    let error = open(mix(&first, &second)).unwrap_err();
    assert_eq!(
        error,
        SealError {
            state: state("a"),
            why: Why::OlderSibling(state("b"))
        }
    );
    let error = open(mix(&second, &first)).unwrap_err();
    assert_eq!(
        error,
        SealError {
            state: state("b"),
            why: Why::OlderSibling(state("a"))
        }
    );
    // An older envelope of a state that was not written since is the current one.
    let third = seal(&head(6, &[("a", 4, b"new"), ("b", 6, b"b6")]), &["b"]);
    assert_eq!(open(mix(&second, &third)).unwrap().len(), 2);
    // One that says that there is no such state, from before it was made.
    let absent = seal(&head(3, &[("b", 3, b"b3")]), &["a"]);
    assert_eq!(
        open(mix(&absent, &second)).unwrap_err().why,
        Why::OlderSibling(state("b"))
    );
}

#[test]
fn two_writes_of_one_version_are_a_fork() {
    let mut other = head(5, &[("a", 5, b"theirs"), ("b", 5, b"b5")]);
    other.states.get_mut(&state("a")).unwrap().commit = id(999);
    let ours = seal(&head(5, &[("a", 5, b"ours"), ("b", 5, b"b5")]), &["a"]);
    let theirs = seal(&other, &["b"]);
    assert_eq!(
        open(ours.into_iter().chain(theirs).collect()).unwrap_err().why,
        Why::Forked(state("b"))
    );
}

#[test]
fn concurrent_steps_that_wrote_different_states_come_together() {
    let mut left = head(5, &[("a", 5, b"left"), ("b", 3, b"base")]);
    let mut right = head(5, &[("a", 2, b"base"), ("b", 5, b"right"), ("made", 5, b"new")]);
    (left.commit, right.commit) = (id(51), id(52));
    left.states.get_mut(&state("a")).unwrap().commit = id(51);
    right.states.get_mut(&state("b")).unwrap().commit = id(52);
    let envelopes = seal(&left, &["a"])
        .into_iter()
        .chain(seal(&right, &["b", "made"]))
        .collect();
    let joined = assemble(open(envelopes).unwrap(), &states(&["a", "b", "made"]))
        .unwrap()
        .unwrap();
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
    assert_eq!(
        error,
        SealError {
            state: state("b"),
            why: Why::Missing(state("a"))
        }
    );
}
