//! A node as a process of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use assert_cmd::cargo::CommandCargoExt;

/// A node's process, killed when it is dropped: it says goodbye to nobody.
pub(crate) struct Process {
    child: Child,
    /// Where its API is.
    pub(crate) url: String,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, or it can be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a node in development mode whose configuration goes on with `rest`, and waits until it says where it is;
/// nothing, if it ends instead.
pub(crate) fn start(folder: &Path, name: &str, rest: &str) -> Option<Process> {
    let config = folder.join(format!("{name}.toml"));
    let head = format!("name = \"{name}\"\ndata = \"{name}\"\nloopback-only = true\n");
    std::fs::write(&config, format!("{head}{rest}")).unwrap();
    let mut child = Command::cargo_bin("fogline")
        .unwrap()
        .args(["node", "--config", config.to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let url = line
        .trim()
        .strip_prefix(name)
        .unwrap_or_default()
        .trim()
        .to_owned();
    let process = Process { child, url };
    (!process.url.is_empty()).then_some(process)
}
