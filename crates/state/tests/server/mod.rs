//! A redis-server of a test's own.

#[path = "../pause/mod.rs"]
mod pause;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A running server on a port of its own, its files in a folder of its own; killed when dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    settings: Vec<String>,
    folder: TempDir,
    child: Child,
}

impl Server {
    /// Starts one with these settings. `None`, with a message, where no redis-server is installed.
    ///
    /// # Panics
    /// Without redis-server in CI.
    pub(crate) fn start(settings: &[&str]) -> Option<Self> {
        let missing = Command::new("redis-server")
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .is_err();
        if missing {
            assert!(
                std::env::var_os("CI").is_none(),
                "CI needs redis-server: apt-get install redis-server"
            );
            #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
            {
                eprintln!("skipped: no redis-server here");
            }
            return None;
        }
        let settings: Vec<_> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let folder = tempfile::tempdir().unwrap();
        // Between this look and the server's bind somebody else may take the port.
        for _ in 0..10 {
            let port = std::net::TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port();
            if let Some(child) = run(port, &folder, &settings) {
                return Some(Self {
                    port,
                    settings,
                    folder,
                    child,
                });
            }
        }
        panic!("redis-server does not start");
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, on the same port and files.
    pub(crate) fn restart(&mut self) {
        self.child = run(self.port, &self.folder, &self.settings).expect("it has started before");
    }

    /// It answers nobody until [`Self::go_on`].
    pub(crate) fn pause(&self) {
        pause::pause(&self.child);
    }

    pub(crate) fn go_on(&self) {
        pause::go_on(&self.child);
    }

    /// Changes a setting.
    pub(crate) fn set(&self, setting: &str, value: &str) {
        let _: String = self.ask(&["CONFIG", "SET", setting, value]);
    }

    /// Sends a command past the store.
    pub(crate) fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut connection = redis::Client::open(self.url()).unwrap().get_connection().unwrap();
        let mut command = redis::Cmd::new();
        command.arg(words);
        command.query(&mut connection).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be killed already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A server that is ready; `None` if it ended before.
fn run(port: u16, folder: &TempDir, settings: &[String]) -> Option<Child> {
    let mut child = Command::new("redis-server")
        .args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
        ])
        .arg(folder.path())
        .args(settings)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines
        .by_ref()
        .map_while(Result::ok)
        .any(|line| line.contains("Ready to accept connections"));
    if !ready {
        child.wait().unwrap();
        return None;
    }
    // Its log goes on; nobody waits for its end.
    std::thread::spawn(move || lines.for_each(drop));
    Some(child)
}
