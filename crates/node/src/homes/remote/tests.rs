use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use fogline_core::dispatch::Map;
use fogline_core::model::Device;
use fogline_core::model::limits::MAX_STATE;
use fogline_core::network::Node;
use fogline_runtime::process::ProcessRuntime;
use fogline_state::MemoryStore;
use fogline_state::conformance::{self, Scene};

use super::*;
use crate::peers::{Authority, Options as PeerOptions, udp_socket};
use crate::{External, Handle, Limits, Operator, Options, Others, Tenants, start_with};

/// The node that has the store, and the one that reaches it.
const NODES: [&str; 2] = ["edge-1", "edge-2"];

fn name(text: &str) -> NodeName {
    text.parse().unwrap()
}

/// Two nodes of which the first keeps its records in this store, and that store as the second reaches it.
struct Pair {
    remote: Arc<RemoteStore>,
    nodes: Vec<Handle>,
}

impl Pair {
    async fn start(folder: &Path, store: Arc<dyn Store>) -> Self {
        let authority = Authority::new().unwrap();
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let endpoints = NODES.map(|node| {
            let identity = authority.issue(&name(node)).unwrap();
            Endpoint::bind(&identity, udp_socket(anywhere).unwrap(), &PeerOptions::default()).unwrap()
        });
        let [first, second] = &endpoints;
        first.know(&name(NODES[1]), second.local_address().unwrap());
        second.know(&name(NODES[0]), first.local_address().unwrap());
        let mut nodes = Vec::new();
        for (node, peers) in NODES.into_iter().zip(&endpoints) {
            let options = options(folder, node, peers);
            let store = (node == NODES[0]).then(|| Arc::clone(&store));
            let records = move |its: Arc<dyn Store>| store.clone().unwrap_or(its);
            nodes.push(start_with(options, records).await.unwrap());
        }
        let remote = Arc::new(RemoteStore::new(second.clone(), name(NODES[0])));
        Self { remote, nodes }
    }

    async fn stop(self) {
        futures_util::future::join_all(self.nodes.into_iter().map(Handle::stop)).await;
    }
}

fn options(folder: &Path, node: &str, peers: &Endpoint) -> Options {
    let machines = NODES.map(|node| (name(node), Node::of(Device::NUC, true, false)));
    let map = Map::flat(&machines.into(), None).unwrap();
    let others = NODES.into_iter().filter(|other| *other != node).map(name);
    Options {
        name: name(node),
        data: folder.join(node),
        http: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        tenants: Tenants::Open("local".parse().unwrap()),
        operator: Operator::Anyone,
        keyrings: BTreeMap::new(),
        external: External::None,
        quorum: None,
        slots: 1,
        limits: Limits::default(),
        peers: Some(peers.clone()),
        others: Others::Listed(others.collect(), Arc::new(map)),
        traces: None,
        decisions: None,
        runtime: Arc::new(ProcessRuntime),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_of_another_node_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::start(folder.path(), Arc::new(MemoryStore::default())).await;
    conformance::all(Arc::clone(&pair.remote) as Arc<dyn Store>)
        .await
        .unwrap();
    pair.stop().await;
}

/// A store in which somebody else commits before whoever comes for a blob, once.
struct Overtaken {
    inner: MemoryStore,
    commit: Mutex<Option<(RecordKey, Commit)>>,
}

#[async_trait]
impl Store for Overtaken {
    fn durable(&self) -> Durable {
        self.inner.durable()
    }

    fn system(&self) -> &'static str {
        self.inner.system()
    }

    async fn load(
        &self,
        key: &RecordKey,
        states: &BTreeSet<StateName>,
    ) -> Result<Option<Snapshot>, StoreError> {
        self.inner.load(key, states).await
    }

    async fn commit(&self, key: &RecordKey, commit: Commit) -> Result<Committed, StoreError> {
        self.inner.commit(key, commit).await
    }

    async fn blob(&self, key: &RecordKey, name: &BlobName) -> Result<Option<Bytes>, StoreError> {
        let before = self.commit.lock().unwrap().take();
        if let Some((key, commit)) = before {
            assert_eq!(self.inner.commit(&key, commit).await?, Committed::Done);
        }
        self.inner.blob(key, name).await
    }

    async fn list(
        &self,
        tenant: &TenantName,
        app: &AppName,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        self.inner.list(tenant, app, after, limit).await
    }

    async fn erase(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.inner.erase(key).await
    }
}

/// R6: states that do not fit into one message are brought one by one, and all of them are of one head.
#[tokio::test(flavor = "multi_thread")]
async fn a_blob_that_is_gone_sends_the_reader_back_to_the_head() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new("overtaken");
    let key = scene.key(1);
    let birth = scene.birth();
    let large = |byte| Some(Bytes::from(vec![byte; usize::try_from(MAX_STATE.0).unwrap()]));
    let old = scene.next(&birth.head, &[("a", large(1)), ("b", large(1))]);
    let new = scene.next(&old.head, &[("a", large(2)), ("b", large(2))]);
    let store = Arc::new(Overtaken {
        inner: MemoryStore::default(),
        commit: Mutex::new(Some((key.clone(), new.clone()))),
    });
    let pair = Pair::start(folder.path(), Arc::clone(&store) as Arc<dyn Store>).await;
    for commit in [birth, old] {
        assert_eq!(pair.remote.commit(&key, commit).await.unwrap(), Committed::Done);
    }
    let states = ["a", "b"].map(|state| state.parse().unwrap());
    let found = pair.remote.load(&key, &states.into()).await.unwrap().unwrap();
    assert!(
        store.commit.lock().unwrap().is_none(),
        "one was brought by itself"
    );
    assert_eq!(found.head, new.head);
    let values: Vec<_> = found
        .values
        .values()
        .map(|value| (value.len() as u64, value[0]))
        .collect();
    assert_eq!(values, [(MAX_STATE.0, 2); 2]);
    pair.stop().await;
}
