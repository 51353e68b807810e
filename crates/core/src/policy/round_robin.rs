//! `round-robin`: one after the other.

use super::scores::{count, nth};

/// The candidate whose turn it is; the caller counts the turns of each function.
#[must_use]
pub fn choose(scores: &[f64], turn: u64) -> Option<usize> {
    let candidates = count(scores);
    nth(scores, turn.checked_rem(candidates as u64)? as usize, candidates)
}

#[cfg(test)]
mod tests {
    use super::choose;

    #[test]
    fn all_that_are_in_have_their_turn() {
        let scores = [5.0, f64::INFINITY, 1.0, 9.0];
        let turns: Vec<_> = (0..6).map(|turn| choose(&scores, turn)).collect();
        assert_eq!(turns, [0, 2, 3, 0, 2, 3].map(Some));
        assert_eq!(choose(&[f64::INFINITY], 7), None);
    }
}
