//! What all nodes of a network have in common, and nobody else.

use std::time::Duration;

use super::world::{Node, START, World, nobody, soon};
use crate::peers::enrol::wire::{Answer, Refusal, Request};
use crate::peers::trust::Credentials;

async fn learn(node: &Node, from: &Node) -> Option<String> {
    let member = node.endpoint.member();
    let told = member.learn_secret(&[from.at()], soon()).await;
    assert_eq!(told.is_ok(), member.secret().is_some(), "{told:?}");
    member.secret().map(|secret| secret.text())
}

#[tokio::test]
async fn every_node_is_told_the_secret_and_keeps_it() {
    let world = World::new();
    let a = world.issuer("a");
    let secret = a.endpoint.member().secret().map(|secret| secret.text());
    assert!(secret.is_some());
    let b = world.enrol("b", &a).await;
    let c = world.enrol("c", &a).await;
    assert_eq!(learn(&c, &b).await, None, "b does not know it, and nobody else");
    b.knows("a", &a);
    assert_eq!(learn(&c, &b).await, secret, "b asks the issuer");
    assert_eq!(b.endpoint.member().secret(), None);
    drop(a);
    assert_eq!(learn(&b, &c).await, secret, "whoever was told tells it");
    drop(c);
    let c = world.again("c");
    assert_eq!(c.endpoint.member().secret().map(|secret| secret.text()), secret);
    // The folder of the authority has it, also a copy on another machine.
    drop(b);
    let b = match world.open("b", Some(world.authority()), &world.time) {
        Credentials::Member(member) => member,
        Credentials::Stranger(stranger) => panic!("{stranger:?}"),
    };
    assert_eq!(b.secret().map(|secret| secret.text()), secret);
}

#[tokio::test]
async fn neither_a_stranger_nor_a_revoked_node_is_told_the_secret() {
    let world = World::new();
    let a = world.issuer("a");
    let request = Request::Secret { forwarded: false };
    let answer = nobody(&world, &a, &request).await;
    assert!(matches!(answer, Answer::Refused(Refusal::Foreign)), "{answer:?}");
    let b = world.enrol("b", &a).await;
    world.time.set(START.after(Duration::from_secs(1)));
    world.revoke("b", &a).await.unwrap();
    assert_eq!(learn(&b, &a).await, None);
}

#[tokio::test]
async fn a_node_that_comes_into_another_network_forgets_the_secret_of_the_first() {
    let (world, other) = (World::new(), World::new());
    let (a, z) = (world.issuer("a"), other.issuer("z"));
    let b = world.enrol("b", &a).await;
    learn(&b, &a).await.unwrap();
    drop(b);
    std::fs::remove_file(world.path("b").join("authority.crt")).unwrap();
    let stranger = world.stranger("b");
    let joined = stranger.join(&[z.at()], &other.token(None), soon()).await;
    assert_eq!(joined.unwrap().secret(), None);
    let b = world.again("b");
    assert_eq!(b.endpoint.member().secret(), None);
    let secret = z.endpoint.member().secret().map(|secret| secret.text());
    assert_eq!(learn(&b, &z).await, secret);
}
