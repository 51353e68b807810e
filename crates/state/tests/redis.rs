//! The Redis store, on real servers that each test starts and stops.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod server;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use fogline_core::model::Timestamp;
use fogline_core::session::{Home, Snapshot, Status};
use fogline_state::conformance::{self, Acknowledged, Pen, Scene, what_was_acknowledged_is_there};
use fogline_state::{Committed, ConnectError, Durable, RedisOptions, RedisStore, Store, StoreError};
use tokio::task::JoinSet;

use self::server::Server;

const ALWAYS: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];
/// What the system has got survives the server, and not the machine.
const NO_FSYNC: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "no"];
/// The same, while the log is written anew.
const NO_FSYNC_ON_REWRITE: [&str; 6] = [
    "--appendonly",
    "yes",
    "--appendfsync",
    "always",
    "--no-appendfsync-on-rewrite",
    "yes",
];

/// The server, or nothing where none is installed; in CI one must be.
macro_rules! server {
    ($settings:expr) => {
        match Server::start($settings) {
            Some(server) => server,
            None => return,
        }
    };
}

async fn connect(server: &Server) -> RedisStore {
    RedisStore::connect(&RedisOptions::new(server.url()))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_conforms() {
    let server = server!(&[]);
    let store = connect(&server).await;
    assert_eq!(store.durable(), Durable::Memory);
    conformance::all(Arc::new(store)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_a_database_and_a_prefix_keep_networks_apart() {
    let server = server!(&["--requirepass", "secret"]);
    let url = |user: &str, database| format!("redis://{user}127.0.0.1:{}/{database}", server.port);
    let wrong = RedisStore::connect(&RedisOptions::new(url(":wrong@", 0)))
        .await
        .unwrap_err();
    assert!(matches!(wrong, ConnectError::Refused { .. }), "{wrong:?}");
    assert!(
        !wrong.to_string().contains("wrong@"),
        "no password is shown: {wrong}"
    );

    let first = RedisStore::connect(&RedisOptions::new(url(":secret@", 3)))
        .await
        .unwrap();
    let mut options = RedisOptions::new(url(":secret@", 3));
    options.prefix = "other".to_owned();
    let other = RedisStore::connect(&options).await.unwrap();
    let elsewhere = RedisStore::connect(&RedisOptions::new(url(":secret@", 4)))
        .await
        .unwrap();
    let scene = Scene::new("apart");
    assert_eq!(
        first.commit(&scene.key(1), scene.birth()).await.unwrap(),
        Committed::Done
    );
    for store in [&other, &elsewhere] {
        assert_eq!(
            store.load(&scene.key(1), &Default::default()).await.unwrap(),
            None
        );
        assert_eq!(store.list(&scene.tenant, &scene.app, None, 10).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_server_says_what_its_configuration_promises() {
    for (settings, durable) in [
        (&["--appendonly", "yes"][..], Durable::Memory),
        (&NO_FSYNC, Durable::Process),
        (&NO_FSYNC_ON_REWRITE, Durable::Process),
        (&ALWAYS, Durable::Disk),
    ] {
        let server = server!(settings);
        assert_eq!(connect(&server).await.durable(), durable, "{settings:?}");
    }
}

#[tokio::test]
async fn a_server_that_would_drop_sessions_is_refused() {
    let server = server!(&["--maxmemory", "10mb", "--maxmemory-policy", "allkeys-lru"]);
    let error = RedisStore::connect(&RedisOptions::new(server.url()))
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::Evicts { .. }), "{error:?}");
}

#[tokio::test]
async fn what_is_no_url_and_where_nobody_answers_is_said() {
    let error = RedisStore::connect(&RedisOptions::new("http://localhost"))
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::BadUrl { .. }), "{error:?}");
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let error = RedisStore::connect(&RedisOptions::new(format!("redis://{free}")))
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::Refused { .. }), "{error:?}");
}

/// Whatever a server claims beyond its orderly stop it keeps.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kill_9_of_a_server_that_claims_so() {
    for (settings, durable) in [
        (&ALWAYS[..], Durable::Disk),
        (&NO_FSYNC, Durable::Process),
        (&NO_FSYNC_ON_REWRITE, Durable::Process),
    ] {
        let mut server = server!(settings);
        let store = Arc::new(connect(&server).await);
        assert_eq!(store.durable(), durable, "{settings:?}");
        let acknowledged = written_until_killed(&mut server, &store).await;
        assert!(!acknowledged.is_empty());

        server.restart();
        // The same store: its connection comes back by itself.
        what_was_acknowledged_is_there(&*again(&store).await, &acknowledged)
            .await
            .unwrap();
    }
}

