//! How many requests are answered: each costs signatures, and anybody may send one.

use std::time::{Duration, Instant};

/// One request so often, on average.
const EVERY: Duration = Duration::from_millis(50);
/// So many at once: a network that starts.
const BURST: u32 = 100;

/// A bucket of permits that fills by itself.
#[derive(Debug)]
pub(super) struct Rate {
    /// When the bucket would be full.
    full_at: Instant,
}

impl Rate {
    /// A full bucket.
    pub(super) fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes a permit, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.max(now) + EVERY;
        let fits = full_at.duration_since(now) <= EVERY * BURST;
        if fits {
            self.full_at = full_at;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_as_many_as_time_brings() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        assert_eq!((0..1000).filter(|_| rate.take(start)).count(), BURST as usize);
        let later = start + 7 * EVERY;
        assert_eq!((0..1000).filter(|_| rate.take(later)).count(), 7);
        let much_later = start + Duration::from_secs(3600);
        assert_eq!(
            (0..1000).filter(|_| rate.take(much_later)).count(),
            BURST as usize
        );
    }
}
