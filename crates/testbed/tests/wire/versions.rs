//! States that only some versions of an application declare: no session loses them (R9, R14, R19).

use fogline_protocol::multipart::{self, Part};

use super::kept::guests;
use super::rules::{path, two_callers};
use super::support::{CLIENT, Caller, Held, Setup, package, program};

/// The counter of words, in its second version beside a state of notes, which an invocation appends to.
fn words(version: u32) -> Vec<Part> {
    let notes = "[states.notes]\nschema = 1\n\n[functions.note]\nprocess = [\"python3\", \"app.py\"]\nwrites = [\"notes\"]\n";
    let edit = |manifest: &str| {
        let manifest = manifest.replacen("0.1.0", &format!("0.{version}.0"), 1);
        let notes = if version == 2 { notes } else { "" };
        manifest.replacen("[functions.count]", &format!("{notes}\n[functions.count]"), 1)
    };
    let note = "    if request[\"function\"] == \"note\":\n        \
                stored = request[\"states\"].get(\"notes\")\n        \
                notes = base64.b64decode(stored[\"value\"]) if stored else b\"\"\n        \
                value = base64.b64encode(notes + base64.b64decode(request[\"input\"])).decode()\n        \
                return {\"output\": value, \"states\": {\"notes\": value}}\n";
    program(edit, note)
}

async fn note(caller: &Caller, held: &mut Held, text: &'static str) -> String {
    let answer = caller.in_session(held, "functions/note", text, &[]).await;
    answer.ok().text()
}

async fn convert(caller: &Caller, held: &mut Held, model: &str) {
    let client = [("fogline-client", CLIENT)];
    caller.convert(held, model, &client).await.ok();
    if model != "in-client" {
        held.envelopes.clear();
    }
}

#[tokio::test]
async fn a_session_takes_states_along_that_the_version_served_does_not_declare() {
    let (_folder, nodes, one, _) = two_callers(Setup::default()).await;
    for guard in ["none", "mark"] {
        let guarded = |version| {
            let mut parts = words(version);
            let manifest = String::from_utf8(parts[0].bytes.to_vec()).unwrap();
            let guard = format!("[application]\nguard = \"{guard}\"");
            parts[0].bytes = manifest.replacen("[application]", &guard, 1).into();
            parts
        };
        one.deploy_parts(&guarded(2)).await.ok();
        let mut held = one.session("words", "in-edge").await;
        assert_eq!(note(&one, &mut held, "a").await, "a");
        one.deploy_parts(&guarded(1)).await.ok();
        convert(&one, &mut held, "in-client").await;
        one.deploy_parts(&guarded(2)).await.ok();
        assert_eq!(note(&one, &mut held, "b").await, "ab", "{guard}: to its client");
        one.deploy_parts(&guarded(1)).await.ok();
        convert(&one, &mut held, "in-edge").await;
        one.deploy_parts(&guarded(2)).await.ok();
        assert_eq!(note(&one, &mut held, "c").await, "abc", "{guard}: and back");
        one.send(one.http.delete(format!("{}/v1/apps/words", one.url)))
            .await
            .ok();
    }
    nodes.stop().await;
}

#[tokio::test]
async fn a_state_that_came_with_a_later_version_can_be_used_by_clients_that_hold_older_sessions() {
    let (_folder, nodes, one, _) = two_callers(Setup::default()).await;
    one.deploy_parts(&words(1)).await.ok();
    let mut held = one.session("words", "in-client").await;
    let count = one.in_session(&mut held, "functions/count", "a", &[]).await;
    assert_eq!(count.ok().text(), "{\"a\": 1}");
    one.deploy_parts(&words(2)).await.ok();
    assert_eq!(note(&one, &mut held, "b").await, "b");
    assert_eq!(note(&one, &mut held, "c").await, "bc");
    nodes.stop().await;
}

/// What a client gets in one answer it must be able to send in one body.
#[tokio::test]
async fn a_session_that_its_client_could_not_hold_stays_where_it_is() {
    let (_folder, nodes, one, two) = two_callers(Setup::default()).await;
    one.deploy_parts(&words(2)).await.ok();
    for model in ["in-edge", "in-function"] {
        let mut held = one.session("words", model).await;
        for state in ["words", "notes"] {
            let url = format!("{}{}/states/{state}", two.url, path(&held));
            two.send(two.http.put(url).body(vec![b'x'; 7 << 20])).await.ok();
        }
        for caller in [&one, &two] {
            let refused = caller
                .convert(&mut held, "in-client", &[("fogline-client", CLIENT)])
                .await;
            refused.is(413, "too-large");
        }
        let notes = two
            .send(two.get(&format!("{}/states/notes", path(&held))))
            .await
            .ok();
        assert_eq!(notes.body.len(), 7 << 20, "{model}");
    }
    nodes.stop().await;
}

