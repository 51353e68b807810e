//! Text files, read with bounded memory, and places in them.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use fogline_core::model::BadInput;
use fogline_core::network::NetworkError;

/// The longest line of a line-based format (StateSim's files, TOML), in bytes. A longer one is refused as soon
/// as it is met.
pub const MAX_LINE: usize = 1 << 20;

/// The largest file, in bytes: a network of 10^6 nodes in JSON takes about 400 MB.
pub const MAX_FILE: u64 = 512 << 20;

/// How much is read at a time, in bytes.
const CHUNK: usize = 1 << 16;

/// Whether a format is read line by line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Lines are at most [`MAX_LINE`] long.
    Lines,
    /// Line breaks mean nothing, and a file may be one long line.
    Free,
}

/// Reads a file.
pub(super) fn load(path: &Path, layout: Layout) -> Result<String, BadInput> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| {
        BadInput::whole(
            &name,
            format!("cannot be opened: {error}"),
            "check the path and that the file may be read",
        )
    })?;
    if file.metadata().is_ok_and(|there| there.len() > MAX_FILE) {
        return Err(too_large(&name));
    }
    gather(file, &name, layout)
}

/// Reads all of an input.
pub(super) fn gather(mut input: impl Read, file: &str, layout: Layout) -> Result<String, BadInput> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; CHUNK];
    let mut guard = LineGuard { line: 1, length: 0 };
    loop {
        let read = match input.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => &chunk[..read],
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => {
                let problem = format!("cannot be read: {error}");
                return Err(BadInput::whole(
                    file,
                    problem,
                    "check that it is a file, and its disk",
                ));
            }
        };
        if layout == Layout::Lines {
            guard.check(read, file)?;
        }
        bytes.extend_from_slice(read);
        if bytes.len() as u64 > MAX_FILE {
            return Err(too_large(file));
        }
    }
    if bytes.starts_with("\u{feff}".as_bytes()) {
        bytes.drain(..3);
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let text = std::str::from_utf8(&error.as_bytes()[..valid]).unwrap_or_default();
        let (line, column) = place(text, valid);
        BadInput::at(
            file,
            line,
            column,
            "the text is not UTF-8",
            "unpack the file if it is compressed, or convert it to UTF-8",
        )
    })
}

/// Watches the length of lines that come in pieces.
struct LineGuard {
    line: u64,
    length: usize,
}

impl LineGuard {
    fn check(&mut self, piece: &[u8], file: &str) -> Result<(), BadInput> {
        for (index, part) in piece.split(|&byte| byte == b'\n').enumerate() {
            if index > 0 {
                self.line += 1;
                self.length = 0;
            }
            self.length += part.len();
            if self.length > MAX_LINE {
                return Err(BadInput::at(
                    file,
                    self.line,
                    1,
                    format!("the line is longer than {MAX_LINE} bytes"),
                    "is this the right file? a record is one short line",
                ));
            }
        }
        Ok(())
    }
}

fn too_large(file: &str) -> BadInput {
    BadInput::whole(
        file,
        format!("is larger than {} MiB", MAX_FILE >> 20),
        "is this the right file? a network of a million nodes is smaller",
    )
}

/// Line and column of a byte offset, both from 1; the column counts characters.
pub(super) fn place(text: &str, offset: usize) -> (u64, u64) {
    let before = &text.as_bytes()[..offset.min(text.len())];
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let start = before
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |at| at + 1);
    // Continuation bytes of UTF-8 are no characters of their own.
    let column = before[start..]
        .iter()
        .filter(|&&byte| byte & 0xC0 != 0x80)
        .count()
        + 1;
    (line as u64, column as u64)
}

/// The beginning of a text, printable, so that no message is longer than a screen.
pub(super) fn excerpt(text: &str) -> String {
    const LENGTH: usize = 60;
    let mut short: String = text.chars().take(LENGTH).flat_map(char::escape_debug).collect();
    if text.chars().nth(LENGTH).is_some() {
        short.push('…');
    }
    short
}

/// What is said where the parts are well-formed but do not make a network.
pub(super) fn not_a_network(file: &str, error: &NetworkError) -> BadInput {
    let hint = match error {
        NetworkError::DuplicateName(_) => "give every node, link and switch a name of its own",
        NetworkError::BadFigure { .. } => "correct the figure",
        NetworkError::NoNode => "a network has at least one node, and a client to simulate anything",
        NetworkError::Disconnected { .. } => {
            "every node must reach every other; edges are directed, so list both directions"
        }
    };
    let problem = match error {
        NetworkError::DuplicateName(name) => {
            format!("the name \"{}\" is used twice", excerpt(name))
        }
        NetworkError::Disconnected { from, to } => {
            format!("\"{}\" cannot be reached from \"{}\"", excerpt(to), excerpt(from))
        }
        other => other.to_string(),
    };
    BadInput::whole(file, problem, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_characters_from_one() {
        let text = "ab\ncäd\n";
        for (offset, expected) in [(0, (1, 1)), (2, (1, 3)), (3, (2, 1)), (6, (2, 3)), (99, (3, 1))] {
            assert_eq!(place(text, offset), expected, "{offset}");
        }
    }

    #[test]
    fn an_endless_line_is_refused_when_it_is_met() {
        struct Endless {
            read: usize,
        }
        impl Read for Endless {
            fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
                self.read += into.len();
                assert!(self.read <= 2 * MAX_LINE, "reads on");
                into.fill(b'x');
                Ok(into.len())
            }
        }
        let error = gather(Endless { read: 0 }, "endless", Layout::Lines).unwrap_err();
        assert_eq!(error.line, Some(1));
        assert!(error.problem.contains("longer than"), "{error}");
    }

    #[test]
    fn lines_of_the_largest_length_are_read_wherever_the_chunks_end() {
        let line = "y".repeat(MAX_LINE);
        let text = format!("{line}\n{line}\nz");
        assert_eq!(gather(text.as_bytes(), "f", Layout::Lines).unwrap(), text);
        let long = format!("a\n{line}y\n");
        assert_eq!(
            gather(long.as_bytes(), "f", Layout::Lines).unwrap_err().line,
            Some(2)
        );
        assert_eq!(gather(long.as_bytes(), "f", Layout::Free).unwrap(), long);
    }

    #[test]
    fn what_is_not_utf8_is_named_by_place() {
        let error = gather(&b"ab\nc\xff"[..], "f", Layout::Lines).unwrap_err();
        assert_eq!((error.line, error.column), (Some(2), Some(2)));
    }
}
