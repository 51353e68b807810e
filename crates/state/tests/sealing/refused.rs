//! What is not for this scope, or not whole.

use super::*;

#[test]
fn a_foreign_envelope_is_refused_with_the_reason() {
    let whose = Whose::new();
    let scope = whose.scope();
    let envelope = seal(&head(1, &[("a", 1, b"secret")]), &["a"])
        .remove(&state("a"))
        .unwrap();
    let refused = |sealer: &Sealer, scope: &Scope<'_>| refusal(sealer, scope, "a", &envelope);

    let tenant: TenantName = "other".parse().unwrap();
    assert_eq!(
        refused(&Sealer::new(tenant, Keyring::of(1, [42; 32])), &scope),
        Why::OtherTenant
    );
    let acme: TenantName = "acme".parse().unwrap();
    assert_eq!(
        refused(&Sealer::new(acme.clone(), Keyring::of(2, [42; 32])), &scope),
        Why::UnknownKey(1)
    );
    assert_eq!(
        refused(&Sealer::new(acme, Keyring::of(1, [43; 32])), &scope),
        Why::OtherKey(1)
    );
    let other = "shop-2".parse().unwrap();
    assert_eq!(refused(&sealer(), &Scope { app: &other, ..scope }), Why::OtherApp);
    let other = SessionId::mint("edge-1".parse().unwrap(), vec![Birth::InClient], [8; 16]).unwrap();
    assert_eq!(
        refused(
            &sealer(),
            &Scope {
                session: &other,
                ..scope
            }
        ),
        Why::OtherSession
    );
    let part = Birth::InClientMarked;
    assert_eq!(refused(&sealer(), &Scope { part, ..scope }), Why::OtherPart(part));
    assert_eq!(refusal(&sealer(), &scope, "b", &envelope), Why::OtherState);
    let error = sealer()
        .open(&scope, BTreeMap::from([(state("b"), envelope)]))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the envelope of the state b was sealed for another state"
    );
}

#[test]
fn only_the_holder_may_present_what_was_sealed_for_a_holder() {
    let whose = Whose::new();
    let (ours, theirs) = (ClientId([1; 16]), ClientId([2; 16]));
    let scope = Scope {
        holder: Some(ours),
        ..whose.scope()
    };
    let sealed = sealer().seal(
        &scope,
        &head(1, &[("a", 1, b"x")]),
        &states(&["a"]),
        &BTreeMap::new(),
        Timestamp(5),
    );
    let sealed = sealed.unwrap();
    assert_eq!(
        sealer().open(&scope, sealed.clone()).unwrap()[0].holder,
        Some(ours)
    );
    for holder in [Some(theirs), None] {
        let error = sealer()
            .open(&Scope { holder, ..scope }, sealed.clone())
            .unwrap_err();
        assert_eq!(error.why, Why::OtherHolder);
    }
}

#[test]
fn a_cut_or_changed_envelope_is_refused_wherever_that_is() {
    let whose = Whose::new();
    let envelope = seal(&head(1, &[("a", 1, b"secret"), ("b", 1, b"more")]), &["a"])
        .remove(&state("a"))
        .unwrap();
    for length in 0..envelope.len() {
        let why = refusal(&sealer(), &whose.scope(), "a", &envelope[..length]);
        assert!(
            matches!(why, Why::Cut(..) | Why::Damaged),
            "cut to {length}: {why:?}"
        );
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
    assert_eq!(
        refusal(&sealer(), &whose.scope(), "a", &format),
        Why::UnknownFormat(2)
    );
    let mut algorithm = envelope.to_vec();
    algorithm[1] = 9;
    assert_eq!(
        refusal(&sealer(), &whose.scope(), "a", &algorithm),
        Why::UnknownAlgorithm(9)
    );
    let huge = vec![1; 9 << 20];
    assert!(matches!(
        refusal(&sealer(), &whose.scope(), "a", &huge),
        Why::TooLarge(..)
    ));
}

proptest! {
    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(open(BTreeMap::from([(state("a"), Bytes::from(bytes))])).is_err());
    }

    #[test]
    fn any_bytes_behind_a_good_beginning_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let good = seal(&head(1, &[("a", 1, b"secret")]), &["a"]).remove(&state("a")).unwrap();
        let forged = [&good[..68], &bytes].concat();
        prop_assert!(open(BTreeMap::from([(state("a"), Bytes::from(forged))])).is_err());
    }
}
