//! Real nodes on loopback sockets.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use fogline_core::model::{self, NodeName};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::{
    Authority, CallError, Endpoint, Handler, Identity, MAX_FRAME, MAX_HEAD, Member, Message, Options,
    Traffic, udp_socket,
};
use super::{stream, tls};

mod flood;

fn name(text: &str) -> NodeName {
    text.parse().unwrap()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

fn anywhere() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn bind(identity: &Identity, options: &Options) -> Endpoint {
    Endpoint::bind(identity, udp_socket(anywhere()).unwrap(), options).unwrap()
}

/// A node that answers, until it is dropped.
struct Node {
    endpoint: Endpoint,
    task: JoinHandle<()>,
}

impl Node {
    fn start(identity: &Identity, options: &Options, handler: impl Handler) -> Self {
        Self::on(bind(identity, options), handler)
    }

    fn on(endpoint: Endpoint, handler: impl Handler) -> Self {
        let serving = endpoint.clone();
        let task = tokio::spawn(async move { serving.serve(Arc::new(handler)).await });
        Self { endpoint, task }
    }

    fn address(&self) -> SocketAddr {
        self.endpoint.local_address().unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A caller `a` that knows a served `b`.
fn pair(options: &Options, handler: impl Handler) -> (Endpoint, Node) {
    let authority = Authority::new().unwrap();
    let served = Node::start(&authority.issue(&name("b")).unwrap(), options, handler);
    let caller = bind(&authority.issue(&name("a")).unwrap(), options);
    caller.know(&name("b"), served.address());
    (caller, served)
}

/// Answers with the request, headed by who sent it.
struct Echo;

#[async_trait]
impl Handler for Echo {
    async fn handle(&self, from: NodeName, request: Message, _: Instant) -> Message {
        Message {
            head: [from.as_str().as_bytes(), b"/", &request.head].concat().into(),
            body: request.body,
        }
    }
}

/// Never answers; says when a handler began and when one was dropped.
#[derive(Default)]
struct Stuck {
    begun: Arc<Notify>,
    dropped: Arc<Notify>,
}

struct OnDrop(Arc<Notify>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[async_trait]
impl Handler for Stuck {
    async fn handle(&self, _: NodeName, _: Message, _: Instant) -> Message {
        let _on_drop = OnDrop(Arc::clone(&self.dropped));
        self.begun.notify_one();
        std::future::pending().await
    }
}

async fn within(notify: &Notify) {
    let waited = tokio::time::timeout(Duration::from_secs(10), notify.notified()).await;
    waited.expect("it happens");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_comes_back_whole_and_every_byte_is_counted_on_both_sides() {
    let (caller, served) = pair(&Options::default(), Echo);
    let (mut sent, mut received) = (0, 0);
    for length in [0_usize, 1, 1000, 1 << 20] {
        let request = Message {
            head: Bytes::from_static(b"head"),
            body: vec![vec![7; length].into(), Bytes::new(), vec![9; length / 2].into()],
        };
        let reply = caller.call(&name("b"), request.clone(), soon()).await.unwrap();
        assert_eq!(&reply.head[..], b"a/head");
        assert_eq!(reply.body, request.body);
        // Remaining time, two counts, three lengths.
        sent += 8 + 8 + 12 + request.size().0;
        received += 8 + 12 + reply.size().0;
    }
    let there = Traffic {
        sent: model::Bytes(sent),
        received: model::Bytes(received),
        calls: 4,
        served: 0,
        ..Traffic::default()
    };
    assert_eq!(caller.traffic()[&name("b")], there);
    let back = Traffic {
        sent: there.received,
        received: there.sent,
        calls: 0,
        served: 4,
        ..Traffic::default()
    };
    // The reply may be here before its sender has counted it.
    while served.endpoint.traffic()[&name("a")] != back {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_node_of_another_authority_neither_calls_nor_is_called() {
    let (caller, served) = pair(&Options::default(), Echo);
    let foreign = Authority::new().unwrap();
    let stranger = bind(&foreign.issue(&name("a")).unwrap(), &Options::default());
    stranger.know(&name("b"), served.address());
    let error = stranger
        .call(&name("b"), Message::default(), soon())
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }), "{error}");
    let impostor = Node::start(&foreign.issue(&name("c")).unwrap(), &Options::default(), Echo);
    caller.know(&name("c"), impostor.address());
    let error = caller
        .call(&name("c"), Message::default(), soon())
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }), "{error}");
    assert!(!error.may_have_run());
}

#[tokio::test]
async fn a_node_with_the_certificate_of_another_one_is_not_taken_for_it() {
    let (caller, served) = pair(&Options::default(), Echo);
    caller.know(&name("c"), served.address());
    let error = caller
        .call(&name("c"), Message::default(), soon())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    assert!(caller.call(&name("b"), Message::default(), soon()).await.is_ok());
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_the_handler_with_it() {
    let stuck = Stuck::default();
    let (begun, dropped) = (Arc::clone(&stuck.begun), Arc::clone(&stuck.dropped));
    let (caller, _served) = pair(&Options::default(), stuck);
    let calling = tokio::spawn(async move { caller.call(&name("b"), Message::default(), soon()).await });
    within(&begun).await;
    calling.abort();
    within(&dropped).await;
}

#[tokio::test]
async fn a_deadline_travels_along_and_ends_both_sides() {
    let stuck = Stuck::default();
    let dropped = Arc::clone(&stuck.dropped);
    let (caller, _served) = pair(&Options::default(), stuck);
    caller.connect(&name("b"), soon()).await.unwrap();
    let started = Instant::now();
    let deadline = started + Duration::from_millis(100);
    let error = caller
        .call(&name("b"), Message::default(), deadline)
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Deadline { sent: true, .. }), "{error}");
    assert!(error.may_have_run());
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
    within(&dropped).await;
}

