//! The host's path of an invocation, whose instructions `cargo xtask instructions` counts under valgrind: from the
//! request to its answer, without a socket, on one thread, with workers from the operating system (the pool reserves
//! more addresses than valgrind has).

use std::hint::black_box;

use fogline_bench::{BenchError, Kind, LocalNode, LocalOptions, Same, Script, deploy, sessions};
use fogline_core::application::Durability;
use fogline_core::model::ExecutionModel;
use http_body_util::{BodyExt, Either};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// A part: its name, and the function that it invokes in a session, if it needs one.
type Part = (&'static str, &'static str, bool);

/// All parts: a fresh worker without a state, a kept one, a kept one that reads, a fresh one that writes and commits to
/// memory.
const PARTS: &[Part] = &[
    ("node-fresh", "echo", false),
    ("node-kept", "echo-kept", true),
    ("node-read", "read-kept", true),
    ("node-commit", "add", true),
];

const KIND: Kind = Kind {
    durability: Durability::Memory,
};
/// Invocations that count, and as many before them.
const COUNT: usize = 200;

#[expect(clippy::print_stdout, reason = "the list of parts is data")]
fn main() {
    let chosen = std::env::args().nth(1).unwrap_or_default();
    match PARTS.iter().find(|(name, ..)| *name == chosen) {
        Some((_, function, in_session)) => measure(function, *in_session),
        None if chosen == "--list" => PARTS.iter().for_each(|(name, ..)| println!("{name}")),
        None => {}
    }
}

/// Inside this function, instructions count. Its name is known to `cargo xtask instructions`.
#[inline(never)]
fn guarded_part(runtime: &Runtime, node: &LocalNode, script: &mut impl Script) {
    runtime.block_on(invoke(node, script));
}

fn measure(function: &str, in_session: bool) {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("one thread can be had");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (node, mut prepared) = runtime
        .block_on(prepare(&folder, function))
        .expect("the node starts");
    if in_session {
        let session = prepared.pop().expect("one was made");
        count(&runtime, &node, session);
    } else {
        let path = format!("/v1/apps/{}/functions/{function}", KIND.app());
        count(&runtime, &node, Same::post(&path, "1"));
    }
    runtime.block_on(node.stop());
}

fn count(runtime: &Runtime, node: &LocalNode, mut script: impl Script) {
    runtime.block_on(invoke(node, &mut script));
    guarded_part(runtime, node, &mut script);
}

async fn prepare(
    folder: &TempDir,
    function: &str,
) -> Result<(LocalNode, Vec<fogline_bench::InSession>), BenchError> {
    let options = LocalOptions {
        data: folder.path().to_owned(),
        pooling: false,
    };
    let node = LocalNode::start(options).await?;
    let mut connection = fogline_bench::Server::of(node.address()).connect().await?;
    deploy(&mut connection, KIND).await?;
    let model = ExecutionModel::InFunction;
    let sessions = sessions(&mut connection, KIND, model, function, "1", 1).await?;
    Ok((node, sessions))
}

async fn invoke(node: &LocalNode, script: &mut impl Script) {
    for _ in 0..COUNT {
        let request = script.request().map(Either::Right);
        let answer = node.answer(request).await;
        assert!(answer.status().is_success(), "{}", answer.status());
        black_box(answer.into_body().collect().await.expect("the body is here"));
    }
}