/// A state that moved to another line of the manifest would not be found again in the sessions that have it.
#[tokio::test]
async fn a_version_in_which_a_state_has_another_model_of_its_own_is_refused_unless_forced() {
    let (_folder, nodes, one, _) = two_callers(Setup::default()).await;
    let own = |manifest: &str| manifest.replace("[states.total]", "[states.total]\nmodel = \"external\"");
    one.deploy("counter", own).await;
    let mut held = one.session("counter", "in-edge").await;
    one.in_session(&mut held, "functions/add", "5", &[]).await.ok();
    let refused = one.deploy_parts(&package("counter", str::to_owned)).await;
    refused.is(409, "conflict");
    assert!(refused.text().contains("total"), "{}", refused.text());
    let added = one.in_session(&mut held, "functions/add", "1", &[]).await;
    assert_eq!(added.ok().text(), "6", "the version before is served");
    one.force_deploy("counter", str::to_owned).await;
    let added = one.in_session(&mut held, "functions/add", "1", &[]).await;
    assert_eq!(added.ok().text(), "1", "it begins anew");
    nodes.stop().await;
}

/// R15: no commit writes to two heads, whatever the manifest became after the session's birth.
#[tokio::test]
async fn a_function_that_would_write_two_parts_of_an_older_session_is_refused_in_it() {
    let (_folder, nodes, one, _) = two_callers(Setup::default()).await;
    let guest = |model: &str, writes: &str| {
        let manifest = format!(
            "fogline = 1\n[application]\nname = \"two\"\nversion = \"0.1.0\"\nmodel = \"{model}\"\n\
             [states.s]\nschema = 1\nsize = \"1 kB\"\n\
             [states.r]\nschema = 1\nsize = \"1 kB\"\nmodel = \"in-edge\"\n\
             [functions.f]\ncomponent = \"f.wasm\"\nwrites = {writes}\n"
        );
        vec![
            Part::new(multipart::MANIFEST, manifest),
            Part::new("f.wasm", guests::guest()),
        ]
    };
    one.deploy_parts(&guest("external", "[\"s\"]")).await.ok();
    let mut old = one.session("two", "external").await;
    one.deploy_parts(&guest("in-edge", "[\"s\", \"r\"]")).await.ok();
    let refused = one.in_session(&mut old, "functions/f", "wvalue", &[]).await;
    refused.is(409, "conflict");
    let mut new = one.session("two", "in-edge").await;
    one.in_session(&mut new, "functions/f", "wvalue", &[]).await.ok();
    nodes.stop().await;
}

/// R14: two steps at once would each be given the same envelope, and one of their updates would be lost.
#[tokio::test]
async fn steps_at_once_of_a_later_version_do_not_write_one_state_of_a_session_that_is_with_its_client() {
    let (_folder, nodes, one, _) = two_callers(Setup::default()).await;
    one.deploy("counter", str::to_owned).await;
    let mut held = one.session("counter", "in-client").await;
    let ran = one.in_session(&mut held, "runs", "5", &[]).await.ok();
    assert_eq!(ran.text(), "5");
    let twice = "\n[[workflow.steps]]\nname = \"again\"\nfunction = \"add\"\nafter = []\n";
    one.deploy("counter", |manifest| manifest.to_owned() + twice)
        .await;
    for prefer in ["wait=10", "respond-async"] {
        let refused = one
            .in_session(&mut held, "runs", "1", &[("prefer", prefer)])
            .await;
        refused.is(409, "conflict");
    }
    let mut convert = held.clone();
    one.convert(&mut convert, "in-edge", &[("fogline-client", CLIENT)])
        .await
        .ok();
    convert.envelopes.clear();
    one.in_session(&mut convert, "runs", "1", &[]).await.ok();
    nodes.stop().await;
}

/// What a component wrote under one schema another reads through its `upgrade`, and writes under its own.
#[tokio::test]
async fn a_state_is_upgraded_by_the_function_that_next_writes_it() {
    let (_folder, nodes, one, _) = two_callers(Setup::default()).await;
    for model in ["in-edge", "in-function", "in-client"] {
        one.deploy_parts(&package("counter", str::to_owned)).await.ok();
        let mut held = one.session("counter", model).await;
        let add = async |held: &mut Held, amount| {
            let answer = one.in_session(held, "functions/add", amount, &[]).await;
            answer.ok().text()
        };
        assert_eq!(add(&mut held, "250").await, "250", "{model}");
        one.deploy_parts(&package("upgraded", str::to_owned)).await.ok();
        assert_eq!(add(&mut held, "1").await, "3.5", "{model}: hundredths before");
        assert_eq!(add(&mut held, "1").await, "4.5", "{model}: upgraded once");
        one.send(one.http.delete(format!("{}/v1/apps/counter", one.url)))
            .await
            .ok();
    }
    nodes.stop().await;
}
