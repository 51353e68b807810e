//! One node with the examples `counter` and `basket`, for testers of its API:
//! `cargo run --example serve [RECEIVER [TOKEN]]`, where the first is the URL of a receiver of OTLP, or empty.
//!
//! It prints a line of JSON, `{"url": …, "sessions": […]}`, and serves until its standard input ends.

use std::error::Error;
use std::io::{Read, Write};

use fogline_node::{Operator, Tenants, TraceOptions};
use fogline_protocol::api::Session;

#[path = "../tests/support/node.rs"]
mod node;

/// Sessions of the counter that are there from the start, under each model that needs no client.
const SESSIONS: usize = 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (receiver, token) = (std::env::args().nth(1), std::env::args().nth(2));
    let traces = match receiver.filter(|receiver| !receiver.is_empty()) {
        Some(receiver) => Some(TraceOptions {
            receiver: receiver.parse()?,
            sample: 0.0,
            service: "serve".to_owned(),
        }),
        None => None,
    };
    let who = match &token {
        Some(token) => (
            Tenants::with_tokens([(node::tenant(), token.clone())]),
            Operator::with_token(token),
        ),
        None => (Tenants::Open(node::tenant()), Operator::Anyone),
    };
    let folder = tempfile::tempdir()?;
    let handle = node::node(folder.path(), who, true, traces).await;
    let (http, url) = (reqwest::Client::new(), format!("http://{}", handle.http()));
    let post = |path: &str| {
        http.post(format!("{url}{path}"))
            .bearer_auth(token.as_deref().unwrap_or_default())
    };
    for example in ["counter", "basket"] {
        let (content_type, body) = node::package(example, str::to_owned);
        let request = post("/v1/apps").header("content-type", content_type).body(body);
        request.send().await?.error_for_status()?;
    }
    let mut sessions = Vec::new();
    for model in ["external", "in-edge", "in-function"]
        .into_iter()
        .cycle()
        .take(SESSIONS)
    {
        let request = post("/v1/apps/counter/sessions").body(format!("{{\"model\": \"{model}\"}}"));
        let session: Session = request.send().await?.error_for_status()?.json().await?;
        sessions.push(session.session);
    }
    let line = serde_json::json!({"url": url, "sessions": sessions});
    writeln!(std::io::stdout(), "{line}")?;
    // Whoever started it ends it by closing this, or by ending itself.
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    handle.stop().await;
    Ok(())
}
