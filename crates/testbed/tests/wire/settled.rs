//! Under `durability = "every-commit"` nothing leaves a node that its disk does not have (R1, R8).

use fogline_protocol::api::Session;
use tokio::sync::Semaphore;

use super::rules::path;
use super::support::{Caller, Held, Meddling, Nodes, Setup, with_durability};

/// What owners write reaches their disk while this has a permit.
static DISK: Semaphore = Semaphore::const_new(0);

/// What a node has to answer within: far more than it needs when nothing holds it up.
const SHORT: (&str, &str) = ("fogline-timeout-ms", "1000");

async fn add(caller: &Caller, held: &mut Held, input: &'static str) -> (u16, String) {
    let key = [("idempotency-key", input), SHORT];
    let answer = caller.in_session(held, "functions/add", input, &key).await;
    (answer.status, answer.text())
}

#[tokio::test]
async fn no_answer_shows_what_is_not_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup {
        names: vec!["one"],
        meddling: Meddling::Held(&DISK),
        ..Setup::default()
    };
    let nodes = Nodes::start(folder.path(), setup).await;
    let caller = Caller::new(nodes.url("one"));

    caller.deploy("counter", with_durability("memory")).await;
    let mut in_memory = caller.session("counter", "in-function").await;
    assert_eq!(
        add(&caller, &mut in_memory, "5").await,
        (200, "5".to_owned()),
        "promised nothing"
    );

    caller.deploy("counter", with_durability("every-commit")).await;
    let mut held = caller.session("counter", "in-function").await;
    let waits = "it waits for the disk";
    assert_eq!(add(&caller, &mut held, "7").await.0, 504, "the writer: {waits}");
    assert_eq!(
        add(&caller, &mut held, "7").await.0,
        504,
        "who asks again: {waits}"
    );
    assert_eq!(add(&caller, &mut held, "none").await.0, 504, "a failure: {waits}");
    let peek = caller
        .in_session(&mut held, "functions/peek", "null", &[SHORT])
        .await;
    assert_eq!(peek.status, 504, "a reader: {waits}");
    let session: Session = caller.send(caller.get(&path(&held))).await.ok().json();
    assert_eq!(
        session.parts[0].version, 0,
        "whoever looks is shown what is on disk"
    );

    DISK.add_permits(1);
    assert_eq!(add(&caller, &mut held, "7").await, (200, "7".to_owned()), "once");
    let failed = add(&caller, &mut held, "none").await;
    assert_eq!(failed.0, 422, "{}", failed.1);
    let session: Session = caller.send(caller.get(&path(&held))).await.ok().json();
    assert_eq!(session.parts[0].version, 1);
    nodes.stop().await;
}
