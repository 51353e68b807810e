//! The lines that functions wrote on this node: the last of each application, in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fogline_core::model::{AppName, Bytes, NodeName, TenantName, Timestamp};
use fogline_protocol::api;
use fogline_protocol::peer::{Invoke, Target};
use fogline_runtime::{LogLevel, LogLine};

/// Lines that are kept of one application.
const MAX_LINES: usize = 10_000;

/// Lines that are kept of all applications together.
const MAX_BYTES: Bytes = Bytes(64 << 20);

/// What a line takes beside its message: its other fields, and where they are.
const BESIDE: u64 = 256;

/// Numbers that one millisecond has room for: more than a node writes lines in one. Those of today's clock are exact in all
/// that reads JSON.
const PER_MILLISECOND: u64 = 1000;

/// Lines of one answer together, as they are written there.
const MAX_ANSWER: Bytes = Bytes(8 << 20);

/// A line that is kept. Shared, so that whoever reads it copies nothing while executions wait to write theirs.
#[derive(Clone)]
struct Line {
    /// Its number; 0 until a log has it.
    number: u64,
    line: Arc<api::LogLine>,
    /// Its bytes in an answer.
    written: u64,
}

impl Line {
    fn new(line: api::LogLine) -> Self {
        let text = serde_json::to_vec(&line).unwrap_or_default();
        Self {
            number: 0,
            line: Arc::new(line),
            written: text.len() as u64 + 1,
        }
    }

    /// Its bytes here.
    fn size(&self) -> u64 {
        self.line.message.len() as u64 + BESIDE
    }
}

struct Log {
    next: u64,
    lines: VecDeque<Line>,
    bytes: u64,
}

impl Log {
    /// Behind line number `next`.
    fn new(next: u64) -> Self {
        Self {
            next,
            lines: VecDeque::new(),
            bytes: 0,
        }
    }

    fn push(&mut self, line: Line) {
        self.next += 1;
        self.bytes += line.size();
        self.lines.push_back(Line {
            number: self.next,
            ..line
        });
        if self.lines.len() > MAX_LINES {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(line) = self.lines.pop_front() {
            self.bytes -= line.size();
        }
    }

    /// The last of the lines behind number `after` that an answer takes.
    fn behind(&self, after: u64) -> Vec<Arc<api::LogLine>> {
        let mut room = MAX_ANSWER.0;
        let behind = self.lines.iter().rev().take_while(|line| line.number > after);
        let fitting = behind.map_while(|line| {
            room = room.checked_sub(line.written)?;
            Some(Arc::clone(&line.line))
        });
        let mut lines: Vec<_> = fitting.collect();
        lines.reverse();
        lines
    }
}

#[derive(Default)]
struct Kept {
    logs: BTreeMap<(TenantName, AppName), Log>,
    /// Of all logs together.
    bytes: u64,
    /// No line of a log that is gone, with its application or with the node before this start, had a larger number: whoever
    /// asks for what comes behind one gets what an application of the same name writes after it.
    forgotten: u64,
}

impl Kept {
    /// Adds lines to a log, and makes room for them: whoever has most loses what is oldest.
    fn write(&mut self, of: (TenantName, AppName), lines: Vec<Line>) {
        let log = self.logs.entry(of).or_insert_with(|| Log::new(self.forgotten));
        let before = log.bytes;
        lines.into_iter().for_each(|line| log.push(line));
        self.bytes = self.bytes - before + log.bytes;
        while self.bytes > MAX_BYTES.0
            && let Some(largest) = self.logs.values_mut().max_by_key(|log| log.bytes)
        {
            let before = largest.bytes;
            largest.drop_oldest();
            self.bytes = self.bytes - before + largest.bytes;
        }
    }
}

/// The logs of a node.
pub(crate) struct Logs {
    node: NodeName,
    kept: Mutex<Kept>,
}

impl Logs {
    /// Of a node that starts now, by its clock, which does not go back (R18).
    pub(crate) fn new(node: NodeName, now: Timestamp) -> Self {
        let kept = Kept {
            forgotten: now.0.saturating_mul(PER_MILLISECOND),
            ..Kept::default()
        };
        Self {
            node,
            kept: Mutex::new(kept),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self, call: &Invoke, lines: &[LogLine]) {
        let Target::Function(function) = &call.target else {
            return;
        };
        if lines.is_empty() {
            return;
        }
        let lines = lines.iter().map(|line| {
            let level = match line.level {
                LogLevel::Debug => "debug",
                LogLevel::Info => "info",
                LogLevel::Warn => "warn",
                LogLevel::Error => "error",
            };
            Line::new(api::LogLine {
                at_unix_ms: call.now,
                node: self.node.clone(),
                function: function.clone(),
                invocation: call.id.to_string(),
                level: level.to_owned(),
                message: line.message.clone(),
            })
        });
        let lines = lines.collect();
        self.kept().write((call.tenant.clone(), call.app.clone()), lines);
    }

    /// The lines behind number `after`; if they are more than an answer takes, the last of them.
    pub(crate) fn read(&self, tenant: &TenantName, app: &AppName, after: u64) -> api::Logs {
        let of = (tenant.clone(), app.clone());
        let found = self.kept().logs.get(&of).map(|log| (log.behind(after), log.next));
        let (lines, next) = found.unwrap_or_default();
        api::Logs {
            lines: lines.iter().map(|line| api::LogLine::clone(line)).collect(),
            next: next.max(after),
        }
    }

    /// Forgets what an application wrote.
    pub(crate) fn forget(&self, tenant: &TenantName, app: &AppName) {
        let mut kept = self.kept();
        if let Some(log) = kept.logs.remove(&(tenant.clone(), app.clone())) {
            kept.bytes -= log.bytes;
            kept.forgotten = kept.forgotten.max(log.next);
        }
    }
}

#[cfg(test)]
mod tests {
    use fogline_core::model::{FunctionName, Timestamp};
    use fogline_protocol::api::LogLine;

