//! Servers in processes of their own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use fogline_bench::Server;

use crate::Outcome;

/// A server that runs until it is dropped.
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    /// Where it listens.
    pub(crate) server: Server,
    /// From its start until it said so.
    pub(crate) took: Duration,
}

/// The memory of a process.
pub(crate) struct Memory {
    /// Its own, in bytes.
    pub(crate) anonymous: u64,
    /// All that is resident: with its code and mapped files.
    pub(crate) resident: u64,
}

impl Process {
    /// Starts an example of this package: it prints its address when it is ready.
    pub(crate) fn start(example: &str, folder: Option<&Path>) -> Outcome<Self> {
        let program = std::env::current_exe()?.with_file_name(example);
        let started = Instant::now();
        let mut command = Command::new(program);
        command.args(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line)?;
        let took = started.elapsed();
        let stdin = child.stdin.take();
        Ok(Self {
            child,
            stdin,
            server: Server::at(line.trim(), None)?,
            took,
        })
    }

    /// Kills it, as `kill -9` does.
    pub(crate) fn kill(mut self) -> Outcome<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Its memory now.
    pub(crate) fn memory(&self) -> Outcome<Memory> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let field = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key));
            let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
            kib.map(|kib| kib << 10)
                .ok_or_else(|| format!("/proc has no {key}"))
        };
        Ok(Memory {
            anonymous: field("RssAnon:")?,
            resident: field("VmRSS:")?,
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A node stops with its stdin; it is killed all the same, for the other server does not.
        self.stdin = None;
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
