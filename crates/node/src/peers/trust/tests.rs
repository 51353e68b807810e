//! What is certified, granted and revoked, without a network.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fogline_core::model::{NodeName, Timestamp};
use rcgen::{KeyPair, PublicKeyData};
use rustls::CertificateError;
use rustls::pki_types::CertificateDer;

use super::revocation::{MAX_REVOKED, Revoked, SKEW};
use super::signed::{Kind, Signed};
use super::{Authority, Facts, Terms, Token, Trust, Verifier};
use crate::peers::error::IdentityError;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Some day in 2026.
const START: Timestamp = Timestamp(1_790_000_000_000);

fn name(text: &str) -> NodeName {
    text.parse().unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Trusts an authority, at a time that can be changed.
fn trust(authority: &Authority, now: Timestamp) -> (Arc<Trust>, Arc<AtomicU64>) {
    let time = Arc::new(AtomicU64::new(now.0));
    let clock = Arc::clone(&time);
    let clock = Arc::new(move || Timestamp(clock.load(Ordering::Relaxed)));
    let authority = vec![authority.certificate().clone()];
    let trust = Trust::new(authority, Terms::default(), clock).unwrap();
    (Arc::new(trust), time)
}

fn certificate(authority: &Authority, node: &str, from: Timestamp) -> CertificateDer<'static> {
    let key = KeyPair::generate().unwrap();
    authority
        .certify(&name(node), key.der_bytes(), from, DAY)
        .unwrap()
}

#[test]
fn an_authority_survives_its_files_and_writes_over_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let made = Authority::new().unwrap();
    made.save(folder.path()).unwrap();
    assert_eq!(mode(&folder.path().join("authority.key")), 0o600);
    assert!(made.save(folder.path()).is_err());
    let loaded = Authority::load(folder.path()).unwrap();
    let (trust, _) = trust(&made, START);
    let issued = certificate(&loaded, "a", START);
    assert_eq!(Verifier(trust).member(&issued).unwrap().node, name("a"));
    assert_eq!(loaded.secret(), made.secret());
    assert_ne!(Authority::new().unwrap().secret(), made.secret());
    assert!(
        !format!("{loaded:?}").contains("PRIVATE"),
        "a key has no place in a log"
    );
}

#[test]
fn files_of_two_authorities_do_not_make_one() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Authority::new().unwrap().save(one.path()).unwrap();
    Authority::new().unwrap().save(other.path()).unwrap();
    let key = other.path().join("authority.key");
    std::fs::copy(key, one.path().join("authority.key")).unwrap();
    let error = Authority::load(one.path()).unwrap_err();
    assert!(matches!(error, IdentityError::Unfit { .. }), "{error}");
}

#[test]
fn a_certificate_says_whom_it_is_for_and_how_long_it_serves() {
    let authority = Authority::new().unwrap();
    let key = KeyPair::generate().unwrap();
    let issued = authority
        .certify(&name("edge-1"), key.der_bytes(), START, DAY)
        .unwrap();
    let facts = super::member(&issued).unwrap();
    let expected = Facts {
        node: name("edge-1"),
        issued: START,
        end: START.after(DAY),
        key: key.der_bytes().to_vec(),
    };
    assert_eq!(facts, expected);
    assert!(
        super::member(authority.certificate()).is_err(),
        "an authority is no node"
    );
}

#[test]
fn the_clock_may_be_wrong_within_what_the_node_knows_of_the_time() {
    let authority = Authority::new().unwrap();
    let (trust, time) = trust(&authority, Timestamp(0));
    let judge =
        |issued: Timestamp| Verifier(Arc::clone(&trust)).member(&certificate(&authority, "b", issued));
    assert!(
        judge(START).is_ok(),
        "from the future, as a board in 1970 sees it"
    );
    let own = KeyPair::generate().unwrap();
    let shown = authority
        .certify(&name("a"), own.der_bytes(), START.after(DAY), DAY)
        .unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(own.serialize_der());
    trust.show(vec![shown], key.into()).unwrap();
    assert_eq!(
        trust.now(),
        START.after(DAY),
        "it is not earlier than the own certificate"
    );
    trust.not_before(START.after(2 * DAY));
    assert_eq!(trust.now(), START.after(2 * DAY), "nor than the floor");
    trust.not_before(START);
    assert_eq!(trust.now(), START.after(2 * DAY), "which does not sink");
    time.store(START.after(3 * DAY).0, Ordering::Relaxed);
    assert_eq!(trust.now(), START.after(3 * DAY));
}

#[test]
fn a_certificate_is_accepted_through_its_grace_and_no_longer() {
    let authority = Authority::new().unwrap();
    let (trust, time) = trust(&authority, START);
    let certificate = certificate(&authority, "b", START);
    let judge = |after: Duration| {
        time.store(START.after(after).0, Ordering::Relaxed);
        Verifier(Arc::clone(&trust)).member(&certificate).map(|_| ())
    };
    let second = Duration::from_secs(1);
    for good in [Duration::ZERO, DAY - second, DAY + second, 8 * DAY] {
        assert_eq!(judge(good), Ok(()), "after {good:?}");
    }
    for over in [8 * DAY + second, 400 * DAY] {
        let error = judge(over).unwrap_err();
        let expired = matches!(
            &error,
            rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { .. })
        );
        assert!(expired, "after {over:?}: {error}");
    }
}

