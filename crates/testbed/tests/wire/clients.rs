//! The Rust client beside operators who ask for its sessions.

use fogline_client::{Client, Error};
use fogline_core::model::{AppName, ExecutionModel, SessionId, StateName};
use fogline_protocol::problem::Kind;
use tempfile::TempDir;

use super::support::{Caller, Nodes, Setup, with_guard};

struct Device {
    client: Client,
    app: AppName,
    session: SessionId,
}

impl Device {
    /// A client that has a session under a model, with a total of 5.
    async fn at(nodes: &Nodes, model: ExecutionModel) -> Self {
        Caller::new(nodes.url("one"))
            .deploy("counter", with_guard("none"))
            .await;
        let client = Client::builder(nodes.url("one")).build().unwrap();
        let app: AppName = "counter".parse().unwrap();
        let session = client.create_session(&app, Some(model)).await.unwrap().session;
        let device = Self { client, app, session };
        assert_eq!(device.add(5).await, "5");
        device
    }

    async fn add(&self, amount: u64) -> String {
        let add = "add".parse().unwrap();
        let reply = self
            .client
            .invoke(&self.app, &self.session, &add, amount.to_string())
            .await
            .unwrap();
        String::from_utf8(reply.output.to_vec()).unwrap()
    }

    async fn model(&self) -> ExecutionModel {
        let session = self.client.session(&self.app, &self.session).await.unwrap();
        session.parts[0].model
    }
}

/// A device with a session in-edge, and an operator at another node.
async fn beside_an_operator() -> (TempDir, Nodes, Device, Client) {
    let folder = tempfile::tempdir().unwrap();
    let nodes = Nodes::start(folder.path(), Setup::default()).await;
    let device = Device::at(&nodes, ExecutionModel::InEdge).await;
    let operator = Client::builder(nodes.url("two")).build().unwrap();
    (folder, nodes, device, operator)
}

#[tokio::test]
async fn an_operator_who_sends_a_session_to_its_client_has_no_copy_to_bring_back() {
    let (_folder, nodes, device, operator) = beside_an_operator().await;
    let (app, session) = (&device.app, &device.session);
    operator
        .convert(app, session, ExecutionModel::InClient)
        .await
        .unwrap();
    assert_eq!(device.add(1).await, "6");
    assert_eq!(device.model().await, ExecutionModel::InClient);
    operator
        .convert(app, session, ExecutionModel::InEdge)
        .await
        .unwrap();
    assert_eq!(
        device.add(1).await,
        "7",
        "it is asked for, and goes on from what it has"
    );
    assert_eq!(device.model().await, ExecutionModel::InEdge);
    assert_eq!(device.add(1).await, "8");
    nodes.stop().await;
}

#[tokio::test]
async fn an_operator_who_changes_their_mind_before_the_client_comes_is_heeded() {
    let folder = tempfile::tempdir().unwrap();
    let nodes = Nodes::start(folder.path(), Setup::default()).await;
    for asked in ["one", "two"] {
        let device = Device::at(&nodes, ExecutionModel::InEdge).await;
        let operator = Client::builder(nodes.url(asked)).build().unwrap();
        let (app, session) = (&device.app, &device.session);
        for model in [ExecutionModel::InClient, ExecutionModel::External] {
            operator.convert(app, session, model).await.unwrap();
        }
        assert_eq!(device.add(1).await, "6", "{asked}");
        assert_eq!(device.model().await, ExecutionModel::External, "{asked}");
        assert_eq!(device.add(1).await, "7", "{asked}");
    }
    nodes.stop().await;
}

#[tokio::test]
async fn a_client_sends_on_what_was_on_its_way_to_it() {
    let (_folder, nodes, device, operator) = beside_an_operator().await;
    let (app, session) = (&device.app, &device.session);
    operator
        .convert(app, session, ExecutionModel::InClient)
        .await
        .unwrap();
    let converted = device
        .client
        .convert(app, session, ExecutionModel::External)
        .await;
    assert_eq!(converted.unwrap().parts[0].model, ExecutionModel::External);
    assert_eq!(device.add(1).await, "6");
    assert_eq!(device.model().await, ExecutionModel::External);
    nodes.stop().await;
}