#[tokio::test]
async fn a_peer_that_does_not_answer_costs_one_wait_and_is_found_when_it_comes() {
    let options = Options {
        connect_timeout: Duration::from_millis(200),
        ..Options::default()
    };
    let authority = Authority::new().unwrap();
    let caller = bind(&authority.issue(&name("a")).unwrap(), &options);
    let socket = std::net::UdpSocket::bind(anywhere()).unwrap();
    let address = socket.local_addr().unwrap();
    caller.know(&name("b"), address);
    let started = Instant::now();
    let error = caller
        .call(&name("b"), Message::default(), soon())
        .await
        .unwrap_err();
    let first = started.elapsed();
    assert!(error.to_string().contains("no answer"), "{error}");
    let CallError::Unreachable { retry_in, .. } = error else {
        panic!("{error}")
    };
    let started = Instant::now();
    assert!(caller.call(&name("b"), Message::default(), soon()).await.is_err());
    assert!(
        started.elapsed() < first / 2,
        "fails at once: {:?} after {first:?}",
        started.elapsed()
    );
    drop(socket);
    let identity = authority.issue(&name("b")).unwrap();
    let endpoint = Endpoint::bind(&identity, udp_socket(address).unwrap(), &options).unwrap();
    let _served = Node::on(endpoint, Echo);
    assert!(retry_in < Duration::from_secs(1));
    while let Err(error) = caller.call(&name("b"), Message::default(), soon()).await {
        assert!(matches!(error, CallError::Unreachable { .. }), "{error}");
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "it is found: {error}"
        );
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_peer_that_has_moved_is_not_blamed_for_its_old_address() {
    let options = Options {
        connect_timeout: Duration::from_millis(50),
        ..Options::default()
    };
    let (caller, served) = pair(&options, Echo);
    let silent = std::net::UdpSocket::bind(anywhere()).unwrap();
    caller.know(&name("b"), silent.local_addr().unwrap());
    let error = caller
        .call(&name("b"), Message::default(), soon())
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }), "{error}");
    caller.know(&name("b"), served.address());
    caller.call(&name("b"), Message::default(), soon()).await.unwrap();
}

#[tokio::test]
async fn a_restarted_peer_is_back_long_before_the_idle_timeout() {
    let options = Options {
        idle_timeout: Duration::from_secs(60),
        ..Options::default()
    };
    let authority = Authority::new().unwrap();
    let identity = authority.issue(&name("b")).unwrap();
    let caller = bind(&authority.issue(&name("a")).unwrap(), &options);
    // Killed as by a signal: its runtime goes, and says goodbye to nobody.
    let address = {
        let identity = identity.clone();
        let (send, address) = tokio::sync::oneshot::channel();
        let (kill, killed) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let node = runtime.block_on(async { Node::start(&identity, &options, Echo) });
            send.send(node.address()).unwrap();
            killed.recv().unwrap();
            runtime.shutdown_timeout(Duration::from_secs(5));
            drop(node);
        });
        let address = address.await.unwrap();
        caller.know(&name("b"), address);
        caller.call(&name("b"), Message::default(), soon()).await.unwrap();
        kill.send(()).unwrap();
        thread.join().unwrap();
        address
    };
    let started = Instant::now();
    let socket = loop {
        match udp_socket(address) {
            Ok(socket) => break socket,
            Err(error) => assert!(started.elapsed() < Duration::from_secs(5), "{error}"),
        }
    };
    let _again = Node::on(Endpoint::bind(&identity, socket, &options).unwrap(), Echo);
    let lost = caller
        .call(&name("b"), Message::default(), soon())
        .await
        .unwrap_err();
    assert!(matches!(lost, CallError::Lost { sent: true, .. }), "{lost}");
    caller.call(&name("b"), Message::default(), soon()).await.unwrap();
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
}

