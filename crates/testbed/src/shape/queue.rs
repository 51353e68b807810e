//! One direction of a link: a rate, and the datagrams that wait for it.

use std::time::{Duration, Instant};

use fogline_core::model::{BitRate, Bytes};

/// What a datagram weighs on a link beside its payload: the headers of IPv4 and UDP.
const HEADERS: u64 = 20 + 8;

/// What lasts longer lasts as long as this: nobody waits for it, and clocks can still be added to it.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// So many seconds, whatever rate or latency they come of.
pub(super) fn lasting(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).map_or(FOREVER, |it| it.min(FOREVER))
}

/// What one direction of a link has carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkTraffic {
    /// The link's name.
    pub link: String,
    /// The name of the vertex that this direction leads to; none where all directions share the medium.
    pub towards: Option<String>,
    /// Datagrams carried.
    pub datagrams: u64,
    /// Their bytes, headers included.
    pub bytes: Bytes,
    /// Datagrams that found the queue too long, or the link cut.
    pub dropped: u64,
}

/// A queue in front of a rate, kept as the one time when it will be empty.
#[derive(Debug)]
pub(super) struct Queue {
    seconds_per_byte: f64,
    longest: Duration,
    free: Option<Instant>,
    cut: bool,
    pub(super) datagrams: u64,
    pub(super) bytes: Bytes,
    pub(super) dropped: u64,
}

impl Queue {
    pub(super) fn new(rate: BitRate, longest: Duration) -> Self {
        Self {
            seconds_per_byte: rate.seconds_per_byte(),
            longest,
            free: None,
            cut: false,
            datagrams: 0,
            bytes: Bytes::ZERO,
            dropped: 0,
        }
    }

    /// When a datagram that comes at `at` with so much payload has left; none if it is dropped.
    pub(super) fn enter(&mut self, at: Instant, payload: usize) -> Option<Instant> {
        let start = self.free.map_or(at, |free| free.max(at));
        if self.cut || start - at > self.longest {
            self.dropped += 1;
            return None;
        }
        let bytes = payload as u64 + HEADERS;
        let left = start + lasting(bytes as f64 * self.seconds_per_byte);
        self.free = Some(left);
        self.datagrams += 1;
        self.bytes += Bytes(bytes);
        Some(left)
    }

    pub(super) fn set_cut(&mut self, cut: bool) {
        self.cut = cut;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 972;

    /// 1000 bytes at 8 Mb/s take 1 ms.
    fn queue() -> Queue {
        Queue::new(BitRate::from_mbps(8.0), Duration::from_millis(3))
    }

    #[test]
    fn datagrams_leave_one_after_the_other_and_an_idle_link_waits_for_none() {
        let mut queue = queue();
        let start = Instant::now();
        let mut enter = |after_micros: u64| {
            let left = queue.enter(start + Duration::from_micros(after_micros), SIZE);
            (left.unwrap() - start).as_micros()
        };
        assert_eq!(
            [enter(0), enter(0), enter(500), enter(10_000)],
            [1000, 2000, 3000, 11_000]
        );
        assert_eq!((queue.datagrams, queue.bytes, queue.dropped), (4, Bytes(4000), 0));
    }

    #[test]
    fn a_queue_that_is_too_long_drops_its_tail_and_recovers() {
        let mut queue = queue();
        let start = Instant::now();
        let kept = (0..10).filter(|_| queue.enter(start, SIZE).is_some()).count();
        assert_eq!((kept, queue.dropped), (4, 6));
        assert!(queue.enter(start + Duration::from_millis(1), SIZE).is_some());
    }

    #[test]
    fn a_link_that_is_as_good_as_cut_carries_nothing_more_and_stops_nobody() {
        let mut queue = Queue::new(BitRate(1e-300), Duration::from_millis(3));
        let start = Instant::now();
        assert!(queue.enter(start, SIZE).is_some_and(|left| left > start));
        assert_eq!(queue.enter(start, SIZE), None);
        assert_eq!(lasting(1e300), FOREVER);
    }

    #[test]
    fn a_cut_link_carries_nothing() {
        let mut queue = queue();
        queue.set_cut(true);
        assert_eq!(queue.enter(Instant::now(), SIZE), None);
        queue.set_cut(false);
        assert!(queue.enter(Instant::now(), SIZE).is_some());
        assert_eq!((queue.datagrams, queue.dropped), (1, 1));
    }
}
