//! Kept workers: each has seen the very head that it is used on (R13).

use super::rules::{STORED, path, two_callers};
use super::support::{Caller, Held, Meddling, Setup};
use fogline_protocol::multipart::{self, Part};

#[path = "../../../runtime/tests/support/component.rs"]
pub(super) mod guests;

const MANIFEST: &str = r#"
fogline = 1

[application]
name = "kept"
version = "0.1.0"
model = "in-edge"

[states.s]
schema = 1
size = "1 kB"

[functions.f]
component = "f.wasm"
writes = ["s"]
instance = "per-session"

[functions.without]
component = "f.wasm"
instance = "per-session"
"#;

pub(super) async fn deploy(caller: &Caller) {
    let parts = [
        Part::new(multipart::MANIFEST, MANIFEST),
        Part::new("f.wasm", guests::guest()),
    ];
    caller.deploy_parts(&parts).await.ok();
}

async fn call(caller: &Caller, held: &mut Held, input: &'static str) -> bytes::Bytes {
    caller.in_session(held, "functions/f", input, &[]).await.ok().body
}

/// How often the worker that answers was asked this.
async fn count(caller: &Caller, held: &mut Held) -> u8 {
    call(caller, held, "n").await[0]
}

#[tokio::test]
async fn a_worker_that_has_not_seen_what_somebody_else_committed_is_not_used() {
    let (_folder, nodes, one, two) = two_callers(Setup::default()).await;
    deploy(&one).await;
    for model in STORED {
        let mut held = one.session("kept", model).await;
        for expected in 1..=3 {
            assert_eq!(count(&one, &mut held).await, expected, "{model}: it is kept");
        }
        let state = format!("{}{}/states/s", two.url, path(&held));
        two.send(two.http.put(state).body("other")).await.ok();
        assert_eq!(count(&one, &mut held).await, 1, "{model}: the head is another");
        call(&one, &mut held, "sown").await;
        assert_eq!(count(&one, &mut held).await, 2, "{model}: the head is its own");
    }
    nodes.stop().await;
}

#[tokio::test]
async fn a_worker_whose_commit_came_too_late_is_not_used_again() {
    let setup = Setup {
        meddling: Meddling::Conflict,
        ..Setup::default()
    };
    let (_folder, nodes, one, _) = two_callers(setup).await;
    deploy(&one).await;
    let mut held = one.session("kept", "in-edge").await;
    let mut counts = Vec::new();
    for input in ["sfirst", "ssecond", "sthird"] {
        call(&one, &mut held, input).await;
        counts.push(count(&one, &mut held).await);
    }
    assert_eq!(counts, [1, 2, 1], "the third commit conflicts");
    nodes.stop().await;
}

#[tokio::test]
async fn a_function_without_states_keeps_its_worker_for_the_session_too() {
    let (_folder, nodes, one, _) = two_callers(Setup::default()).await;
    deploy(&one).await;
    for _ in 0..2 {
        let mut held = one.session("kept", "in-edge").await;
        for expected in 1..=3 {
            let answer = one.in_session(&mut held, "functions/without", "n", &[]).await;
            assert_eq!(
                answer.ok().body[0],
                expected,
                "each session has a worker of its own"
            );
        }
    }
    nodes.stop().await;
}

/// `f` writes `s` and reads `r`, which `g` writes; `r` is kept under this model.
fn two_states(model: &str) -> String {
    format!(
        r#"
fogline = 1

[application]
name = "kept"
version = "0.1.0"
model = "in-client"

[states.s]
schema = 1
size = "1 kB"

[states.r]
schema = 1
size = "1 kB"
model = "{model}"

[functions.f]
component = "f.wasm"
reads = ["r"]
writes = ["s"]
instance = "per-session"

[functions.g]
component = "f.wasm"
writes = ["r"]
"#
    )
}

#[tokio::test]
async fn a_worker_is_not_used_on_another_value_of_a_state_that_it_only_reads() {
    for model in ["in-client", "external", "in-function"] {
        let (_folder, nodes, one, _) = two_callers(Setup::default()).await;
        let parts = [
            Part::new(multipart::MANIFEST, two_states(model)),
            Part::new("f.wasm", guests::guest()),
        ];
        one.deploy_parts(&parts).await.ok();
        let mut held = one.session("kept", "in-client").await;
        // Which of two heads of one version is taken for the newer one is chance.
        for round in 0..8 {
            call(&one, &mut held, "sown").await;
            one.in_session(&mut held, "functions/g", "wother", &[]).await.ok();
            assert_eq!(count(&one, &mut held).await, 1, "{model}, {round}: r is another");
            assert_eq!(count(&one, &mut held).await, 2, "{model}, {round}: it is kept");
        }
        nodes.stop().await;
    }
}

/// What one node can answer, another one must be able to hand on: it is refused before it is committed.
#[tokio::test]
async fn an_answer_that_fits_into_no_frame_is_refused_wherever_the_session_is() {
    for guard in ["none", "mark"] {
        let (_folder, nodes, one, two) = two_callers(Setup::default()).await;
        let manifest = MANIFEST
            .replace(
                "model = \"in-edge\"",
                &format!("model = \"in-client\"\nguard = \"{guard}\""),
            )
            .replace("size = \"1 kB\"", "size = \"6 MB\"");
        let parts = [
            Part::new(multipart::MANIFEST, manifest),
            Part::new("f.wasm", guests::guest()),
        ];
        one.deploy_parts(&parts).await.ok();
        let mut held = one.session("kept", "in-client").await;
        for (caller, half) in [(&one, "first"), (&two, "second")] {
            let before = held.envelopes.clone();
            // Appended, and then given back whole: 4 MiB in and out, 8 MiB of each is too much.
            let noise = noise(4 << 20);
            let answer = caller.in_session(&mut held, "functions/f", noise, &[]).await;
            match half {
                "first" => drop(answer.ok()),
                _ => {
                    answer.is(413, "too-large");
                    assert_eq!(held.envelopes, before, "{guard}: nothing is committed");
                }
            }
        }
        call(&two, &mut held, "sagain").await;
        nodes.stop().await;
    }
}

/// `a` and so many bytes that cannot be compressed.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as u8
    };
    std::iter::once(b'a')
        .chain(std::iter::repeat_with(&mut next).take(bytes))
        .collect()
}
