//! The four places for state, on real nodes: the same component, the same answers.

mod support;

use support::{Caller, network};

const MODELS: [&str; 4] = ["external", "in-edge", "in-function", "in-client"];

#[tokio::test(flavor = "multi_thread")]
async fn a_counter_counts_wherever_its_state_lives() {
    let folder = tempfile::tempdir().unwrap();
    let network = network(folder.path()).await;
    let caller = Caller::new(&network);
    caller.deploy("counter", str::to_owned).await;
    for model in MODELS {
        let mut held = caller.session("counter", model).await;
        for expected in ["5", "10", "15"] {
            let answer = caller.in_session(&mut held, "functions/add", "5", &[]).await.ok();
            assert_eq!(answer.text(), expected, "{model}");
        }
        let answer = caller.in_session(&mut held, "functions/peek", "null", &[]).await.ok();
        assert_eq!(answer.text(), "15", "{model}");
    }
    network.stop().await;
}
