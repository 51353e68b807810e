//! The command beside `fogline up`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use assert_cmd::cargo::CommandCargoExt;

/// Runs the command in a folder; gives whether it succeeded, what it printed and what it said.
pub(crate) fn fogline(folder: &Path, arguments: &[&str]) -> (bool, String, String) {
    let output = Command::cargo_bin("fogline")
        .unwrap()
        .current_dir(folder)
        .env("XDG_STATE_HOME", folder.join("state"))
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

/// `fogline up`, until this is dropped.
pub(crate) struct Up(Child);

impl Up {
    pub(crate) fn start(folder: &Path, data: &str) -> Self {
        Self::of(folder, &["up", "--data", data])
    }

    /// As these arguments start it.
    pub(crate) fn of(folder: &Path, arguments: &[&str]) -> Self {
        let mut up = Command::cargo_bin("fogline").unwrap();
        let up = up
            .env("XDG_STATE_HOME", folder.join("state"))
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn();
        let mut up = Self(up.unwrap());
        // It says where its nodes are when all of them have found each other.
        let mut said = BufReader::new(up.0.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert!(line.contains("http://"), "{line}");
        let until = Instant::now() + Duration::from_secs(20);
        while !folder.join("state/fogline/up.json").exists() {
            assert!(Instant::now() < until, "it does not say where it is");
            std::thread::yield_now();
        }
        up
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // What it keeps is in the test's folder.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
