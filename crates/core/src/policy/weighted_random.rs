//! `weighted-random`: drawn, with a probability inverse to the score.
//!
//! "Random-proportional" in Cicconetti, Conti and Passarella, "A Decentralized Framework for Serverless Edge
//! Computing in the Internet of Things" (IEEE TNSM 18(2), 2021).

/// What is scored lower than a nanosecond counts as a nanosecond, so that no weight is infinite.
const LEAST: f64 = 1e-9;

/// The candidate; `draw` is 64 random bits.
#[must_use]
pub fn choose(scores: &[f64], draw: u64) -> Option<usize> {
    // The weight of what is out is 1/∞, which is 0.
    let weight = |score: &f64| 1.0 / score.max(LEAST);
    let all: f64 = scores.iter().map(weight).sum();
    // Uniform in [0, 1), a multiple of 2^-53.
    let uniform = (draw >> 11) as f64 / (1_u64 << 53) as f64;
    let mut left = uniform * all;
    let mut last = None;
    for (index, score) in scores.iter().enumerate() {
        if score.is_finite() {
            last = Some(index);
            left -= weight(score);
            if left < 0.0 {
                return last;
            }
        }
    }
    // Rounding can leave a rest; it belongs to the last.
    last
}

#[cfg(test)]
mod tests {
    use super::choose;

    #[test]
    fn probabilities_are_inverse_to_scores() {
        let scores = [1.0, f64::INFINITY, 2.0, 4.0];
        let mut taken = [0_u32; 4];
        for step in 0..7_000_u64 {
            taken[choose(&scores, step * (u64::MAX / 7_000)).unwrap()] += 1;
        }
        for (index, expected) in [(0, 4_000), (1, 0), (2, 2_000), (3, 1_000)] {
            assert!(taken[index].abs_diff(expected) <= 2, "{taken:?}");
        }
    }

    #[test]
    fn the_ends_of_the_draw_are_candidates() {
        for scores in [[0.0, 0.0, f64::INFINITY], [1e-3, 1e9, f64::INFINITY]] {
            assert!(choose(&scores, 0).is_some_and(|it| it < 2));
            assert!(choose(&scores, u64::MAX).is_some_and(|it| it < 2));
        }
        assert_eq!(choose(&[f64::INFINITY], 3), None);
    }
}
