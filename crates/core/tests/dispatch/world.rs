//! A small network, an application, and requests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fogline_core::application::{
    Application, Durability, Function, FunctionLimits, Guard, Instance, Migrate, RuntimeKind, State,
};
use fogline_core::dispatch::{Map, Request, View};
use fogline_core::model::{
    BitRate, Bytes, Device, ExecutionModel, FunctionClass, NodeName, Operations, Seconds, StateName,
};
use fogline_core::network::{Link, NetworkBuilder, Node, VertexKind};
use fogline_core::policy::Placement;
use fogline_core::telemetry::{FunctionKey, Load};

/// Of every execution until something is learnt, in seconds.
pub(crate) const EXECUTION: f64 = 0.25;
/// Of every machine, in operations per second: four cores.
const SPEED: f64 = 4e9;

/// No sizes of states.
static UNKNOWN: BTreeMap<StateName, Bytes> = BTreeMap::new();

pub(crate) fn name(node: usize) -> NodeName {
    format!("n{node}").parse().unwrap()
}

/// So many machines of four cores, each behind a link of 8 Mb/s and 1 ms to one switch. The even ones have a GPU.
pub(crate) fn view(machines: usize) -> View {
    let mut builder = NetworkBuilder::new();
    let switch = builder.add("/switch", VertexKind::Switch).unwrap();
    let mut here = switch;
    for machine in 0..machines {
        let mut node = Node::of(Device::NUC, true, false);
        node.cpu_millis = 4000;
        node.model = "test".into();
        node.capabilities = if machine % 2 == 0 {
            vec!["gpu=pascal".into()]
        } else {
            Vec::new()
        };
        let at = builder
            .add(name(machine).as_str(), VertexKind::Node(node))
            .unwrap();
        let rate = BitRate::from_mbps(8.0);
        let link = VertexKind::Link(Link {
            rate,
            kind: "node".into(),
        });
        let link = builder.add(format!("/link/{machine}"), link).unwrap();
        for (from, to, ms) in [
            (at, link, 0.0),
            (link, at, 0.0),
            (link, switch, 1.0),
            (switch, link, 0.0),
        ] {
            builder.connect(from, to, Seconds::from_millis(ms)).unwrap();
        }
        if machine == 0 {
            here = at;
        }
    }
    View::new(Arc::new(Map::new(builder.build().unwrap(), None)), here)
}

pub(crate) fn function(requires: &[&str]) -> Function {
    Function {
        runtime: RuntimeKind::Component("f.wasm".into()),
        reads: BTreeSet::new(),
        writes: BTreeSet::from(["s".parse().unwrap()]),
        instance: Instance::PerInvocation,
        limits: FunctionLimits::default(),
        operations: Operations((EXECUTION * SPEED) as u64),
        class: FunctionClass::Generic,
        requires: requires.iter().map(ToString::to_string).collect(),
        output: Bytes(2_000),
    }
}

pub(crate) fn application(function: Function, state: Bytes) -> Application {
    let state = State {
        model: None,
        schema: 1,
        reads_schema_from: 1,
        size: state,
    };
    Application {
        name: "a".parse().unwrap(),
        version: "1".into(),
        model: ExecutionModel::InEdge,
        durability: Durability::EveryCommit,
        guard: Guard::None,
        placement: Placement::default(),
        migrate: Migrate::Never,
        session_ttl: Duration::from_secs(3600),
        functions: BTreeMap::from([("f".parse().unwrap(), function)]),
        states: BTreeMap::from([("s".parse().unwrap(), state)]),
        workflow: Vec::new(),
    }
}

pub(crate) fn key() -> FunctionKey {
    FunctionKey {
        tenant: "t".parse().unwrap(),
        app: "a".parse().unwrap(),
        function: "f".parse().unwrap(),
    }
}

/// An invocation by a client of node 0, whose state is at node `home`.
pub(crate) fn request<'a>(
    view: &View,
    key: &'a FunctionKey,
    app: &'a Application,
    home: usize,
) -> Request<'a> {
    Request {
        key,
        app,
        function: &app.functions[&key.function],
        input: Bytes(1_000),
        states: &UNKNOWN,
        client: view.map().place_of(&name(0)).unwrap(),
        home: view.map().place_of(&name(home)).unwrap(),
        model: ExecutionModel::InEdge,
        draw: 0,
        turn: 0,
        now: Duration::from_secs(100),
    }
}

pub(crate) fn load(pending: u32) -> Load {
    Load {
        running: pending.min(4),
        queued: pending.saturating_sub(4),
        slots: 4,
        free_memory: Bytes(1 << 30),
        busy_permille: 0,
        draining: false,
    }
}
