//! Axes: a range, and ticks at round numbers.

/// How a quantity becomes a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// In proportion.
    Linear,
    /// By its decimal logarithm.
    Logarithmic,
}

/// An axis, in the units of its label.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    pub(super) label: &'static str,
    pub(super) scale: Scale,
    pub(super) low: f64,
    pub(super) high: f64,
    /// Where there is a number.
    pub(super) ticks: Vec<f64>,
    /// Where there is a thin line only.
    pub(super) minor: Vec<f64>,
}

/// Numbers that fit on an axis without touching.
const MOST_TICKS: usize = 7;

impl Axis {
    /// From zero to a round number that is not below any of the values.
    pub(super) fn from_zero(label: &'static str, values: impl Iterator<Item = f64>) -> Self {
        let highest = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
        let high = if highest > 0.0 { highest } else { 1.0 };
        let step = round_step(high, MOST_TICKS);
        let count = (high / step).ceil() as usize;
        Self {
            label,
            scale: Scale::Linear,
            low: 0.0,
            high: step * count as f64,
            ticks: (0..=count).map(|tick| step * tick as f64).collect(),
            minor: Vec::new(),
        }
    }

    /// Around whole numbers, with a number at each, or at every so many where they would touch.
    pub(super) fn whole(label: &'static str, values: impl Iterator<Item = u32>) -> Self {
        let mut values: Vec<u32> = values.collect();
        values.sort_unstable();
        values.dedup();
        let low = values.first().copied().map_or(0.0, f64::from);
        let high = values.last().copied().map_or(1.0, f64::from);
        let ticks = if values.len() <= MOST_TICKS {
            values.into_iter().map(f64::from).collect()
        } else {
            let step = round_step(high - low, 2 * MOST_TICKS).max(1.0);
            let first = (low / step).ceil() as u32;
            let last = (high / step).floor() as u32;
            (first..=last).map(|tick| step * f64::from(tick)).collect()
        };
        // Room for the marks of the first and the last point.
        let margin = if high > low { (high - low) * 0.05 } else { 1.0 };
        Self {
            label,
            scale: Scale::Linear,
            low: low - margin,
            high: high + margin,
            ticks,
            minor: Vec::new(),
        }
    }

    /// A probability, from 0 to 1.
    pub(super) fn probability(label: &'static str) -> Self {
        Self {
            label,
            scale: Scale::Linear,
            low: 0.0,
            high: 1.0,
            ticks: [0.0, 0.25, 0.5, 0.75, 1.0].to_vec(),
            minor: Vec::new(),
        }
    }

    /// Around positive values, by their logarithm. Values that are not positive do not count.
    pub(super) fn logarithmic(label: &'static str, values: impl Iterator<Item = f64>) -> Self {
        let shown = values.filter(|value| value.is_finite() && *value > 0.0);
        let (lowest, highest) = shown.fold((f64::INFINITY, 0.0_f64), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        if highest == 0.0 {
            return Self::logarithmic(label, [1.0, 10.0].into_iter());
        }
        let (low, high) = (
            round_log(lowest / 1.1, Side::Below),
            round_log(highest * 1.1, Side::Above),
        );
        let (low, high) = if low < high {
            (low, high)
        } else {
            (low / 10.0, high * 10.0)
        };
        let (ticks, minor) = log_ticks(low, high);
        Self {
            label,
            scale: Scale::Logarithmic,
            low,
            high,
            ticks,
            minor,
        }
    }

    /// Counts, by their logarithm, from just below one, so that one can be seen.
    pub(super) fn counts(label: &'static str, values: impl Iterator<Item = u64>) -> Self {
        let highest = values.max().unwrap_or(1).max(10) as f64;
        Self {
            label,
            scale: Scale::Logarithmic,
            low: 0.5,
            high: highest,
            // Every second power of ten: the strip is low.
            ticks: decades(1.0, highest).step_by(2).collect(),
            minor: Vec::new(),
        }
    }

    /// Where a value lies, in the axis's own length: [`Axis::start`] to [`Axis::end`]. What lies beyond an end
    /// is drawn at the end.
    pub(super) fn at(&self, value: f64) -> f64 {
        self.project(value.clamp(self.low, self.high))
    }

    /// Where the axis begins.
    pub(super) fn start(&self) -> f64 {
        self.project(self.low)
    }

    /// Where the axis ends.
    pub(super) fn end(&self) -> f64 {
        self.project(self.high)
    }

    /// The number at a tick.
    pub(super) fn number(&self, position: f64) -> String {
        let value = match self.scale {
            Scale::Linear => position,
            Scale::Logarithmic => libm::pow(10.0, position),
        };
        // Ticks have few digits; the last of the sixteen are of the arithmetic.
        let digits = format!("{value:.9}");
        digits.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    fn project(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => value,
            Scale::Logarithmic => libm::log10(value),
        }
    }
}

/// The 1, 2 or 5 times a power of ten that cuts a length into at most so many pieces.
fn round_step(length: f64, pieces: usize) -> f64 {
    let least = length / pieces as f64;
    let ten = floor_ten(least);
    let steps = [ten, 2.0 * ten, 5.0 * ten, 10.0 * ten];
    steps
        .into_iter()
        .find(|step| *step >= least)
        .unwrap_or(10.0 * ten)
}

/// The power of ten that is not above a positive value.
fn floor_ten(value: f64) -> f64 {
    let exponent = libm::floor(libm::log10(value) + 1e-9);
    libm::pow(10.0, exponent)
}

enum Side {
    Below,
    Above,
}

/// The nearest 1, 2 or 5 times a power of ten on that side.
fn round_log(value: f64, side: Side) -> f64 {
    let ten = floor_ten(value);
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * ten);
    let found = match side {
        Side::Below => steps.into_iter().rev().find(|step| *step <= value),
        Side::Above => steps.into_iter().find(|step| *step >= value),
    };
    found.unwrap_or(ten)
}

