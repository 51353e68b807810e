//! What the steps of a run have in every attempt: the time, and the outputs that they had (R2, R16, R18).

use std::collections::BTreeSet;
use std::time::Duration;

use fogline_client::{Client, Package};
use fogline_node::Limits;
use fogline_protocol::multipart::Part;

use super::rules::{MODELS, two_callers};
use super::support::{Setup, program};

const KEY: (&str, &str) = ("idempotency-key", "run");
const HOPS: (&str, &str) = ("fogline-run-by", "hops");

/// The counter of words behind a step that only reads: it gives the input and how many different words there were.
fn looking_first() -> Vec<Part> {
    let edit = |manifest: &str| {
        let (before, count) = manifest.split_once("[[workflow.steps]]").unwrap();
        let look = "[functions.look]\nprocess = [\"python3\", \"app.py\"]\nreads = [\"words\"]\n";
        let step = "[[workflow.steps]]\nname = \"look\"\nfunction = \"look\"\n";
        let before = before.replacen("[application]", "[application]\nguard = \"mark\"", 1);
        format!("{before}\n{look}\n{step}\n[[workflow.steps]]{count}")
    };
    let look = "    if request[\"function\"] == \"look\":\n        \
                stored = request[\"states\"].get(\"words\")\n        \
                words = json.loads(base64.b64decode(stored[\"value\"])) if stored else {}\n        \
                text = base64.b64decode(request[\"input\"]).decode()\n        \
                output = base64.b64encode(f\"{text} {len(words)}\".encode()).decode()\n        \
                return {\"output\": output, \"states\": {}}\n";
    program(edit, look)
}

/// R2 and R16: a run that is asked for again, because its answer was lost, has what it had, also at a node that has no
/// record of it.
#[tokio::test]
async fn a_step_that_only_read_gives_a_run_that_goes_on_what_it_gave_before() {
    let (_folder, nodes, one, two) = two_callers(Setup::default()).await;
    one.deploy_parts(&looking_first()).await.ok();
    for model in MODELS {
        for by in [("accept", "*/*"), HOPS] {
            let mut lost = one.session("words", model).await;
            let mut held = lost.clone();
            let first = one.in_session(&mut lost, "runs", "a", &[KEY, by]).await.ok();
            let again = two.in_session(&mut held, "runs", "a", &[KEY, by]).await.ok();
            for answer in [&first, &again] {
                assert_eq!(answer.text(), "{\"0\": 1, \"a\": 1}", "{model} {by:?}");
            }
            let next = two.in_session(&mut held, "runs", "a", &[by]).await.ok();
            let counted = "{\"0\": 1, \"2\": 1, \"a\": 2}";
            assert_eq!(next.text(), counted, "{model} {by:?}: nothing was done twice");
        }
    }
    nodes.stop().await;
}

/// R12: what a client has seen of one part of a session is not held against another.
#[tokio::test]
async fn a_function_that_reads_several_parts_is_behind_nothing() {
    let (_folder, nodes, ..) = two_callers(Setup::default()).await;
    for (own, other) in MODELS.iter().flat_map(|own| MODELS.map(|other| (own, other))) {
        if *own == other {
            continue;
        }
        let mut parts = looking_first();
        let manifest = String::from_utf8(parts[0].bytes.to_vec()).unwrap();
        let manifest = manifest
            .replacen("name = \"words\"", &format!("name = \"{own}-{other}\""), 1)
            .replacen("model = \"in-edge\"", &format!("model = \"{own}\""), 1)
            .replacen("reads = [\"words\"]", "reads = [\"words\", \"zeta\"]", 1)
            .replacen(
                "[functions.count]",
                &format!("[states.zeta]\nmodel = \"{other}\"\n\n[functions.count]"),
                1,
            );
        parts[0].bytes = manifest.into();
        let files = parts.split_off(1).into_iter().map(|part| (part.name, part.bytes));
        let package = Package {
            manifest: parts.remove(0).bytes,
            files: files.collect(),
        };
        let client = Client::builder(nodes.url("one")).build().unwrap();
        let app = client.deploy(&package).await.unwrap();
        let session = client.create_session(&app.name, None).await.unwrap().session;
        let invoke = async |function: &str| {
            let function = function.parse().unwrap();
            let reply = client.invoke(&app.name, &session, &function, "a").await;
            reply
                .unwrap_or_else(|error| panic!("{own} and {other}: {error:?}"))
                .output
        };
        invoke("count").await;
        assert_eq!(invoke("look").await, "a 1", "{own} and {other}");
    }
    nodes.stop().await;
}

/// R18: a step that is fired again, at whichever node, sees the time and the number that it saw.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_is_fired_again_sees_the_same_time_and_seed() {
    let setup = Setup {
        limits: Limits {
            fire_again_after: Duration::from_millis(50),
            ..Limits::default()
        },
        ..Setup::default()
    };
    let (folder, nodes, one, _) = two_callers(setup).await;
    let seen = folder.path().join("seen");
    let in_turn = |it: &str| it.replacen("[application]", "[application]\nplacement = \"round-robin\"", 1);
    // Goes on when it has been begun at both nodes.
    let noting = format!(
        "    import time\n    it = request[\"invocation\"]\n    with open({seen:?}, \"a\") as file:\n        \
         file.write(f\"{{it['id']}} {{it['now']}} {{it['seed']}} {{it['deadline']}}\\n\")\n    \
         while len(open({seen:?}).readlines()) < 2:\n        time.sleep(0.01)\n",
        seen = seen.display().to_string()
    );
    one.deploy_parts(&program(in_turn, &noting)).await.ok();
    let mut held = one.session("words", "in-edge").await;
    let ran = one.in_session(&mut held, "runs", "a", &[HOPS]).await.ok();
    assert_eq!(ran.text(), "{\"a\": 1}", "executed twice, and committed once");
    let text = std::fs::read_to_string(&seen).unwrap();
    let different: BTreeSet<&str> = text.lines().collect();
    assert!(text.lines().count() > 1 && different.len() == 1, "{text}");
    nodes.stop().await;
}
