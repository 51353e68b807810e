//! Who becomes a node, and who does not.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use super::world::{HOUR, START, World, name, nobody, refusal, soon};
use crate::peers::enrol::wire::{Answer, Refusal, Request};
use crate::peers::error::{CallError, EnrolError};
use crate::peers::tls;
use crate::peers::trust::{ANY_MEMBER, Authority, Terms, Token, Trust};

#[tokio::test]
async fn a_machine_is_enrolled_by_a_peer_that_cannot_issue_and_needs_no_token_again() {
    let world = World::new();
    let a = world.issuer("a");
    let b = world.enrol("b", &a).await;
    b.knows("a", &a);
    let c = world.enrol("c", &b).await;
    c.knows("b", &b);
    b.knows("c", &c);
    assert_eq!(c.call("b").await.unwrap(), "c");
    assert_eq!(b.call("c").await.unwrap(), "b");
    let key = c.certificate().key;
    drop(c);
    let c = world.again("c");
    assert_eq!(c.certificate().key, key);
    c.knows("b", &b);
    assert_eq!(c.call("b").await.unwrap(), "c");
}

#[tokio::test]
async fn a_peer_that_reaches_no_issuer_says_so() {
    let world = World::new();
    let a = world.issuer("a");
    let b = world.enrol("b", &a).await;
    let c = world.enrol("c", &a).await;
    b.knows("c", &c);
    c.knows("b", &b);
    let error = world
        .stranger("d")
        .join(&[b.at()], &world.token(None), soon())
        .await
        .unwrap_err();
    assert!(
        matches!(&error, EnrolError::NoPeer { tried } if tried.contains("authority's key")),
        "{error}"
    );
}

#[tokio::test]
async fn only_a_token_that_serves_admits() {
    let world = World::new();
    let a = world.issuer("a");
    let b = world.enrol("b", &a).await;
    b.knows("a", &a);
    let join = |node: &str, token: Token| {
        let stranger = world.stranger(node);
        let peer = [b.at()];
        async move { stranger.join(&peer, &token, soon()).await }
    };
    assert_eq!(
        refusal(join("d", world.token(Some("c"))).await),
        Refusal::OtherNode
    );
    let early = world.token(None);
    world.time.set(START.after(HOUR + Duration::from_secs(1)));
    assert_eq!(refusal(join("d", early).await), Refusal::Over);
    let foreign = Authority::new()
        .unwrap()
        .token(None, START.after(HOUR), HOUR)
        .unwrap();
    let error = join("d", foreign).await.unwrap_err();
    assert!(
        matches!(&error, EnrolError::NoPeer { .. }),
        "it trusts another authority: {error}"
    );
    assert!(join("c", world.token(Some("c"))).await.is_ok());
    assert!(join("d", world.token(None)).await.is_ok());
}

#[tokio::test]
async fn a_token_for_any_node_does_not_take_the_place_of_one() {
    let world = World::new();
    let a = world.issuer("a");
    let b = world.enrol("b", &a).await;
    std::fs::remove_dir_all(world.path("b")).unwrap();
    let join = |token: Token| {
        let stranger = world.stranger("b");
        let peer = [a.at()];
        async move { stranger.join(&peer, &token, soon()).await }
    };
    assert_eq!(refusal(join(world.token(None)).await), Refusal::Taken);
    drop((a, b));
    let a = world.issuer("a");
    let stranger = world.stranger("b");
    let joined = stranger.join(&[a.at()], &world.token(None), soon()).await;
    assert_eq!(refusal(joined), Refusal::Taken, "it remembers");
    let stranger = world.stranger("b");
    assert!(
        stranger
            .join(&[a.at()], &world.token(Some("b")), soon())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn without_a_certificate_nothing_is_done_but_enrolment() {
    let world = World::new();
    let a = world.issuer("a");
    let (certificate, _) = a.endpoint.member().trust().own().unwrap();
    let request = Request::Renew {
        certificate: certificate.to_vec(),
        forwarded: false,
    };
    assert!(matches!(
        nobody(&world, &a, &request).await,
        Answer::Refused(Refusal::Foreign)
    ));
    // Nor is a call answered.
    let trusted = vec![world.authority().certificate().clone()];
    let trust = Arc::new(Trust::new(trusted, Terms::default(), world.time.clock()).unwrap());
    let config = quinn::ClientConfig::new(Arc::new(tls::client(&trust, tls::PEER)));
    let endpoint = quinn::Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let connection = endpoint
        .connect_with(config, a.at(), ANY_MEMBER)
        .unwrap()
        .await
        .unwrap();
    let closed = connection.closed().await;
    assert!(closed.to_string().contains("no certificate"), "{closed}");
}

#[tokio::test]
async fn a_peer_that_is_forgotten_is_called_no_more() {
    let world = World::new();
    let a = world.issuer("a");
    let b = world.enrol("b", &a).await;
    b.knows("a", &a);
    assert_eq!(b.call("a").await.unwrap(), "b");
    b.endpoint.forget(&name("a"));
    assert!(matches!(b.call("a").await, Err(CallError::Unknown { .. })));
    b.knows("a", &a);
    assert_eq!(b.call("a").await.unwrap(), "b");
}
