//! How many retries a node may send: few beside what it sends anyway, so that they make no overload worse.

/// Retries for each request, on average.
const PER_REQUEST: f64 = 0.1;
/// Retries that may come at once, and that there are at the start.
const MOST: f64 = 100.0;

/// A budget of retries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryBudget {
    left: f64,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { left: MOST }
    }
}

impl RetryBudget {
    /// A request was sent for the first time.
    pub fn sent(&mut self) {
        self.left = (self.left + PER_REQUEST).min(MOST);
    }

    /// Whether one may be sent again; if so, it counts.
    pub fn take(&mut self) -> bool {
        let may = self.left >= 1.0;
        self.left -= f64::from(u8::from(may));
        may
    }
}

#[cfg(test)]
mod tests {
    use super::RetryBudget;

    #[test]
    fn retries_are_a_tenth_of_requests_and_a_burst() {
        let mut budget = RetryBudget::default();
        let burst = (0..1000).filter(|_| budget.take()).count();
        assert_eq!(burst, 100);
        let mut retries = 0;
        for _ in 0..1000 {
            budget.sent();
            retries += u32::from(budget.take());
        }
        assert!((99..=100).contains(&retries), "{retries}");
    }
}
