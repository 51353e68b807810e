//! The lines that functions wrote on this node: the last of each application, in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fogline_core::model::{AppName, Bytes, NodeName, TenantName};
use fogline_protocol::api;
use fogline_protocol::peer::{Invoke, Target};
use fogline_runtime::{LogLevel, LogLine};

/// Lines that are kept of one application.
const MAX_LINES: usize = 10_000;

/// Lines of one answer together, as they are written there.
const MAX_ANSWER: Bytes = Bytes(8 << 20);

struct Log {
    next: u64,
    lines: VecDeque<(u64, api::LogLine)>,
}

#[derive(Default)]
struct Kept {
    logs: BTreeMap<(TenantName, AppName), Log>,
    /// No line of a log that is gone had a larger number: whoever asks for what comes behind one gets what an application
    /// of the same name writes after it.
    forgotten: u64,
}

/// The logs of a node.
pub(crate) struct Logs {
    node: NodeName,
    kept: Mutex<Kept>,
}

impl Logs {
    pub(crate) fn new(node: NodeName) -> Self {
        Self {
            node,
            kept: Mutex::default(),
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
        let mut kept = self.kept();
        let Kept { logs, forgotten } = &mut *kept;
        let log = logs
            .entry((call.tenant.clone(), call.app.clone()))
            .or_insert_with(|| Log {
                next: *forgotten,
                lines: VecDeque::new(),
            });
        for line in lines {
            let level = match line.level {
                LogLevel::Debug => "debug",
                LogLevel::Info => "info",
                LogLevel::Warn => "warn",
                LogLevel::Error => "error",
            };
            let line = api::LogLine {
                at_unix_ms: call.now,
                node: self.node.clone(),
                function: function.clone(),
                invocation: call.id.to_string(),
                level: level.to_owned(),
                message: line.message.clone(),
            };
            log.next += 1;
            log.lines.push_back((log.next, line));
            if log.lines.len() > MAX_LINES {
                log.lines.pop_front();
            }
        }
    }

    /// The lines behind number `after`; if they are more than an answer takes, the last of them.
    pub(crate) fn read(&self, tenant: &TenantName, app: &AppName, after: u64) -> api::Logs {
        let kept = self.kept();
        let Some(log) = kept.logs.get(&(tenant.clone(), app.clone())) else {
            return api::Logs {
                lines: Vec::new(),
                next: after,
            };
        };
        let mut room = MAX_ANSWER.0;
        let behind = log.lines.iter().rev().take_while(|(number, _)| *number > after);
        let fitting = behind.map_while(|(_, line)| {
            let text = serde_json::to_vec(line).unwrap_or_default();
            room = room.checked_sub(text.len() as u64 + 1)?;
            Some(line.clone())
        });
        let mut lines: Vec<_> = fitting.collect();
        lines.reverse();
        api::Logs {
            lines,
            next: log.next.max(after),
        }
    }

    /// Forgets what an application wrote.
    pub(crate) fn forget(&self, tenant: &TenantName, app: &AppName) {
        let mut kept = self.kept();
        if let Some(log) = kept.logs.remove(&(tenant.clone(), app.clone())) {
            kept.forgotten = kept.forgotten.max(log.next);
        }
    }
}
