//! The lines that functions wrote on this node: the last of each application, in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use fogline_core::model::{AppName, NodeName, TenantName};
use fogline_protocol::api;
use fogline_protocol::peer::{Invoke, Target};
use fogline_runtime::{LogLevel, LogLine};

/// Lines that are kept of one application.
const MAX_LINES: usize = 10_000;

#[derive(Default)]
struct Log {
    next: u64,
    lines: VecDeque<(u64, api::LogLine)>,
}

/// The logs of a node.
pub(crate) struct Logs {
    node: NodeName,
    logs: Mutex<BTreeMap<(TenantName, AppName), Log>>,
}

impl Logs {
    pub(crate) fn new(node: NodeName) -> Self {
        Self {
            node,
            logs: Mutex::default(),
        }
    }

    pub(crate) fn write(&self, call: &Invoke, lines: &[LogLine]) {
        let Target::Function(function) = &call.target else {
            return;
        };
        if lines.is_empty() {
            return;
        }
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let log = logs.entry((call.tenant.clone(), call.app.clone())).or_default();
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

    /// The lines behind number `after`.
    pub(crate) fn read(&self, tenant: &TenantName, app: &AppName, after: u64) -> api::Logs {
        let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(log) = logs.get(&(tenant.clone(), app.clone())) else {
            return api::Logs {
                lines: Vec::new(),
                next: after,
            };
        };
        let lines = log
            .lines
            .iter()
            .filter(|(number, _)| *number > after)
            .map(|(_, line)| line.clone());
        api::Logs {
            lines: lines.collect(),
            next: log.next.max(after),
        }
    }
}