/// Where a logarithmic axis has numbers, and where a thin line only.
fn log_ticks(low: f64, high: f64) -> (Vec<f64>, Vec<f64>) {
    let count = decades(low, high).count();
    let inside = |tick: &f64| (low..=high * 1.000_001).contains(tick);
    if count > MOST_TICKS {
        let tens = decades(low, high).step_by(count.div_ceil(MOST_TICKS));
        return (tens.filter(inside).collect(), Vec::new());
    }
    let leads: &[u32] = match count {
        0..=2 => &[1, 2, 5],
        3 => &[1, 3],
        _ => &[1],
    };
    let all = decades(low, high).flat_map(|ten| (1..10_u32).map(move |lead| (lead, ten * f64::from(lead))));
    let (numbered, thin): (Vec<_>, Vec<_>) = all
        .filter(|(_, tick)| inside(tick))
        .partition(|(lead, _)| leads.contains(lead));
    let ticks = |pairs: Vec<(u32, f64)>| pairs.into_iter().map(|(_, tick)| tick).collect();
    (ticks(numbered), ticks(thin))
}

/// The powers of ten of a range, from the one that is not above it.
fn decades(low: f64, high: f64) -> impl Iterator<Item = f64> {
    let first = libm::round(libm::log10(floor_ten(low))) as i32;
    let last = libm::round(libm::log10(floor_ten(high))) as i32;
    (first..=last).map(|exponent| libm::pow(10.0, f64::from(exponent)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(axis: &Axis) -> Vec<String> {
        let scaled = axis.ticks.iter().map(|tick| axis.at(*tick));
        scaled.map(|position| axis.number(position)).collect()
    }

    #[test]
    fn ticks_are_round_and_cover_the_values() {
        let cases: [(Axis, &[&str]); 7] = [
            (
                Axis::from_zero("", [22.08, 3.0].into_iter()),
                &["0", "5", "10", "15", "20", "25"],
            ),
            (
                Axis::from_zero("", [0.31].into_iter()),
                &["0", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3", "0.35"],
            ),
            (
                Axis::from_zero("", [f64::NAN].into_iter()),
                &["0", "0.2", "0.4", "0.6", "0.8", "1"],
            ),
            (
                Axis::whole("", [500, 100, 300].into_iter()),
                &["100", "300", "500"],
            ),
            (
                Axis::logarithmic("", [26.0, 2885.0].into_iter()),
                &["30", "100", "300", "1000", "3000"],
            ),
            (Axis::logarithmic("", [26.0, 41.0].into_iter()), &["20", "50"]),
            (
                Axis::logarithmic("", [2e-4, 4e9].into_iter()),
                &["0.0001", "0.01", "1", "100", "10000", "1000000", "100000000"],
            ),
        ];
        for (axis, expected) in cases {
            assert_eq!(numbers(&axis), expected, "{axis:?}");
        }
    }

    #[test]
    fn values_beyond_an_end_are_drawn_at_the_end() {
        let axis = Axis::logarithmic("", [12.0, 90.0].into_iter());
        assert_eq!(axis.at(-5.0), 1.0);
        assert_eq!(axis.at(f64::INFINITY), 2.0);
    }
}