/// Commits from eight sessions, until the server is killed; and what it acknowledged.
async fn written_until_killed(server: &mut Server, store: &Arc<RedisStore>) -> Acknowledged {
    let mut pens = JoinSet::new();
    let (many, mut reached) = tokio::sync::mpsc::channel(8);
    for record in 0..8 {
        let (store, many) = (Arc::clone(store), many.clone());
        pens.spawn(async move {
            let (mut pen, mut last) = (Pen::new(record), None);
            // An error or an unknown outcome is the end of the server.
            while let Ok(Some(number)) = pen.write(&*store).await {
                last = Some(number);
                if number == 40 {
                    many.send(()).await.unwrap();
                }
            }
            last.map(|last| (record, last))
        });
    }
    reached.recv().await.unwrap();
    server.kill();
    pens.join_all().await.into_iter().flatten().collect()
}

/// The store, when its connection is there again.
async fn again(store: &Arc<RedisStore>) -> Arc<RedisStore> {
    let scene = Scene::new("again");
    for _ in 0..20 {
        if store.load(&scene.key(1), &Default::default()).await.is_ok() {
            break;
        }
    }
    Arc::clone(store)
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_an_unknown_outcome_that_reading_resolves() {
    let server = server!(&[]);
    let mut options = RedisOptions::new(server.url());
    options.timeout = Duration::from_millis(200);
    let store = Arc::new(RedisStore::connect(&options).await.unwrap());
    let scene = Scene::new("unknown");
    let key = scene.key(1);
    let birth = scene.birth();
    let next = scene.next(&birth.head, &[("s", Some(Bytes::from_static(b"1")))]);
    assert_eq!(store.commit(&key, birth).await.unwrap(), Committed::Done);

    server.pause();
    assert_eq!(
        store.commit(&key, next.clone()).await.unwrap(),
        Committed::Unknown
    );
    assert!(matches!(
        store.load(&key, &Default::default()).await,
        Err(StoreError::Unavailable { .. })
    ));
    server.go_on();
    // The server had the request in its socket and does it now, before any later one on that connection.
    let store = again(&store).await;
    let found = store.load(&key, &["s".parse().unwrap()].into()).await.unwrap();
    let Some(Snapshot { head, values }) = found else {
        panic!("it was made")
    };
    assert_eq!(head, next.head, "it was done");
    assert_eq!(values.len(), 1);
    assert!(matches!(
        store.commit(&key, next).await.unwrap(),
        Committed::Conflict(Some(_))
    ));
}

#[tokio::test]
async fn a_server_that_is_gone_did_nothing_and_says_so() {
    let mut server = server!(&[]);
    let store = connect(&server).await;
    server.kill();
    let scene = Scene::new("gone");
    // The first request may find that the connection is lost only when it is on its way.
    let first = store.commit(&scene.key(1), scene.birth()).await;
    assert!(
        matches!(
            first,
            Ok(Committed::Unknown) | Err(StoreError::Unavailable { .. })
        ),
        "{first:?}"
    );
    let error = store.commit(&scene.key(1), scene.birth()).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    assert!(error.to_string().contains("hint: "), "{error}");
}

#[tokio::test]
async fn a_server_without_memory_does_nothing_by_halves() {
    let server = server!(&[]);
    let store = connect(&server).await;
    let scene = Scene::new("full");
    let key = scene.key(1);
    let birth = scene.birth();
    let base = birth.head.clone();
    assert_eq!(store.commit(&key, birth).await.unwrap(), Committed::Done);
    server.set("maxmemory", "1");
    let error = store
        .commit(&key, scene.next(&base, &[("s", Some(vec![1; 9000].into()))]))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    let other = store.commit(&scene.key(2), scene.birth()).await.unwrap_err();
    assert!(matches!(other, StoreError::Unavailable { .. }), "{other:?}");
    assert_eq!(
        store.load(&key, &Default::default()).await.unwrap().unwrap().head,
        base
    );
    server.set("maxmemory", "0");
    assert_eq!(
        store
            .list(&scene.tenant, &scene.app, None, 10)
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        store.commit(&key, scene.next(&base, &[])).await.unwrap(),
        Committed::Done
    );
}

/// What is kept of a record is its head and what that names: nothing is left behind in the server.
#[tokio::test]
async fn no_garbage_stays_in_the_server() {
    let server = server!(&[]);
    let store = connect(&server).await;
    let scene = Scene::new("garbage");
    let key = scene.key(1);
    let birth = scene.birth();
    let mut head = birth.head.clone();
    store.commit(&key, birth).await.unwrap();
    for number in 0..5u8 {
        let commit = scene.next(
            &head,
            &[
                ("a", Some(vec![number; 9000].into())),
                ("b", Some(vec![number; 10].into())),
            ],
        );
        head = commit.head.clone();
        store.commit(&key, commit).await.unwrap();
    }
    let record = format!("fogline:record:{key}");
    let mut fields: Vec<String> = server.ask(&["HKEYS", &record]);
    fields.sort();
    let blob = head.blobs().pop_first().unwrap();
    assert_eq!(
        fields,
        [
            format!("blob:{blob}"),
            "commit".into(),
            "head".into(),
            "state:a".into()
        ]
    );
    store.erase(&key).await.unwrap();
    assert_eq!(server.ask::<u64>(&["DBSIZE"]), 0);
}

/// R20: the server drops a session that has ended by itself, and its key goes from the index; a record that leads to
/// the session's next home stays.
#[tokio::test]
async fn sessions_that_have_ended_leave_the_server_by_themselves() {
    let server = server!(&[]);
    let store = connect(&server).await;
    let scene = Scene::new("ended");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = Timestamp(u64::try_from(now.as_millis()).unwrap());
    let hour = Duration::from_secs(3600);
    let record = |number| format!("fogline:record:{}", scene.key(number));
    let left = |number| Duration::from_millis(server.ask::<u64>(&["PTTL", &record(number)]));
    for number in 1..=6 {
        let mut birth = scene.birth();
        birth.head.expires = now.after(2 * hour);
        store.commit(&scene.key(number), birth.clone()).await.unwrap();
        // An hour of grace, and what this test takes.
        assert!(left(number) <= 3 * hour && left(number) > 3 * hour - Duration::from_secs(60));
        let mut next = scene.next(&birth.head, &[]);
        next.head.expires = now.after(9 * hour);
        if number == 1 {
            next.head.status = Status::Moved(Home::InEdge("one".parse().unwrap()));
        }
        store.commit(&scene.key(number), next).await.unwrap();
        if number > 1 {
            assert!(left(number) > 9 * hour, "it is used");
        }
    }
    assert_eq!(server.ask::<i64>(&["PTTL", &record(1)]), -1, "it leads on");
    let forwards = async |now| store.old_forwards(&scene.tenant, &scene.app, now).await.unwrap();
    assert_eq!(forwards(now.after(10 * hour - Duration::from_secs(1))).await, []);
    assert_eq!(forwards(now.after(10 * hour)).await, [scene.key(1)]);
    for number in 2..=5 {
        server.ask::<u64>(&["PEXPIRE", &record(number), "0"]);
    }
    // One at once: those that have gone are not counted.
    let mut listed = Vec::new();
    loop {
        let page = store
            .list(&scene.tenant, &scene.app, listed.last(), 1)
            .await
            .unwrap();
        let Some(one) = page.into_iter().next() else { break };
        listed.push(one.key);
    }
    assert_eq!(listed, [scene.key(1), scene.key(6)]);
    let index = format!("fogline:index:{}/{}", scene.tenant, scene.app);
    assert_eq!(server.ask::<u64>(&["ZCARD", &index]), 2);
    // Without a list, those that come take care of it.
    server.ask::<u64>(&["PEXPIRE", &record(6), "0"]);
    store.commit(&scene.key(7), scene.birth()).await.unwrap();
    assert_eq!(server.ask::<u64>(&["ZCARD", &index]), 2);
}

/// What leads to another home is known until it leads there no more: nodes find out whether it is needed.
#[tokio::test]
async fn forwards_whose_time_is_over_are_found_as_long_as_they_are_forwards() {
    let server = server!(&[]);
    let store = connect(&server).await;
    let scene = Scene::new("forwards");
    let old = async || {
        let now = Timestamp(2 * 3_600_000);
        store.old_forwards(&scene.tenant, &scene.app, now).await.unwrap()
    };
    let client = Home::InClient(None);
    let statuses = [
        Status::Moving(client.clone()),
        Status::Moved(client.clone()),
        Status::Abandoned(client),
        Status::Live,
        Status::Deleted,
    ];
    let mut heads = Vec::new();
    for (number, status) in (1..).zip(statuses) {
        let birth = scene.birth();
        store.commit(&scene.key(number), birth.clone()).await.unwrap();
        let mut next = scene.next(&birth.head, &[("s", Some(vec![1; 9000].into()))]);
        // That of key 2 is over an hour later.
        next.head.expires = Timestamp(1 + if number == 2 { 3_600_000 } else { 0 });
        next.head.status = status;
        heads.push(next.head.clone());
        store.commit(&scene.key(number), next).await.unwrap();
    }
    assert_eq!(old().await, [scene.key(1), scene.key(3)]);
    let mut gone = scene.next(&heads[0], &[]);
    gone.head.status = Status::Deleted;
    store.commit(&scene.key(1), gone).await.unwrap();
    assert_eq!(old().await, [scene.key(3)]);
    store.erase(&scene.key(3)).await.unwrap();
    assert_eq!(old().await, []);
}
