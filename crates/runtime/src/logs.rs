//! Lines that functions write.

use fogline_core::model::Bytes;
use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift};

/// Longest line, as `wit/function.wit` promises; the rest is cut.
pub const MAX_LOG_LINE: Bytes = Bytes(4096);
/// Most lines of one execution that are kept; one more says how many were not.
pub const MAX_LOG_LINES: usize = 256;

/// A line of a function's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// The text, at most [`MAX_LOG_LINE`].
    pub message: String,
}

/// How much a line matters: `level` of `wit/function.wit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ComponentType, Lift)]
#[serde(rename_all = "kebab-case")]
#[component(enum)]
#[repr(u8)]
pub enum LogLevel {
    /// For the function's author.
    #[component(name = "debug")]
    Debug,
    /// For whoever runs the application.
    #[component(name = "info")]
    Info,
    /// Something is not as it should be.
    #[component(name = "warn")]
    Warn,
    /// Something failed.
    #[component(name = "error")]
    Error,
}

/// The lines of one execution, bounded.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    lines: Vec<LogLine>,
    dropped: u64,
    last: String,
}

impl Logs {
    pub(crate) fn write(&mut self, level: LogLevel, message: &str) {
        if self.lines.len() < MAX_LOG_LINES {
            let message = cut(message, MAX_LOG_LINE).to_owned();
            self.lines.push(LogLine { level, message });
        } else {
            self.dropped += 1;
        }
    }

    /// Adds to the last line.
    pub(crate) fn say(&mut self, character: char) {
        if (self.last.len() as u64) < MAX_LOG_LINE.0 {
            self.last.push(character);
        }
    }

    /// The lines, one about those that were not kept, and the last.
    pub(crate) fn finish(mut self) -> Vec<LogLine> {
        if self.dropped > 0 {
            let message = format!("{} more lines were not kept", self.dropped);
            self.lines.push(LogLine {
                level: LogLevel::Warn,
                message,
            });
        }
        if !self.last.is_empty() {
            self.lines.push(LogLine {
                level: LogLevel::Error,
                message: cut(&self.last, MAX_LOG_LINE).to_owned(),
            });
        }
        self.lines
    }
}

/// At most so many bytes of a text, whole characters.
pub(crate) fn cut(text: &str, most: Bytes) -> &str {
    let most = usize::try_from(most.0).unwrap_or(usize::MAX);
    &text[..text.floor_char_boundary(most)]
}

#[cfg(test)]
mod tests {
    use super::{LogLevel, Logs, MAX_LOG_LINE, MAX_LOG_LINES};

    #[test]
    fn lines_are_cut_between_characters() {
        let mut logs = Logs::default();
        logs.write(LogLevel::Info, &"ä".repeat(4000));
        logs.write(LogLevel::Info, &format!("x{}", "ä".repeat(4000)));
        let lengths: Vec<_> = logs
            .finish()
            .iter()
            .map(|line| line.message.len() as u64)
            .collect();
        assert_eq!(lengths, [MAX_LOG_LINE.0, MAX_LOG_LINE.0 - 1]);
    }

    #[test]
    fn the_last_line_is_kept_whatever_was_written_and_cut_between_characters() {
        let mut logs = Logs::default();
        (0..MAX_LOG_LINES + 3).for_each(|_| logs.write(LogLevel::Debug, "x"));
        std::iter::once('x')
            .chain(std::iter::repeat_n('ä', 4000))
            .for_each(|character| logs.say(character));
        let last = logs.finish().pop().unwrap();
        assert_eq!(last.level, LogLevel::Error);
        assert_eq!(last.message.len() as u64, MAX_LOG_LINE.0 - 1);
    }

    #[test]
    fn lines_over_the_limit_are_counted() {
        let mut logs = Logs::default();
        (0..MAX_LOG_LINES + 3).for_each(|_| logs.write(LogLevel::Debug, "x"));
        let lines = logs.finish();
        assert_eq!(lines.len(), MAX_LOG_LINES + 1);
        assert_eq!(lines[MAX_LOG_LINES].message, "3 more lines were not kept");
    }
}
