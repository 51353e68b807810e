//! The step `api`: a tester makes requests from the OpenAPI document of a node, right and wrong ones, and
//! compares what comes back with the document.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde::Deserialize;

use crate::checked;
use crate::failure::Failure;
use crate::say;
use crate::shell::{Run, root, target};
use crate::tool::ensure_schemathesis;

/// How long it tries, in seconds.
const SECONDS: u32 = 60;
/// The node is asked with a token, so that its refusal of requests without one is tested too.
const TOKEN: &str = "secret";

/// Tests a node of its own.
///
/// # Errors
/// When the tester is not there, or finds something.
pub(crate) fn check() -> Result<(), Failure> {
    let schemathesis = ensure_schemathesis()?;
    let (node, served) = Node::start(&["", TOKEN])?;
    let folder = target().join("api");
    let file = folder.join("schemathesis.toml");
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&file, configuration(&served)))
        .map_err(|error| Failure::file("writing", &file, &error))?;
    let tested = Run::program(schemathesis)
        .args(["--config-file".as_ref(), file.as_os_str(), "run".as_ref()])
        .args([format!("{}/openapi.json", served.url)])
        .hint("correct the node, or crates/protocol/src/openapi; `Reproduce with` shows the request")
        .show();
    drop(node);
    tested
}

/// What the node says when it serves.
#[derive(Deserialize)]
pub(crate) struct Served {
    pub(crate) url: String,
    pub(crate) sessions: Vec<String>,
}

/// A node, ended when it is dropped.
pub(crate) struct Node(Child);

impl Node {
    /// Builds and starts the example `serve`, which says what its arguments are.
    pub(crate) fn start(arguments: &[&str]) -> Result<(Self, Served), Failure> {
        let program = checked::example("serve")?;
        say::note(&format!("$ {} {arguments:?}", program.display()));
        let started = Command::new(&program)
            .args(arguments)
            .current_dir(root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut node = Self(started.map_err(|error| Failure::file("starting", &program, &error))?);
        let mut line = String::new();
        let stdout = node.0.stdout.take().expect("its standard output is piped");
        // It ends when the node does, so this waits no longer than that.
        BufReader::new(stdout)
            .read_line(&mut line)
            .map_err(|error| Failure::file("reading the output of", &program, &error))?;
        let served = serde_json::from_str(&line).map_err(|error| {
            Failure::new(
                format!("the node did not start: {error}"),
                "its own output says why",
            )
        })?;
        Ok((node, served))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It stops when its standard input ends.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Names that exist are tried most of the time; most of what is random is not found, and tests little.
fn configuration(served: &Served) -> String {
    let sessions = format!("{:?}", served.sessions);
    format!(
        r#"max-time = {SECONDS}
request-timeout = 40
# They are of inputs that are not found, or not valid for a function, as most of what is random.
warnings = false

[headers]
Authorization = "Bearer {TOKEN}"

[dictionaries]
apps = {{ values = ["counter", "basket"] }}
functions = {{ values = ["add", "peek", "list", "remove"] }}
states = {{ values = ["total", "basket"] }}
sessions = {{ values = {sessions} }}

[parameters]
app = {{ dictionary = "apps", probability = 0.9 }}
function = {{ dictionary = "functions", probability = 0.9 }}
state = {{ dictionary = "states", probability = 0.9 }}
session = {{ dictionary = "sessions", probability = 0.9 }}

# The applications are to stay.
[[operations]]
include-operation-id = "deleteApp"
parameters = {{ app = "none" }}

[checks]
# These have their reasons, and are documented; 500 is neither.
not_a_server_error = {{ expected-statuses = ["2xx", "3xx", "4xx", "502", "503", "504"] }}
# Whether an input is right is the function's to say.
positive_data_acceptance = {{ enabled = false }}
"#
    )
}