/// Answers when let go; counts how many wait.
#[derive(Default)]
struct Crowd {
    now: AtomicUsize,
    most: Arc<AtomicUsize>,
}

#[async_trait]
impl Handler for Crowd {
    async fn handle(&self, _: NodeName, _: Message, _: Instant) -> Message {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        self.now.fetch_sub(1, Ordering::SeqCst);
        Message::default()
    }
}

#[tokio::test]
async fn one_peer_has_only_so_many_calls_under_way() {
    let options = Options {
        max_calls: 3,
        ..Options::default()
    };
    let crowd = Crowd::default();
    let most = Arc::clone(&crowd.most);
    let (caller, _served) = pair(&options, crowd);
    let calls: Vec<_> = (0..40)
        .map(|_| {
            let caller = caller.clone();
            tokio::spawn(async move { caller.call(&name("b"), Message::default(), soon()).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert!((1..=3).contains(&most.load(Ordering::SeqCst)), "{most:?}");
}

/// Panics at the head "panic", replies too much to "large".
struct Faulty;

#[async_trait]
impl Handler for Faulty {
    async fn handle(&self, _: NodeName, request: Message, _: Instant) -> Message {
        match &request.head[..] {
            b"panic" => panic!("as the test wants"),
            b"large" => Message::of_head(vec![0; MAX_HEAD + 1]),
            _ => Message::default(),
        }
    }
}

#[tokio::test]
async fn a_handler_that_fails_fails_its_call_only() {
    let (caller, _served) = pair(&Options::default(), Faulty);
    for head in ["panic", "large"] {
        let error = caller
            .call(&name("b"), Message::of_head(head), soon())
            .await
            .unwrap_err();
        assert!(matches!(error, CallError::GaveUp { .. }), "{head}: {error}");
        assert!(error.may_have_run());
        assert!(caller.call(&name("b"), Message::default(), soon()).await.is_ok());
    }
}

#[tokio::test]
async fn what_is_too_large_is_not_sent() {
    let (caller, _served) = pair(&Options::default(), Echo);
    let body = vec![vec![0; MAX_FRAME.0 as usize].into(), vec![0; 1].into()];
    let large = Message {
        head: Bytes::new(),
        body,
    };
    let error = caller.call(&name("b"), large, soon()).await.unwrap_err();
    assert!(matches!(error, CallError::TooLarge { .. }), "{error}");
    assert_eq!(caller.traffic()[&name("b")].sent, model::Bytes::ZERO);
    assert!(caller.call(&name("b"), Message::default(), soon()).await.is_ok());
}

/// A caller that has a certificate and speaks nonsense.
async fn nonsense(identity: &Identity, to: SocketAddr, frame: &[u8]) -> quinn::ReadExactError {
    let mut endpoint = quinn::Endpoint::client(anywhere()).unwrap();
    let member = Member::passing(identity).unwrap();
    let config = tls::client(member.trust(), tls::PEER);
    endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(config)));
    let connection = endpoint.connect(to, "b.fogline").unwrap().await.unwrap();
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(frame).await.unwrap();
    send.finish().unwrap();
    receive.read_exact(&mut [0]).await.unwrap_err()
}

#[tokio::test]
async fn nonsense_from_a_node_ends_its_call_only() {
    let authority = Authority::new().unwrap();
    let served = Node::start(&authority.issue(&name("b")).unwrap(), &Options::default(), Echo);
    let other = authority.issue(&name("c")).unwrap();
    let time = [0xff; 8];
    let cut = [&time[..], &[4, 0, 0, 0, 0, 0, 0, 0, 1]].concat();
    let large = [&time[..], &[0xff; 8]].concat();
    for frame in [&b""[..], &[1, 2], &cut, &large] {
        let error = nonsense(&other, served.address(), frame).await;
        let expected = quinn::ReadError::Reset(stream::MALFORMED).into();
        assert_eq!(error, expected, "{frame:?}");
    }
    let caller = bind(&authority.issue(&name("a")).unwrap(), &Options::default());
    caller.know(&name("b"), served.address());
    assert!(caller.call(&name("b"), Message::default(), soon()).await.is_ok());
}

#[tokio::test]
async fn a_peer_without_an_address_is_named_in_the_error() {
    let (caller, _served) = pair(&Options::default(), Echo);
    let error = caller
        .call(&name("nowhere"), Message::default(), soon())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
    assert!(matches!(error, CallError::Unknown { .. }));
}

#[tokio::test]
async fn a_closed_endpoint_stops_serving_and_its_callers_hear_of_it() {
    let (caller, served) = pair(&Options::default(), Echo);
    caller.call(&name("b"), Message::default(), soon()).await.unwrap();
    served.endpoint.close(Duration::from_secs(5)).await;
    let started = Instant::now();
    let error = caller
        .call(&name("b"), Message::default(), soon())
        .await
        .unwrap_err();
    assert!(!error.may_have_run(), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5));
}
