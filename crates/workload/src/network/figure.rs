//! Figures in the units that people write, which come back as the very same bits.

use fogline_core::model::{BitRate, Seconds};

/// The figure in Mb/s that reads back as exactly this rate, if there is one.
pub(super) fn mbps(rate: BitRate) -> Option<f64> {
    inverse(rate.as_mbps(), |mbps| BitRate::from_mbps(mbps) == rate)
}

/// The figure in milliseconds that reads back as exactly this time, if there is one.
pub(super) fn millis(time: Seconds) -> Option<f64> {
    inverse(time.as_millis(), |ms| Seconds::from_millis(ms) == time)
}

/// The shortest of the figures around `near` that is `right`.
fn inverse(near: f64, right: impl Fn(f64) -> bool) -> Option<f64> {
    // Twelve digits are what a person may have written before conversion blurred the last bits.
    let short = format!("{near:.11e}").parse().unwrap_or(near);
    [short, near, near.next_up(), near.next_down()]
        .into_iter()
        .find(|&figure| right(figure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_comes_back_as_they_wrote_it() {
        for ms in [0.0, 0.1, 0.35, 0.5, 6.52, 10.0, 22.5, 120.0, 1e-3, 333.333] {
            assert_eq!(millis(Seconds::from_millis(ms)), Some(ms));
        }
        for rate in [0.1, 50.0, 300.0, 2.4, 1e4, 123.456] {
            assert_eq!(mbps(BitRate::from_mbps(rate)), Some(rate));
        }
    }

    #[test]
    fn what_has_no_exact_figure_has_none() {
        let found = (0..2000)
            .map(|step| Seconds(0.001 * f64::from(step) / 7.0))
            .filter_map(|time| millis(time).map(|ms| (time, ms)));
        for (time, ms) in found {
            assert_eq!(Seconds::from_millis(ms), time);
        }
    }
}
