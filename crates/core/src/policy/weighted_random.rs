//! `weighted-random`: drawn, with a probability inverse to the score.
//!
//! "Random-proportional" in Cicconetti, Conti and Passarella, "A Decentralized Framework for Serverless Edge
//! Computing in the Internet of Things" (IEEE TNSM 18(2), 2021).

/// What is scored lower than a nanosecond counts as a nanosecond, so that no weight is infinite.
const LEAST: f64 = 1e-9;

/// Candidates are added up in so many blocks, of which one only is looked at again: a weight is a division.
const BLOCKS: usize = 32;

/// The candidate; `draw` is 64 random bits.
#[must_use]
pub fn choose(scores: &[f64], draw: u64) -> Option<usize> {
    // The weight of what is out is 1/∞, which is 0.
    let weight = |score: &f64| 1.0 / score.max(LEAST);
    let size = scores.len().div_ceil(BLOCKS).max(1);
    let mut sums = [0.0; BLOCKS];
    for (sum, block) in sums.iter_mut().zip(scores.chunks(size)) {
        *sum = block.iter().map(weight).sum();
    }
    // Uniform in [0, 1), a multiple of 2^-53.
    let uniform = (draw >> 11) as f64 / (1_u64 << 53) as f64;
    let mut left = uniform * sums.iter().sum::<f64>();
    let mut end = 0;
    for (block, sum) in scores.chunks(size).zip(sums) {
        let begin = end;
        end += block.len();
        if left >= sum {
            left -= sum;
            continue;
        }
        for (at, score) in block.iter().enumerate() {
            left -= weight(score);
            if left < 0.0 {
                return Some(begin + at);
            }
        }
        break;
    }
    // Rounding can leave a rest; it belongs to the last before it.
    scores[..end].iter().rposition(|score| score.is_finite())
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

    /// More candidates than blocks, of which the last is not full.
    #[test]
    fn probabilities_are_inverse_to_scores_among_many() {
        let score = |at: usize| {
            if at.is_multiple_of(7) {
                f64::INFINITY
            } else {
                (1 + at % 3) as f64
            }
        };
        let scores: Vec<f64> = (0..100).map(score).collect();
        let all: f64 = scores.iter().map(|score| 1.0 / score).sum();
        let draws = 1_000_000_u64;
        let mut taken = vec![0_u32; scores.len()];
        for step in 0..draws {
            taken[choose(&scores, step * (u64::MAX / draws)).unwrap()] += 1;
        }
        for (taken, score) in taken.iter().zip(&scores) {
            let expected = draws as f64 / score / all;
            assert!(
                (f64::from(*taken) - expected).abs() <= 2.0,
                "{taken} of {expected}"
            );
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