    use super::{BESIDE, Kept, Line, MAX_ANSWER, MAX_BYTES};

    fn line(length: usize) -> Line {
        let function: FunctionName = "f".parse().unwrap();
        Line::new(LogLine {
            at_unix_ms: Timestamp(1),
            node: "edge-1".parse().unwrap(),
            function,
            invocation: String::new(),
            level: "info".to_owned(),
            message: "x".repeat(length),
        })
    }

    /// One application has written more than all may have together, the others have not.
    #[test]
    fn the_lines_of_all_applications_have_a_bound_and_whoever_has_most_loses_the_oldest() {
        let mut kept = Kept::default();
        let large = usize::try_from(MAX_BYTES.0 / 16 - BESIDE).unwrap();
        for (app, lines) in [("a", 7), ("b", 20), ("c", 1)] {
            let of = ("local".parse().unwrap(), app.parse().unwrap());
            kept.write(of, (0..lines).map(|_| line(large)).collect());
        }
        let numbers = kept.logs.values().map(|log| {
            let numbers = log.lines.iter().map(|line| line.number);
            (numbers.clone().min(), numbers.max(), log.lines.len())
        });
        let numbers: Vec<_> = numbers.collect();
        assert_eq!(
            numbers,
            [
                (Some(1), Some(7), 7),
                (Some(13), Some(20), 8),
                (Some(1), Some(1), 1)
            ]
        );
        let mut all = 0;
        for log in kept.logs.values() {
            let sum: u64 = log.lines.iter().map(Line::size).sum();
            assert_eq!(log.bytes, sum);
            all += sum;
        }
        assert_eq!(kept.bytes, all);
    }

    /// Quotation marks take two bytes there.
    #[test]
    fn what_an_answer_takes_is_counted_as_it_is_written() {
        let mut kept = Kept::default();
        let of = ("local".parse().unwrap(), "a".parse().unwrap());
        let quoted = |_| {
            let line = LogLine::clone(&line(1 << 20).line);
            Line::new(LogLine {
                message: "\"".repeat(1 << 20),
                ..line
            })
        };
        kept.write(of, (0..8).map(quoted).collect());
        let log = kept.logs.values().next().unwrap();
        let behind = log.behind(0);
        assert_eq!(
            behind.len(),
            3,
            "four would be 8 MiB without what stands around them"
        );
        assert!(
            serde_json::to_vec(&behind.iter().map(|line| &**line).collect::<Vec<_>>())
                .unwrap()
                .len() as u64
                <= MAX_ANSWER.0
        );
        assert_eq!(log.behind(7).len(), 1);
        assert!(log.behind(8).is_empty());
    }
}
