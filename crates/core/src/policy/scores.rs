//! What policies choose from: a score for each candidate, in seconds, infinite for those that are out.

/// The candidate with the lowest score, the first of several; `None` if all are out.
#[must_use]
pub fn lowest(scores: &[f64]) -> Option<usize> {
    let mut best = (f64::INFINITY, None);
    for (index, score) in scores.iter().enumerate() {
        if *score < best.0 {
            best = (*score, Some(index));
        }
    }
    best.1
}

/// How many candidates are in.
pub(super) fn count(scores: &[f64]) -> usize {
    scores.iter().filter(|score| score.is_finite()).count()
}

/// The `nth` of so many candidates that are in, from 0.
pub(super) fn nth(scores: &[f64], nth: usize, candidates: usize) -> Option<usize> {
    if candidates == scores.len() {
        return (nth < candidates).then_some(nth);
    }
    let mut left = nth;
    for (index, score) in scores.iter().enumerate() {
        if score.is_finite() {
            if left == 0 {
                return Some(index);
            }
            left -= 1;
        }
    }
    None
}

/// A number in `0..bound` from 32 random bits; biased by at most `bound` in 2^32 (Lemire, "Fast random integer
/// generation in an interval", 2019, without the rejection).
pub(super) fn below(bits: u32, bound: usize) -> usize {
    ((u64::from(bits) * bound as u64) >> 32) as usize
}
