//! `power-of-two-choices`: the better of two that are drawn.
//!
//! Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (IEEE TPDS 12(10), 2001): two draws keep
//! the longest queue nearly as short as a look at all, and what is out of date misleads few.

use super::scores::{below, count, nth};

/// The candidate; `draw` is 64 random bits. The two are distinct wherever there are two.
#[must_use]
pub fn choose(scores: &[f64], draw: u64) -> Option<usize> {
    let candidates = count(scores);
    let first = below((draw >> 32) as u32, candidates);
    let one = nth(scores, first, candidates)?;
    if candidates < 2 {
        return Some(one);
    }
    let other = below(draw as u32, candidates - 1);
    let second = other + usize::from(other >= first);
    let two = nth(scores, second, candidates)?;
    let better = scores[two] < scores[one] || (scores[two] == scores[one] && two < one);
    Some(if better { two } else { one })
}

#[cfg(test)]
mod tests {
    use super::choose;

    const OUT: f64 = f64::INFINITY;
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

    #[test]
    fn the_worst_of_three_is_never_taken_and_the_best_two_times_of_three() {
        let mut taken = [0; 5];
        for turn in 0..30_000_u64 {
            let draw = turn.wrapping_mul(GOLDEN).rotate_left(17).wrapping_mul(GOLDEN);
            taken[choose(&[3.0, OUT, 1.0, OUT, 2.0], draw).unwrap()] += 1;
        }
        assert_eq!(taken[0] + taken[1] + taken[3], 0, "{taken:?}");
        assert!((19_000..21_000).contains(&taken[2]), "{taken:?}");
    }

    #[test]
    fn one_candidate_is_taken_and_none_is_no_choice() {
        assert_eq!(choose(&[OUT, 1.0], u64::MAX), Some(1));
        assert_eq!(choose(&[OUT], 0), None);
        assert_eq!(choose(&[], 0), None);
    }
}
