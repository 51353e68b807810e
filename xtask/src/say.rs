//! The only place that prints: data on stdout, everything else on stderr.

/// Prints data.
#[expect(clippy::print_stdout, reason = "the one place that prints data")]
pub(crate) fn data(text: &str) {
    println!("{text}");
}

/// Says something to the person at the terminal.
#[expect(clippy::print_stderr, reason = "the one place that prints notes")]
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}