#[tokio::test]
async fn states_are_read_and_written_where_they_are_and_on_their_way() {
    let (_folder, nodes, device, operator) = beside_an_operator().await;
    let Device { client, app, session } = &device;
    let state: StateName = "total".parse().unwrap();
    let before = client.get_state(app, session, &state).await.unwrap();
    operator
        .convert(app, session, ExecutionModel::InClient)
        .await
        .unwrap();
    assert_eq!(client.get_state(app, session, &state).await.unwrap(), before);
    assert_eq!(device.add(1).await, "6");
    client
        .put_state(app, session, &state, before.clone())
        .await
        .unwrap();
    assert_eq!(client.get_state(app, session, &state).await.unwrap(), before);
    assert_eq!(client.states(app, session).await.unwrap().len(), 1);
    client.delete_state(app, session, &state).await.unwrap();
    let nothing = client.get_state(app, session, &state).await.unwrap_err();
    assert!(
        matches!(&nothing, Error::Problem { problem } if problem.kind == Kind::NotFound),
        "{nothing}"
    );
    assert_eq!(device.add(2).await, "2");
    nodes.stop().await;
}

/// `window` moves; `alarms` is a part of its own, and stays with the client.
#[tokio::test]
async fn a_state_with_a_model_of_its_own_stays_with_the_client_while_the_others_move() {
    let folder = tempfile::tempdir().unwrap();
    let nodes = Nodes::start(folder.path(), Setup::default()).await;
    let edit = |manifest: &str| {
        let manifest = manifest.replace(
            "model = \"in-function\"\ndurability = \"every-commit\"",
            "model = \"in-edge\"",
        );
        manifest.replace("[states.alarms]", "[states.alarms]\nmodel = \"in-client\"")
    };
    Caller::new(nodes.url("one")).deploy("sensor", edit).await;
    let client = Client::builder(nodes.url("one")).build().unwrap();
    let app: AppName = "sensor".parse().unwrap();
    let session = client.create_session(&app, None).await.unwrap().session;
    let (window, alarms): (StateName, StateName) = ("window".parse().unwrap(), "alarms".parse().unwrap());
    client.put_state(&app, &session, &alarms, "[]").await.unwrap();
    let mut readings = 0;
    for to in [
        ExecutionModel::External,
        ExecutionModel::InFunction,
        ExecutionModel::InEdge,
    ] {
        client.run(&app, &session, "1").await.unwrap();
        client.convert(&app, &session, to).await.unwrap();
        client.run(&app, &session, "1").await.unwrap();
        readings += 2;
        let kept = client.get_state(&app, &session, &window).await.unwrap();
        let kept: Vec<f64> = serde_json::from_slice(&kept).unwrap();
        assert_eq!(kept.len(), readings, "{to}");
        assert_eq!(client.get_state(&app, &session, &alarms).await.unwrap(), "[]");
        let states = client.states(&app, &session).await.unwrap();
        let names: Vec<_> = states.iter().map(|state| state.name.as_str()).collect();
        assert_eq!(names, ["alarms", "window"], "{to}");
        let described = client.session(&app, &session).await.unwrap();
        let models: Vec<_> = described.parts.iter().map(|part| part.model).collect();
        assert_eq!(models, [to, ExecutionModel::InClient]);
    }
    nodes.stop().await;
}

#[tokio::test]
async fn inputs_and_outputs_may_be_values() {
    let (_folder, nodes, device, _) = beside_an_operator().await;
    let Device { client, app, session } = &device;
    let add = "add".parse().unwrap();
    let total: i64 = client.invoke_json(app, session, &add, &1_u8).await.unwrap();
    assert_eq!(total, 6);
    let total: i64 = client.run_json(app, session, &1_i32).await.unwrap();
    assert_eq!(total, 7);
    let text: Result<String, _> = client.invoke_json(app, session, &add, &1).await;
    assert!(matches!(text, Err(Error::Output(_))), "{text:?}");
    let no_json = std::collections::BTreeMap::from([((1, 2), 3)]);
    let refused: Result<i64, _> = client.run_json(app, session, &no_json).await;
    assert!(matches!(refused, Err(Error::Input(_))), "{refused:?}");
    assert_eq!(
        device.add(0).await,
        "8",
        "what was not understood was executed, what was not sent was not"
    );
    nodes.stop().await;
}
