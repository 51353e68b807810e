//! One node, on its own, to be loaded.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use fogline_core::dispatch::Map;
use fogline_core::model::{Device, NodeName, TenantName};
use fogline_core::network::{NetworkBuilder, Node, VertexKind};
use fogline_node::{Body, External, Handle, Limits, Operator, Options, Others, Response, Tenants, start};
use fogline_runtime::Runtimes;
use fogline_runtime::component::{ComponentOptions, ComponentRuntime};
use fogline_runtime::process::ProcessRuntime;
use fogline_state::seal::Keyring;
use http::Request;

use crate::error::BenchError;

/// How it is run.
#[derive(Clone, Debug)]
pub struct LocalOptions {
    /// The folder of its store and of what it has compiled.
    pub data: PathBuf,
    /// Whether workers come from a pool; without one they are made more slowly.
    pub pooling: bool,
}

/// A node without peers, on a free port of the loopback interface, without tokens. Its own store is also the one
/// behind `external`, so that the four models can be told apart by what they do, not by how far they go.
pub struct LocalNode(Handle);

impl LocalNode {
    /// Starts it. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When its folder cannot be used, or the machine lacks what a node needs.
    pub async fn start(options: LocalOptions) -> Result<Self, BenchError> {
        let name: NodeName = "edge".parse().expect("it is a name");
        let tenant: TenantName = "local".parse().expect("it is a name");
        let mut network = NetworkBuilder::new();
        let machine = Node::of(Device::NUC, true, false);
        let added = network.add(name.as_str(), VertexKind::Node(machine));
        added.expect("a network of one catalogued machine is one");
        let network = network.build().expect("a network of one machine is one");
        let cache = Some(options.data.join("compiled"));
        let component = ComponentOptions {
            cache,
            pooling: options.pooling,
            ..ComponentOptions::default()
        };
        let runtime = Runtimes::new(ComponentRuntime::new(component)?, ProcessRuntime);
        let options = Options {
            data: options.data,
            http: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tenants: Tenants::Open(tenant.clone()),
            operator: Operator::Anyone,
            keyrings: BTreeMap::from([(tenant, Keyring::generate())]),
            external: External::Node(name.clone()),
            quorum: None,
            slots: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            limits: Limits::default(),
            peers: None,
            others: Others::Listed(Vec::new(), Arc::new(Map::new(network, None))),
            traces: None,
            decisions: None,
            runtime: Arc::new(runtime),
            name,
        };
        Ok(Self(start(options).await?))
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.http()
    }

    /// Answers a request without a socket.
    pub async fn answer(&self, request: Request<Body>) -> Response {
        self.0.answer(request).await
    }

    /// Stops it.
    pub async fn stop(self) {
        self.0.stop().await;
    }
}
