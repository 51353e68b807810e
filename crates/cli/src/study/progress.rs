//! A progress bar for work over a second.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How long work may take before a bar is shown.
const PATIENCE: Duration = Duration::from_secs(1);

/// A bar on stderr that shows itself when it is worth it, and never where nobody looks.
pub(crate) struct Progress {
    bar: ProgressBar,
    start: Instant,
    shown: bool,
}

impl Progress {
    /// A bar for so many units.
    pub(crate) fn new(units: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(units as u64), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} replications, {eta} left") {
            bar.set_style(style);
        }
        Self {
            bar,
            start: Instant::now(),
            shown: false,
        }
    }

    /// One more unit is done.
    pub(crate) fn step(&mut self) {
        self.bar.inc(1);
        if !self.shown && self.start.elapsed() > PATIENCE {
            self.shown = true;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }

    /// More units have turned out to be needed.
    pub(crate) fn extend(&self, units: usize) {
        self.bar.inc_length(units as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
