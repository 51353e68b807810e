//! The application that is invoked: a counter, and functions that answer what they are sent.

use bytes::Bytes;
use fogline_core::application::Durability;
use fogline_protocol::multipart::{self, Boundary, Part, Subtype};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request};
use http_body_util::Full;

use crate::connection::Connection;
use crate::error::BenchError;
use crate::script::post;

/// Which variant of the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// What an update survives under `in-function`.
    pub durability: Durability,
}

impl Kind {
    /// The name under which it is deployed.
    #[must_use]
    pub fn app(self) -> &'static str {
        match self.durability {
            Durability::Memory => "bench-memory",
            Durability::Checkpoint => "bench-checkpoint",
            Durability::EveryCommit => "bench-every-commit",
        }
    }

    fn manifest(self) -> String {
        let durability = match self.durability {
            Durability::Memory => "memory",
            Durability::Checkpoint => "checkpoint",
            Durability::EveryCommit => "every-commit",
        };
        format!(
            r#"fogline = 1
[application]
name = "{}"
version = "1"
model = "in-edge"
durability = "{durability}"
session-ttl = "1 h"
[states.total]
size = "8 B"
[functions.add]
component = "add.wasm"
writes = ["total"]
[functions.add-kept]
component = "add.wasm"
writes = ["total"]
instance = "per-session"
[functions.echo]
component = "echo.wasm"
[functions.echo-kept]
component = "echo.wasm"
instance = "per-session"
[functions.read-kept]
component = "echo.wasm"
reads = ["total"]
instance = "per-session"
"#,
            self.app()
        )
    }
}

/// Adds its input to the state `total`.
pub const ADD: &[u8] = include_bytes!("../../../functions/counter/add.wasm");
/// Answers what it is sent, whatever states it declares.
const ECHO: &[u8] = include_bytes!("../../../functions/faults/echo.wasm");

/// Deploys the application.
///
/// # Errors
/// When the connection breaks, or the node refuses.
pub async fn deploy(connection: &mut Connection, kind: Kind) -> Result<(), BenchError> {
    let files = [("add.wasm", ADD), ("echo.wasm", ECHO)];
    deploy_files(connection, kind.manifest(), &files).await
}

/// Deploys an application by its manifest and the files that this names.
///
/// # Errors
/// When the connection breaks, or the node refuses.
pub async fn deploy_files(
    connection: &mut Connection,
    manifest: String,
    files: &[(&'static str, &'static [u8])],
) -> Result<(), BenchError> {
    let files = files.iter().map(|(name, bytes)| Part::new(*name, *bytes));
    let manifest = Part::new(multipart::MANIFEST, manifest);
    let parts: Vec<Part> = std::iter::once(manifest).chain(files).collect();
    let request = form("/v1/apps", &parts);
    connection.send(request).await?.ok("deploying the application")?;
    Ok(())
}

/// Deletes the application, and its sessions with it.
///
/// # Errors
/// When the connection breaks, or the node refuses.
pub async fn remove(connection: &mut Connection, kind: Kind) -> Result<(), BenchError> {
    let path = format!("/v1/apps/{}", kind.app())
        .parse()
        .expect("a path of our own is one");
    let mut request = post(path, Bytes::new());
    *request.method_mut() = http::Method::DELETE;
    connection.send(request).await?.ok("deleting the application")?;
    Ok(())
}

/// A `multipart/form-data` request. The boundary is a constant: what we send does not contain it by intent.
pub(crate) fn form(path: &str, parts: &[Part]) -> Request<Full<Bytes>> {
    let boundary = Boundary::new([0xb5; 16]);
    let mut request = post(
        path.parse().expect("a path of our own is one"),
        multipart::write(&boundary, parts),
    );
    let content_type = HeaderValue::from_str(&boundary.content_type(Subtype::FormData));
    request
        .headers_mut()
        .insert(CONTENT_TYPE, content_type.expect("a boundary is plain text"));
    request
}
