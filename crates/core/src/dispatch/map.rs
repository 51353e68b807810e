//! The network as a dispatcher sees it.

use crate::cost::{Cloud, Repository};
use crate::model::{FunctionClass, NodeName};
use crate::network::{Network, Node, RouteOptions, Routes, VertexId};

/// A machine on the map that runs functions.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// The node.
    pub name: NodeName,
    /// Its place.
    pub at: VertexId,
    /// What it is.
    pub node: Node,
}

impl Machine {
    /// Whether it has a capability, as `gpu` or `gpu=pascal` or `arch=aarch64`.
    #[must_use]
    pub fn has(&self, required: &str) -> bool {
        required
            .strip_prefix("arch=")
            .is_some_and(|arch| arch == self.node.arch)
            || self
                .node
                .capabilities
                .iter()
                .any(|capability| capability == required || capability.split('=').next() == Some(required))
    }

    /// Its speed at functions of a class, in operations per second.
    #[must_use]
    pub fn speed(&self, class: FunctionClass) -> f64 {
        self.node.speed(class).0
    }
}

/// The network, its paths, and who runs functions.
#[derive(Debug)]
pub struct Map {
    network: Network,
    routes: Routes,
    machines: Vec<Machine>,
    cloud: Option<VertexId>,
}

impl Map {
    /// The map of a network. Workers whose name no node can have are left out; `cloud` is where external state is.
    #[must_use]
    pub fn new(network: Network, cloud: Option<VertexId>) -> Self {
        let routes = Routes::new(&network, RouteOptions::default());
        let mut machines: Vec<Machine> = network
            .node_ids()
            .filter(|id| network.node(*id).worker && !network.node(*id).client)
            .filter_map(|id| {
                let name = network.node_name(id).parse().ok()?;
                Some(Machine {
                    name,
                    at: network.node_vertex(id),
                    node: network.node(id).clone(),
                })
            })
            .collect();
        // Ties go to the lower name, whatever the order of a file.
        machines.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            network,
            routes,
            machines,
            cloud,
        }
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Its paths.
    #[must_use]
    pub fn routes(&self) -> &Routes {
        &self.routes
    }

    /// The machines that run functions, by name.
    #[must_use]
    pub fn machines(&self) -> &[Machine] {
        &self.machines
    }

    /// A node's place: a machine's, or the cloud's.
    #[must_use]
    pub fn place_of(&self, node: &NodeName) -> Option<VertexId> {
        let at = self.network.find(node.as_str())?;
        self.network.link(at).is_none().then_some(at)
    }

    /// Where external state is. A network without a cloud has it nowhere in particular.
    #[must_use]
    pub fn cloud(&self) -> Option<Cloud> {
        self.cloud.map(Cloud::At)
    }

    /// A store at a place, as a client sees it.
    #[must_use]
    pub fn repository(&self, at: VertexId, client: VertexId) -> Repository {
        let (to_client, from_client) = (self.routes.path(at, client), self.routes.path(client, at));
        Repository {
            at,
            to_client,
            from_client,
        }
    }
}
