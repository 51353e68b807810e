//! Sessions whose states live with the client.

mod keeping;
mod moving;
mod runs;
mod sessions;

use std::path::Path;

use crate::node::{Asked, Node, mixed};
use axum::response::Response;
use fogline_client::{Client, Error};
use fogline_core::model::{AppName, Birth, FunctionName, SessionId};

fn shop() -> AppName {
    "shop".parse().unwrap()
}

fn function(name: &str) -> FunctionName {
    name.parse().unwrap()
}

fn session() -> SessionId {
    crate::node::session(Birth::InClient)
}

fn client(node: &Node, journal: &Path) -> Client {
    Client::builder(&node.url).journal(journal).build().unwrap()
}

async fn invoke(client: &Client, name: &str, input: &str) -> Result<String, Error> {
    let reply = client
        .invoke(&shop(), &session(), &function(name), input.to_owned())
        .await?;
    Ok(String::from_utf8(reply.output.to_vec()).unwrap())
}

/// Functions that append their input to the state that they write; an envelope is `sealed:` and what is in it.
fn append(asked: &Asked) -> Response {
    let state = if asked.path.ends_with("/add") {
        "cart"
    } else {
        "notes"
    };
    let before = asked
        .parts
        .get(&format!("state.{state}"))
        .map_or("sealed:", |_| asked.part(&format!("state.{state}")));
    let after = format!("{before}{}", asked.part("input"));
    mixed(&after, &[(state, &after)], &[("fogline-seen", "0.1.1")])
}
