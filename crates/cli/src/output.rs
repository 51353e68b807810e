//! The only place that prints: data on stdout, everything else on stderr.

use std::io::{IsTerminal, Write};

use crate::failure::Failure;

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Prints data.
pub(crate) fn data(text: &str) -> Result<(), Failure> {
    bytes(text.as_bytes())
}

/// Prints bytes as they are. A reader that has gone away (`| head`) ends the command quietly.
fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(source) => Err(Failure::System {
            doing: "writing to standard output".to_owned(),
            hint: "check where the output goes".to_owned(),
            source,
        }),
        Ok(()) => Ok(()),
    }
}

/// Prints what a function gave, as it is; at a terminal the prompt begins a line of its own.
pub(crate) fn value(value: &[u8]) -> Result<(), Failure> {
    bytes(value)?;
    let stands_alone = value.is_empty() || value.ends_with(b"\n");
    if std::io::stdout().is_terminal() && !stands_alone {
        return data("\n");
    }
    Ok(())
}

/// Prints a value for programs.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| {
        Failure::usage(
            format!("this cannot be said in JSON: {error}"),
            "leave out -o json",
        )
    })?;
    data(&(text + "\n"))
}

/// Says something to the person at the terminal.
pub(crate) fn note(text: &str) {
    // Nobody may be there to read it; what was asked for is done all the same.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Says what failed, and what to do.
pub(crate) fn error(failure: &Failure) {
    let _ = writeln!(std::io::stderr(), "error: {failure}");
}
