//! How long to wait before a request is sent again.

use std::time::Duration;

/// The first wait, at most; each later one is twice as long.
const FIRST: Duration = Duration::from_millis(50);
/// The longest wait that a node did not ask for.
const LONGEST: Duration = Duration::from_secs(2);

/// The wait before the attempt that follows `attempt` failed ones (at least one). `fraction` is drawn evenly from
/// 0..1: clients that failed together do not come back together. A node that said when to come back is heeded.
pub(crate) fn wait(attempt: u32, retry_after: Option<Duration>, fraction: f64) -> Duration {
    let doubled = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(16));
    let own = doubled.min(LONGEST).mul_f64(0.5 + fraction / 2.0);
    own.max(retry_after.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{FIRST, LONGEST, wait};

    #[test]
    fn waits_double_up_to_the_longest_and_spread_over_their_upper_half() {
        assert_eq!(wait(1, None, 0.0), FIRST / 2);
        assert_eq!(wait(2, None, 0.0), FIRST);
        assert!(wait(2, None, 0.999) > FIRST.mul_f64(1.9));
        assert_eq!(wait(60, None, 0.0), LONGEST / 2);
    }

    #[test]
    fn a_node_that_says_when_is_heeded() {
        assert_eq!(wait(1, Some(Duration::from_secs(7)), 0.5), Duration::from_secs(7));
        assert_eq!(wait(60, Some(Duration::from_millis(1)), 0.0), LONGEST / 2);
    }
}