#[test]
fn a_token_survives_its_text_and_nothing_else_passes_for_one() {
    let authority = Authority::new().unwrap();
    let text = authority.token(Some(&name("a")), START, HOUR).unwrap().text();
    assert!(!text.contains(char::is_whitespace), "it is one line");
    let token: Token = format!(" {text}\n").parse().unwrap();
    assert_eq!(token.authority(), authority.certificate());
    let (trust, _) = trust(&authority, START);
    let (grant, wish) = token
        .apply(&name("a"), &[4; 65])
        .unwrap()
        .open(trust.keys())
        .unwrap();
    assert_eq!((grant.from, grant.until), (START, START.after(HOUR)));
    assert_eq!(
        (grant.node, wish.node, wish.key),
        (Some(name("a")), name("a"), vec![4; 65])
    );
    for wrong in [
        "",
        "token",
        &text[1..],
        &text[..text.len() - 8],
        &format!("{text}x"),
    ] {
        assert!(wrong.parse::<Token>().is_err(), "{wrong}");
    }
}

#[test]
fn whoever_passes_an_application_on_cannot_enrol_another_node_with_it() {
    let (authority, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let token = authority.token(None, START, HOUR).unwrap();
    let (trust, _) = trust(&authority, START);
    let application = token.apply(&name("a"), &[4; 65]).unwrap();
    assert!(application.open(trust.keys()).is_some());
    let seen = postcard::to_stdvec(&application).unwrap();
    let at = seen.windows(65).position(|key| key == [4; 65]).unwrap();
    let mut changed = seen.clone();
    changed[at + 1] ^= 1;
    let changed: super::Application = postcard::from_bytes(&changed).unwrap();
    assert!(changed.open(trust.keys()).is_none(), "with another key");
    let foreign = other.token(None, START, HOUR).unwrap();
    let foreign = foreign.apply(&name("a"), &[4; 65]).unwrap();
    assert!(foreign.open(trust.keys()).is_none(), "another authority's grant");
}

#[test]
fn a_statement_of_one_kind_does_not_pass_for_another() {
    let key = KeyPair::generate().unwrap();
    let signed = Signed::new(Kind::Application, &7_u32, &key).unwrap();
    let open = |kind| signed.open::<u32>(kind, [key.der_bytes()]);
    assert_eq!(open(Kind::Application), Some(7));
    assert_eq!((open(Kind::Revocation), open(Kind::Grant)), (None, None));
}

#[test]
fn a_revocation_voids_what_was_issued_until_then_and_no_other_node_s() {
    let authority = Authority::new().unwrap();
    let mut revoked = Revoked::default();
    assert!(revoked.add(authority.revoke(&name("b"), START).unwrap()));
    let facts = |node: &str, issued| super::member(&certificate(&authority, node, issued)).unwrap();
    assert!(revoked.voids(&facts("b", Timestamp(0))));
    assert!(
        revoked.voids(&facts("b", START.after(SKEW))),
        "issued by a clock that is ahead"
    );
    assert!(!revoked.voids(&facts("c", START)));
    let next = revoked.earliest(&name("b"), START);
    assert!(
        !revoked.voids(&facts("b", next)),
        "it may be enrolled again at once"
    );
    assert_eq!(revoked.earliest(&name("c"), START), START);
    assert!(revoked.voids_token(&name("b"), START) && !revoked.voids_token(&name("b"), START.after(HOUR)));
    assert!(
        !revoked.add(authority.revoke(&name("b"), START).unwrap()),
        "nothing new"
    );
    assert!(revoked.add(authority.revoke(&name("b"), START.after(HOUR)).unwrap()));
}

#[test]
fn revocations_survive_their_file_unless_another_has_signed_them() {
    let (authority, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let (trust, _) = trust(&authority, START);
    let mut revoked = Revoked::default();
    for node in ["b", "c"] {
        revoked.add(authority.revoke(&name(node), START).unwrap());
    }
    revoked.add(other.revoke(&name("d"), START).unwrap());
    let read = Revoked::read(&format!("{}nonsense\n", revoked.text()), trust.keys());
    let nodes: Vec<&NodeName> = read.iter().map(super::Revocation::node).collect();
    assert_eq!(nodes, [&name("b"), &name("c")]);
}

#[test]
fn revocations_end_with_the_certificates_that_they_are_about() {
    let authority = Authority::new().unwrap();
    let mut revoked = Revoked::default();
    revoked.add(authority.revoke(&name("b"), START).unwrap());
    assert!(!revoked.prune(START.after(8 * DAY), 8 * DAY));
    assert!(revoked.prune(START.after(8 * DAY + 2 * SKEW), 8 * DAY));
    assert_eq!(revoked.iter().count(), 0);
}

#[test]
fn a_full_list_keeps_the_latest_and_fits_into_what_is_read_at_once() {
    let authority = Authority::new().unwrap();
    let mut revoked = Revoked::default();
    let node = |index: usize| name(&format!("a-node-with-the-longest-of-all-names-{index:0>26}"));
    for index in 0..=MAX_REVOKED {
        let at = START.after(Duration::from_secs(index as u64));
        revoked.add(authority.revoke(&node(index), at).unwrap());
    }
    assert_eq!(revoked.iter().count(), MAX_REVOKED);
    assert!(
        revoked.iter().all(|it| *it.node() != node(0)),
        "the oldest is forgotten"
    );
    let list: Vec<&Signed> = revoked.iter().map(super::Revocation::signed).collect();
    assert!(postcard::to_stdvec(&list).unwrap().len() < crate::peers::notice::MAX_LIST);
}
