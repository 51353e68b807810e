//! What the system says of the machine. Where it does not say (other systems than Linux), nothing is in use.

use fogline_core::model::Bytes;

/// Taken for the memory of a machine that does not say how much it has.
const UNKNOWN_MEMORY: Bytes = Bytes(1 << 30);

/// The machine's memory.
#[must_use]
pub fn memory() -> Bytes {
    meminfo("MemTotal:").unwrap_or(UNKNOWN_MEMORY)
}

/// The memory that programs can still have without others being swapped out.
pub(super) fn free_memory() -> Bytes {
    meminfo("MemAvailable:").unwrap_or_else(memory)
}

fn meminfo(key: &str) -> Option<Bytes> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    kibibytes(&text, key)
}

fn kibibytes(text: &str, key: &str) -> Option<Bytes> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(Bytes(kibibytes.saturating_mul(1024)))
}

/// How much of the processors is in use, from one look to the next.
#[derive(Debug, Default)]
pub(super) struct Processors {
    before: Ticks,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ticks {
    idle: u64,
    all: u64,
}

impl Processors {
    /// Time in use by anything since the last look, in thousandths of all.
    pub(super) fn busy_permille(&mut self) -> u16 {
        let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        self.since(ticks(&text).unwrap_or_default())
    }

    fn since(&mut self, now: Ticks) -> u16 {
        let all = now.all.saturating_sub(self.before.all);
        let idle = now.idle.saturating_sub(self.before.idle).min(all);
        self.before = now;
        // At most 1000.
        (1000 * (all - idle)).checked_div(all).unwrap_or(0) as u16
    }
}

/// The line of all processors together: user, nice, system, idle, waiting for the disk, interrupts, stolen, and the
/// time of guests, which is in the first two.
fn ticks(text: &str) -> Option<Ticks> {
    let line = text.lines().next()?.strip_prefix("cpu ")?;
    let times: Vec<u64> = line
        .split_whitespace()
        .take(8)
        .map_while(|it| it.parse().ok())
        .collect();
    let [_, _, _, idle, waiting, ..] = times[..] else {
        return None;
    };
    Some(Ticks {
        idle: idle.saturating_add(waiting),
        all: times.iter().fold(0, |sum: u64, time| sum.saturating_add(*time)),
    })
}

#[cfg(test)]
mod tests {
    use fogline_core::model::Bytes;

    use super::{Processors, Ticks, kibibytes, ticks};

    #[test]
    fn memory_is_read_from_what_linux_says() {
        let text = "MemTotal:       16318480 kB\nMemFree:  1 kB\nMemAvailable:   12 kB\n";
        assert_eq!(kibibytes(text, "MemAvailable:"), Some(Bytes(12 * 1024)));
        assert_eq!(kibibytes(text, "Swap:"), None);
        assert_eq!(kibibytes("MemTotal: much\n", "MemTotal:"), None);
    }

    #[test]
    fn use_of_processors_is_that_since_the_last_look() {
        let text = "cpu  10 0 10 70 10 0 0 0 5 5\ncpu0 1 2 3\n";
        let first = Ticks { idle: 80, all: 100 };
        assert_eq!(ticks(text), Some(first));
        assert_eq!(ticks("cpu 1 2"), None);
        let mut processors = Processors::default();
        assert_eq!(processors.since(first), 200);
        assert_eq!(processors.since(Ticks { idle: 80, all: 200 }), 1000);
        assert_eq!(processors.since(Ticks { idle: 80, all: 200 }), 0);
    }
}
