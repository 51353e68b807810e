//! Running other programs from the root of the workspace.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::say;

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is a folder of the workspace")
        .to_path_buf()
}

/// The folder that cargo builds into.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A program and its arguments, to be run at the root of the workspace without standard input.
pub(crate) struct Run {
    command: Command,
    hint: String,
}

impl Run {
    /// This program.
    pub(crate) fn program(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.current_dir(root()).stdin(Stdio::null());
        Self {
            command,
            hint: "its own output above says what went wrong".to_owned(),
        }
    }

    /// The cargo that runs us.
    pub(crate) fn cargo() -> Self {
        Self::program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    /// With these arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// With this argument.
    pub(crate) fn arg(self, arg: impl AsRef<OsStr>) -> Self {
        self.args([arg])
    }

    /// With this environment variable.
    pub(crate) fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// What to do when it fails.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Shows the command line, runs it, and passes its output on.
    ///
    /// # Errors
    /// When it cannot be started or ends with another code than 0.
    pub(crate) fn show(mut self) -> Result<(), Failure> {
        let line = self.line();
        say::note(&format!("$ {line}"));
        let status = self.command.status().map_err(|error| self.cannot_start(&error))?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::new(format!("`{line}` ended with {status}"), self.hint))
        }
    }

    /// Runs it and gives what it printed on stdout; its stderr is shown when it fails.
    ///
    /// # Errors
    /// When it cannot be started or ends with another code than 0.
    pub(crate) fn read(self) -> Result<String, Failure> {
        let line = self.line();
        let hint = self.hint.clone();
        let printed = self.capture()?;
        if printed.success {
            Ok(printed.stdout)
        } else {
            Err(Failure::new(
                format!("`{line}` failed: {}", printed.stderr.trim()),
                hint,
            ))
        }
    }

    /// Runs it and gives what it printed, whether it succeeded or not.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn capture(mut self) -> Result<Printed, Failure> {
        let output = self.command.output().map_err(|error| self.cannot_start(&error))?;
        Ok(Printed {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    fn cannot_start(&self, error: &std::io::Error) -> Failure {
        Failure::new(
            format!("cannot start `{}`: {error}", self.line()),
            "install the program, or put it on PATH",
        )
    }

    fn line(&self) -> String {
        let words = std::iter::once(self.command.get_program()).chain(self.command.get_args());
        let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
        words.join(" ")
    }
}

/// What a program printed.
pub(crate) struct Printed {
    /// Whether it ended with code 0.
    pub(crate) success: bool,
    /// Its standard output.
    pub(crate) stdout: String,
    /// Its standard error.
    pub(crate) stderr: String,
}
