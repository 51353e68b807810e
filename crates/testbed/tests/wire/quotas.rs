//! What a tenant may use of a node.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fogline_core::model::Bytes;
use fogline_core::quota::{Quota, Rate};
use fogline_node::{Limits, Tenants};
use fogline_protocol::api;

use super::rules::path;
use super::support::{Caller, Held, Meddling, Nodes, Setup, deadline, with_durability};

/// Two tenants, of which `bounded` has a quota at all nodes.
fn setup(quota: Quota) -> Setup {
    let tenants =
        [("bounded", "b"), ("free", "f")].map(|(name, token)| (name.parse().unwrap(), token.to_owned()));
    Setup {
        tenants: Tenants::with_tokens(tenants),
        limits: Limits {
            quotas: BTreeMap::from([("bounded".parse().unwrap(), quota)]),
            ..Limits::default()
        },
        ..Setup::default()
    }
}

async fn create(caller: &Caller, model: &str) -> (u16, String) {
    let request = caller.post("/v1/apps/counter/sessions");
    let answer = caller
        .send(request.body(format!("{{\"model\": \"{model}\"}}")))
        .await;
    let kind = if answer.status == 201 {
        String::new()
    } else {
        answer.kind()
    };
    (answer.status, kind)
}

#[tokio::test]
async fn a_tenant_has_as_many_sessions_at_a_node_as_its_quota_says() {
    let quota = Quota {
        sessions: Some(2),
        ..Quota::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let mut nodes = Nodes::start(folder.path(), setup(quota)).await;
    let one = Caller::with_token(nodes.url("one"), "b");
    one.deploy("counter", str::to_owned).await;
    let refused = (429, "quota-exceeded".to_owned());
    let held = one.session("counter", "in-edge").await;
    assert_eq!(create(&one, "in-edge").await, (201, String::new()));
    assert_eq!(create(&one, "in-edge").await, refused);
    // What other nodes keep, and what clients hold, is not this node's.
    assert_eq!(create(&one, "in-client").await, (201, String::new()));
    for status in [201, 201, 429] {
        assert_eq!(create(&one, "external").await.0, status);
    }
    // Other tenants have quotas of their own.
    let free = Caller::with_token(nodes.url("one"), "f");
    free.deploy("counter", str::to_owned).await;
    for _ in 0..3 {
        assert_eq!(create(&free, "in-edge").await, (201, String::new()));
    }
    // What there was when the node stopped is counted.
    nodes.stop_node("one").await;
    nodes.start_node("one").await;
    let one = Caller::with_token(nodes.url("one"), "b");
    let end = deadline();
    while !one
        .send(one.get("/metrics"))
        .await
        .text()
        .contains("fogline_tenant_sessions{tenant=\"bounded\"} 2")
    {
        assert!(Instant::now() < end);
    }
    assert_eq!(create(&one, "in-edge").await, refused);
    let shown: api::Quota = one.send(one.get("/v1/quota")).await.ok().json();
    assert_eq!(shown.sessions, Some(api::Share { used: 2, most: 2 }));
    assert_eq!((shown.bytes, shown.requests), (None, None), "they have no bound");
    one.send(one.http.delete(format!("{}{}", one.url, path(&held))))
        .await
        .ok();
    assert_eq!(create(&one, "in-edge").await, (201, String::new()));
    nodes.stop().await;
}

#[tokio::test]
async fn a_tenants_states_are_no_larger_than_its_quota() {
    let quota = Quota {
        bytes: Some(Bytes(1000)),
        ..Quota::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let nodes = Nodes::start(folder.path(), setup(quota)).await;
    let (one, two) = (
        Caller::with_token(nodes.url("one"), "b"),
        Caller::with_token(nodes.url("two"), "b"),
    );
    one.deploy("counter", str::to_owned).await;
    for model in ["in-edge", "in-function", "external"] {
        let (first, second) = (
            one.session("counter", model).await,
            one.session("counter", model).await,
        );
        let put = async |session: &str, bytes: usize| {
            // At the other node, so that what the quota's own node says comes through.
            let request = two.http.put(format!("{}{session}/states/total", two.url));
            let answer = two.send(request.body("7".repeat(bytes))).await;
            if answer.status < 300 {
                "stored".to_owned()
            } else {
                answer.kind()
            }
        };
        let (first, second) = (path(&first), path(&second));
        let (stored, refused) = ("stored", "quota-exceeded");
        assert_eq!(put(&first, 1000).await, stored, "{model}");
        let usage = ["one", "two", "cloud"].map(|node| Caller::with_token(nodes.url(node), "b"));
        let end = deadline();
        loop {
            let mut used = String::new();
            for caller in &usage {
                used += &caller.send(caller.get("/metrics")).await.text();
            }
            if used.contains("fogline_tenant_state_bytes{tenant=\"bounded\"} 1000") {
                break;
            }
            assert!(Instant::now() < end, "{model}");
        }
        assert_eq!(put(&second, 10).await, refused, "{model}");
        assert_eq!(put(&first, 1001).await, refused, "{model}");
        assert_eq!(put(&first, 900).await, stored, "{model}: less is no harm");
        let end = deadline();
        while put(&second, 10).await != stored {
            assert!(Instant::now() < end, "{model}");
        }
        for session in [first, second] {
            one.send(one.http.delete(format!("{}{session}", one.url)))
                .await
                .ok();
        }
    }
    nodes.stop().await;
}

/// What its owner has in memory is counted before it is stored, if it ever is, and once.
#[tokio::test]
async fn what_owners_have_in_memory_only_counts() {
    for durability in ["memory", "checkpoint", "every-commit"] {
        let quota = Quota {
            bytes: Some(Bytes(1000)),
            ..Quota::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let nodes = Nodes::start(folder.path(), setup(quota)).await;
        let one = Caller::with_token(nodes.url("one"), "b");
        one.deploy("counter", with_durability(durability)).await;
        let sessions = [
            one.session("counter", "in-function").await,
            one.session("counter", "in-function").await,
        ];
        let [first, second] = sessions.each_ref().map(path);
        let put = async |session: &str, bytes: usize| {
            let request = one.http.put(format!("{}{session}/states/total", one.url));
            one.send(request.body("7".repeat(bytes))).await.status
        };
        let used = async |node: &str| -> u64 {
            let at = Caller::with_token(nodes.url(node), "b");
            let shown: api::Quota = at.send(at.get("/v1/quota")).await.ok().json();
            shown.bytes.unwrap().used
        };
        assert!(put(&first, 600).await < 300, "{durability}");
        assert_eq!(used("one").await, 600, "{durability}");
        assert_eq!(put(&second, 401).await, 429, "{durability}");
        assert!(put(&second, 400).await < 300, "{durability}");
        // It leaves what it has stored then.
        let request = one.post(&format!("{first}/migrate"));
        one.send(request.body("{\"node\": \"two\"}")).await.ok();
        assert_eq!((used("one").await, used("two").await), (400, 600), "{durability}");
        one.send(one.http.delete(format!("{}{second}", one.url)))
            .await
            .ok();
        assert_eq!(used("one").await, 0, "{durability}");
        nodes.stop().await;
    }
}

/// What is used is counted anew with each sweep, and what memory has only with it.
#[tokio::test]
async fn what_owners_have_in_memory_only_counts_also_when_all_is_counted_anew() {
    static OLD: AtomicBool = AtomicBool::new(false);
    let quota = Quota {
        bytes: Some(Bytes(1000)),
        ..Quota::default()
    };
    let mut setup = setup(quota);
    setup.limits.sweep_every = Duration::from_millis(20);
    setup.meddling = Meddling::OldInLists(&OLD);
    let folder = tempfile::tempdir().unwrap();
    let nodes = Nodes::start(folder.path(), setup).await;
    let one = Caller::with_token(nodes.url("one"), "b");
    one.deploy("counter", with_durability("memory")).await;
    let held = one.session("counter", "in-function").await;
    let request = one.http.put(format!("{}{}/states/total", one.url, path(&held)));
    one.send(request.body("7".repeat(600))).await.ok();
    OLD.store(true, Ordering::Relaxed);
    // Three times, so that a sweep that began after the first one was gone has ended.
    for _ in 0..3 {
        let old = one.session("counter", "in-edge").await;
        let end = deadline();
        while one.send(one.get(&path(&old))).await.status != 404 {
            assert!(Instant::now() < end, "nothing is swept");
        }
    }
    let shown: api::Quota = one.send(one.get("/v1/quota")).await.ok().json();
    assert_eq!(shown.bytes.unwrap().used, 600);
    nodes.stop().await;
}

/// It is somewhere already, and is not to be lost on its way; also not where it was before.
#[tokio::test]
async fn a_session_comes_back_to_a_node_where_its_tenant_has_used_up_its_quota() {
    let quota = Quota {
        bytes: Some(Bytes(100)),
        ..Quota::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let nodes = Nodes::start(folder.path(), setup(quota)).await;
    let one = Caller::with_token(nodes.url("one"), "b");
    one.deploy("counter", str::to_owned).await;
    let (mut held, other) = (
        one.session("counter", "in-edge").await,
        one.session("counter", "in-edge").await,
    );
    let put = async |session: &Held, value: String| {
        let request = one.http.put(format!("{}{}/states/total", one.url, path(session)));
        one.send(request.body(value)).await.ok();
    };
    let migrate = async |node: &str| {
        let request = one.post(&format!("{}/migrate", path(&held)));
        one.send(request.body(format!("{{\"node\": \"{node}\"}}")))
            .await
            .ok();
    };
    put(&held, "7".to_owned()).await;
    migrate("two").await;
    put(&other, "7".repeat(100)).await;
    migrate("one").await;
    let peek = one.in_session(&mut held, "functions/peek", "null", &[]).await;
    assert_eq!(peek.ok().text(), "7");
    nodes.stop().await;
}

#[tokio::test]
async fn a_tenants_requests_are_admitted_at_the_rate_of_its_quota() {
    let number = |number| NonZeroU32::new(number).unwrap();
    let quota = Quota {
        rate: Some(Rate {
            per_second: number(1),
            burst: number(5),
        }),
        ..Quota::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let nodes = Nodes::start(folder.path(), setup(quota)).await;
    let one = Caller::with_token(nodes.url("one"), "b");
    let paths = ["/v1/apps", "/v1/nodes"].into_iter().cycle().take(40);
    let asked = paths.map(|path| one.send(one.get(path)));
    let answers = futures_util::future::join_all(asked).await;
    let admitted = answers.iter().filter(|answer| answer.status == 200).count();
    // Those of the seconds that it took, too.
    assert!((5..20).contains(&admitted), "{admitted}");
    let refused = answers.iter().find(|answer| answer.status != 200).unwrap();
    refused.is(429, "overloaded");
    assert_eq!(refused.header("retry-after"), "1");
    assert!(
        refused.text().contains("quota of 1 requests/s"),
        "{}",
        refused.text()
    );
    // Whoever has used it up is shown that, and whoever has none that there is none.
    let shown: api::Quota = one.send(one.get("/v1/quota")).await.ok().json();
    let requests = shown.requests.unwrap();
    assert_eq!((requests.per_second, requests.burst), (1, 5));
    assert!(requests.left < 5, "{requests:?}");
    let free = Caller::with_token(nodes.url("one"), "f");
    let shown: api::Quota = free.send(free.get("/v1/quota")).await.ok().json();
    assert_eq!(
        (shown.tenant.as_str(), shown.sessions, shown.requests),
        ("free", None, None)
    );
    for _ in 0..20 {
        free.send(free.get("/v1/apps")).await.ok();
    }
    tokio::time::timeout(Duration::from_secs(20), async {
        while one.send(one.get("/v1/apps")).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("it is admitted later");
    nodes.stop().await;
}
