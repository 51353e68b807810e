//! A window of readings, and how unusual the next one is.

use serde::{Deserialize, Serialize};

/// Readings that the window keeps.
pub const WINDOW: usize = 32;
/// Readings without which nothing is called unusual.
const ENOUGH: usize = 8;
/// So many standard deviations from the mean are unusual.
const UNUSUAL: f64 = 3.0;
/// The smallest deviation that is believed, relative to the mean: a sensor that has stood still is no reason
/// for an alarm at its first tick.
const RESOLUTION: f64 = 1e-3;

/// The last readings, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Window(Vec<f64>);

/// A reading and what was usual before it: what `window` tells `detect`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The reading.
    pub value: f64,
    /// How many readings came before it, within the window.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
}

impl Window {
    /// Takes a reading in, the oldest out if there are too many.
    pub fn measure(&mut self, value: f64) -> Measured {
        let count = self.0.len();
        // Before the first reading, nothing is usual but itself.
        let average = |sum: f64, otherwise| if count == 0 { otherwise } else { sum / count as f64 };
        let mean = average(self.0.iter().sum(), value);
        let squares = self.0.iter().map(|reading| (reading - mean) * (reading - mean));
        let deviation = average(squares.sum(), 0.0).sqrt();
        self.0.push(value);
        let extra = self.0.len().saturating_sub(WINDOW);
        self.0.drain(..extra);
        Measured {
            value,
            count,
            mean,
            deviation,
        }
    }
}

impl Measured {
    /// How many standard deviations it is from the mean.
    #[must_use]
    pub fn z(&self) -> f64 {
        let least = (self.mean.abs() * RESOLUTION).max(f64::MIN_POSITIVE);
        (self.value - self.mean) / self.deviation.max(least)
    }

    /// Whether it is unusual.
    #[must_use]
    pub fn is_anomaly(&self) -> bool {
        self.count >= ENOUGH && self.z().abs() > UNUSUAL
    }
}

#[cfg(test)]
mod tests {
    use super::{WINDOW, Window};

    fn window(readings: impl IntoIterator<Item = f64>) -> Window {
        let mut window = Window::default();
        for reading in readings {
            window.measure(reading);
        }
        window
    }

    #[test]
    fn what_is_usual_comes_from_the_readings_before() {
        let measured = window([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).measure(11.5);
        assert_eq!((measured.count, measured.mean, measured.deviation), (8, 5.0, 2.0));
        assert_eq!(measured.z(), 3.25);
        assert!(measured.is_anomaly());
    }

    #[test]
    fn the_first_reading_is_usual() {
        let measured = Window::default().measure(20.0);
        assert_eq!(
            (measured.count, measured.mean, measured.deviation, measured.z()),
            (0, 20.0, 0.0, 0.0)
        );
    }

    #[test]
    fn a_usual_reading_is_no_anomaly() {
        let measured = window([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).measure(10.9);
        assert!(!measured.is_anomaly(), "{measured:?}");
    }

    #[test]
    fn few_readings_raise_no_alarm() {
        let measured = window([20.0, 20.1, 19.9]).measure(500.0);
        assert!(!measured.is_anomaly(), "{measured:?}");
    }

    #[test]
    fn a_tick_after_standing_still_is_no_anomaly_but_a_jump_is() {
        let still = window([20.0; 20]);
        assert!(!still.clone().measure(20.05).is_anomaly());
        assert!(still.clone().measure(21.0).is_anomaly());
    }

    #[test]
    fn the_window_forgets_what_is_old() {
        let window = window((0..100).map(f64::from));
        assert_eq!(window.0.len(), WINDOW);
        assert_eq!(window.0[0], 68.0);
    }
}
