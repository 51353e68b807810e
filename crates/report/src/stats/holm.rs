//! Many comparisons at once.

/// Holm's step-down adjustment (Scandinavian Journal of Statistics 6, 1979): with the adjusted p-values, the
/// chance of even one false claim in the family stays below the level, whatever the dependence between tests.
///
/// The result is in the order of the input. A p-value that is not a number counts as 1.
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let number = |p: f64| if p.is_nan() { 1.0 } else { p };
    let mut ascending: Vec<usize> = (0..p_values.len()).collect();
    ascending.sort_by(|&a, &b| number(p_values[a]).total_cmp(&number(p_values[b])));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut at_least: f64 = 0.0;
    for (rank, &position) in ascending.iter().enumerate() {
        let left = (p_values.len() - rank) as f64;
        at_least = at_least.max(left * number(p_values[position])).min(1.0);
        adjusted[position] = at_least;
    }
    adjusted
}
