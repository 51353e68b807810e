//! `local-first`: this node, until its queue is long.

use super::scores::lowest;

/// Whether a queue is long: more wait than are executed at once, so that the last waits for more than one
/// execution to end.
#[must_use]
pub fn is_long(waiting: u32, slots: u32) -> bool {
    waiting > slots
}

/// This node, if it can and its queue is not long, or else the lowest score.
#[must_use]
pub fn choose(scores: &[f64], here: Option<usize>, long: bool) -> Option<usize> {
    here.filter(|here| !long && scores[*here].is_finite())
        .or_else(|| lowest(scores))
}

#[cfg(test)]
mod tests {
    use super::{choose, is_long};

    #[test]
    fn a_near_node_with_a_short_queue_beats_a_faster_one() {
        assert_eq!(choose(&[1.0, 9.0], Some(1), is_long(4, 4)), Some(1));
        assert_eq!(choose(&[1.0, 9.0], Some(1), is_long(5, 4)), Some(0));
    }

    #[test]
    fn a_node_that_cannot_run_it_sends_it_to_the_best() {
        assert_eq!(choose(&[2.0, 1.0, f64::INFINITY], Some(2), false), Some(1));
        assert_eq!(choose(&[2.0, 1.0], None, false), Some(1));
    }
}
