//! Runs, and what every attempt at their steps sees (R16, R18, R21); programs in another language.

use std::collections::BTreeSet;

use data_encoding::BASE64;
use fogline_client::Client;
use fogline_core::model::ExecutionModel;
use fogline_protocol::api::{Envelopes, Run, RunStatus};

use super::rules::{MODELS, STORED, path, two_callers};
use super::support::{CLIENT, Meddling, Setup, deadline, program, with_guard};

/// R16 and R21: a run has a name, ends once, and may be left to the node.
#[tokio::test]
async fn a_run_with_a_name_ends_once_also_when_nobody_waits_for_it() {
    let (_folder, nodes, one, _) = two_callers(Setup::default()).await;
    one.deploy("counter", str::to_owned).await;
    for model in STORED {
        let mut held = one.session("counter", model).await;
        let key = [("idempotency-key", "run-1")];
        for _ in 0..2 {
            assert_eq!(
                one.in_session(&mut held, "runs", "5", &key).await.ok().text(),
                "5",
                "{model}"
            );
        }
        let other = one.in_session(&mut held, "runs", "6", &key).await;
        assert_eq!(
            (other.status, other.kind().as_str()),
            (422, "key-reused"),
            "{model}"
        );
        let later = [("idempotency-key", "run-2"), ("prefer", "respond-async")];
        let mut ids = BTreeSet::new();
        for _ in 0..3 {
            let accepted = one.in_session(&mut held, "runs", "7", &later).await;
            assert_eq!(accepted.status, 202, "{model}: {}", accepted.text());
            ids.insert(accepted.json::<Run>().run.to_string());
        }
        let [id] = Vec::from_iter(ids).try_into().expect("one name, one run");
        let end = deadline();
        loop {
            let run: Run = one
                .send(one.get(&format!("{}/runs/{id}", path(&held))))
                .await
                .ok()
                .json();
            match run.status {
                RunStatus::Done => break,
                RunStatus::Accepted => assert!(std::time::Instant::now() < end, "{model}: {run:?}"),
                RunStatus::Failed => panic!("{model}: {run:?}"),
            }
            tokio::task::yield_now().await;
        }
        let result = one
            .send(one.get(&format!("{}/runs/{id}/result", path(&held))))
            .await
            .ok();
        assert_eq!(result.text(), "12", "{model}");
        assert_eq!(
            one.in_session(&mut held, "functions/peek", "null", &[])
                .await
                .ok()
                .text(),
            "12",
            "{model}"
        );
        // R3: what has ended answers for no run either.
        let url = format!("{}{}", one.url, path(&held));
        one.send(one.http.delete(url)).await.ok();
        one.in_session(&mut held, "runs", "5", &key).await.is(410, "gone");
        for of_run in ["", "/result"] {
            let gone = one.get(&format!("{}/runs/{id}{of_run}", path(&held)));
            one.send(gone).await.is(410, "gone");
        }
    }
    nodes.stop().await;
}

/// A number promises more than the record of a run keeps.
#[tokio::test]
async fn a_run_is_not_known_by_a_number() {
    let (_folder, nodes, one, _) = two_callers(Setup::default()).await;
    one.deploy("counter", str::to_owned).await;
    let mut held = one.session("counter", "in-edge").await;
    let number = [("fogline-client", CLIENT), ("fogline-sequence", "1")];
    let refused = one.in_session(&mut held, "runs", "5", &number).await;
    refused.is(400, "bad-request");
    nodes.stop().await;
}

/// R21: what the client holds goes along with the run, and comes back with its result.
#[tokio::test]
async fn a_run_of_a_session_that_is_with_its_client_can_be_left_to_the_node() {
    for guard in ["none", "mark"] {
        let (_folder, nodes, one, _) = two_callers(Setup::default()).await;
        one.deploy("counter", with_guard(guard)).await;
        let mut held = one.session("counter", "in-client").await;
        one.in_session(&mut held, "functions/add", "5", &[]).await.ok();
        let later = [("idempotency-key", "run"), ("prefer", "respond-async")];
        let accepted = one.in_session(&mut held, "runs", "7", &later).await;
        assert_eq!(accepted.status, 202, "{guard}: {}", accepted.text());
        let run = accepted.json::<Run>().run;
        let path = format!("{}/runs/{run}", path(&held));
        let end = deadline();
        while one.send(one.get(&path)).await.ok().json::<Run>().status != RunStatus::Done {
            assert!(std::time::Instant::now() < end, "{guard}");
            tokio::task::yield_now().await;
        }
        let result = one
            .get(&format!("{path}/result"))
            .header("accept", "application/json");
        let result: Envelopes = one.send(result).await.ok().json();
        assert_eq!(BASE64.decode(result.output.as_bytes()).unwrap(), b"12", "{guard}");
        for (state, sealed) in result.states {
            let sealed = BASE64.decode(sealed.as_bytes()).unwrap();
            held.envelopes.insert(state.to_string(), sealed.into());
        }
        let next = one.in_session(&mut held, "functions/add", "1", &[]).await.ok();
        assert_eq!(next.text(), "13", "{guard}");
        nodes.stop().await;
    }
}

