//! Nodes that are thrown out.

use std::time::Duration;

use super::world::{Node, START, World, name, nobody, refusal, soon};
use crate::peers::enrol::wire::{Answer, Refusal, Request};
use crate::peers::error::EnrolError;
use crate::peers::trust::Authority;

/// How QUIC shows TLS's alert certificate_revoked (RFC 8446, 6).
const ALERT_REVOKED: &str = "error 44";

#[tokio::test]
async fn a_revoked_node_is_refused_everywhere_also_by_a_peer_that_was_away() {
    let world = World::new();
    let a = world.issuer("a");
    let (b, c, d) = (
        world.enrol("b", &a).await,
        world.enrol("c", &a).await,
        world.enrol("d", &a).await,
    );
    drop(d);
    for (node, peers) in [
        (&a, [("b", &b), ("c", &c)]),
        (&b, [("a", &a), ("c", &c)]),
        (&c, [("a", &a), ("b", &b)]),
    ] {
        for (peer, at) in peers {
            node.knows(peer, at);
            node.call(peer).await.unwrap();
        }
    }
    let token = world.token(Some("c"));
    world.time.set(START.after(Duration::from_secs(1)));
    world.revoke("c", &b).await.unwrap();
    for node in [&b, &a] {
        node.is_refused("c", "certificate: Revoked").await;
    }
    for peer in ["b", "a"] {
        c.is_refused(peer, ALERT_REVOKED).await;
    }
    assert!(b.call("a").await.is_ok(), "others go on");
    // d comes back, and hears of it from the first peer that it connects with.
    let d = world.again("d");
    d.knows("c", &c);
    assert!(d.call("c").await.is_ok(), "it has not heard of it");
    d.knows("b", &b);
    d.call("b").await.unwrap();
    d.is_refused("c", "certificate: Revoked").await;
    world.has_kept("d", "c").await;
    drop(d);
    let d = world.again("d");
    d.knows("c", &c);
    d.is_refused("c", "certificate: Revoked").await;
    // Neither its certificate nor the token that it came with brings it back, but a new token does, at once.
    c.endpoint.tend().await;
    drop(c);
    std::fs::remove_dir_all(world.path("c")).unwrap();
    let stranger = world.stranger("c");
    assert_eq!(
        refusal(stranger.join(&[a.at()], &token, soon()).await),
        Refusal::Revoked
    );
    world.time.set(START.after(Duration::from_secs(2)));
    let joined = world
        .stranger("c")
        .join(&[a.at()], &world.token(Some("c")), soon())
        .await;
    let c = Node::run(joined.unwrap());
    c.knows("d", &d);
    assert_eq!(c.call("d").await.unwrap(), "c");
}

#[tokio::test]
async fn another_authority_revokes_nobody() {
    let world = World::new();
    let a = world.issuer("a");
    let other = World::new();
    let error = other.revoke("a", &a).await.unwrap_err();
    assert!(matches!(&error, EnrolError::NoPeer { .. }), "{error}");
    let foreign = Authority::new().unwrap().revoke(&name("a"), START).unwrap();
    let request = Request::Revoke(foreign.signed().clone());
    assert!(matches!(
        nobody(&world, &a, &request).await,
        Answer::Refused(Refusal::Foreign)
    ));
    assert_eq!(
        a.endpoint
            .member()
            .trust()
            .revoked(|revoked| revoked.iter().count()),
        0
    );
}
