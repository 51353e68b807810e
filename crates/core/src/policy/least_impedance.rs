//! `least-impedance`: the lowest answer time, as it was measured.
//!
//! As in Cicconetti, Conti and Passarella, "A Decentralized Framework for Serverless Edge Computing in the Internet
//! of Things" (IEEE TNSM 18(2), 2021): each dispatcher keeps a weight per executor, its own estimate of the time to
//! an answer, and takes the least.

/// After so long a measured answer time counts half as much as what is predicted, after twice as long a third:
/// a node that was slow once is tried again.
pub const TRUST: f64 = 10.0;

/// What a node's answer is taken to cost, in seconds: measured so many seconds ago, beside what is predicted now.
#[must_use]
pub fn impedance(predicted: f64, measured: f64, age: f64) -> f64 {
    predicted + (measured - predicted) / (1.0 + age / TRUST)
}

#[cfg(test)]
mod tests {
    use super::{TRUST, impedance};

    #[test]
    fn what_was_just_measured_is_believed_and_what_is_old_is_not() {
        let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
        assert!(close(impedance(0.1, 0.5, 0.0), 0.5));
        assert!(close(impedance(0.1, 0.5, TRUST), 0.3), "half way back");
        assert!(impedance(0.1, 0.5, 1e6) < 0.101);
    }
}