/// The same by the client library: its next request waits until it has the states back.
#[tokio::test]
async fn a_client_goes_on_with_what_a_run_that_it_left_to_the_node_has_made() {
    for guard in ["none", "mark"] {
        let (_folder, nodes, one, _) = two_callers(Setup::default()).await;
        one.deploy("counter", with_guard(guard)).await;
        let client = Client::builder(&one.url).build().unwrap();
        let (app, add) = ("counter".parse().unwrap(), "add".parse().unwrap());
        let session = client
            .create_session(&app, Some(ExecutionModel::InClient))
            .await
            .unwrap();
        let session = session.session;
        let add =
            async |input: &'static str| client.invoke(&app, &session, &add, input).await.unwrap().output;
        assert_eq!(add("5").await, "5", "{guard}");
        let run = client.run_async(&app, &session, "7").await.unwrap().run;
        assert_eq!(add("1").await, "13", "{guard}");
        assert_eq!(
            client.run_result(&app, &session, run).await.unwrap(),
            "12",
            "{guard}"
        );
        assert_eq!(add("1").await, "14", "{guard}");
        nodes.stop().await;
    }
}

/// R16: the state that a run had made before it failed is with the client, who gets it with the refusal.
#[tokio::test]
async fn a_run_that_fails_gives_its_client_what_it_has_changed() {
    let (_folder, nodes, one, _) = two_callers(Setup::default()).await;
    let edit = |manifest: &str| {
        // `window` as a step that comes before a `detect` that cannot read what it gets.
        let end = manifest.find("[[workflow.steps]]").unwrap();
        let steps = "[[workflow.steps]]\nname = \"window\"\nfunction = \"window\"\n\
                     [[workflow.steps]]\nname = \"again\"\nfunction = \"window\"\n";
        with_guard("mark")(&format!("{}{steps}", &manifest[..end]))
    };
    one.deploy("sensor", edit).await;
    let mut held = one.session("sensor", "in-client").await;
    let failed = one.in_session(&mut held, "runs", "20.5", &[]).await;
    assert_eq!(failed.kind(), "invalid-input", "{}", failed.text());
    assert!(failed.text().contains("\"step\":\"again\""), "{}", failed.text());
    let next = one
        .in_session(&mut held, "functions/window", "20.5", &[])
        .await
        .ok();
    assert!(
        next.text().contains("\"count\":1"),
        "the first step counts: {}",
        next.text()
    );
    nodes.stop().await;
}

/// R18: every attempt at an invocation sees the same time and the same random number.
#[tokio::test]
async fn every_attempt_sees_the_same_time_and_seed() {
    let setup = Setup {
        meddling: Meddling::Conflict,
        ..Setup::default()
    };
    let (folder, nodes, one, _) = two_callers(setup).await;
    let seen = folder.path().join("seen");
    let noting = format!(
        "    it = request[\"invocation\"]\n    with open({:?}, \"a\") as file:\n        \
         file.write(f\"{{it['id']}} {{it['now']}} {{it['seed']}}\\n\")\n",
        seen.display().to_string()
    );
    one.deploy_parts(&program(str::to_owned, &noting)).await.ok();
    let mut held = one.session("words", "in-edge").await;
    for _ in 0..9 {
        one.in_session(&mut held, "functions/count", "word", &[])
            .await
            .ok();
    }
    let text = std::fs::read_to_string(&seen).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let different: BTreeSet<&str> = lines.iter().copied().collect();
    assert_eq!(different.len(), 9, "nine invocations: {text}");
    assert!(lines.len() > 9, "some of them were executed again: {text}");
    nodes.stop().await;
}

/// A program in another language keeps its state wherever it lives.
#[tokio::test]
async fn a_program_in_python_has_states_under_every_model() {
    let (_folder, nodes, one, two) = two_callers(Setup::default()).await;
    one.deploy("process-python", str::to_owned).await;
    for model in MODELS {
        let mut held = one.session("words", model).await;
        for (caller, expected) in [(&one, "{\"word\": 1}"), (&two, "{\"word\": 2}")] {
            let answer = caller
                .in_session(&mut held, "functions/count", "word", &[])
                .await
                .ok();
            assert_eq!(answer.text(), expected, "{model}");
        }
    }
    nodes.stop().await;
}
