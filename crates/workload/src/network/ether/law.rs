use fogline_core::model::Seconds;

use crate::random::Stream;

/// A law of link latency: `shift + scale · exp(shape · N(0,1))` milliseconds.
///
/// The figures are those that the authors of ether fitted to measurements (HotEdge'20).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatencyLaw {
    /// Its name.
    pub name: &'static str,
    /// Standard deviation of the logarithm.
    pub shape: f64,
    /// What every message takes at least, in milliseconds.
    pub shift_ms: f64,
    /// Median of what comes on top, in milliseconds.
    pub scale_ms: f64,
}

impl LatencyLaw {
    /// A wired local network: mode 0.50 ms, 99 % within 0.64 ms.
    pub const LAN: Self = Self {
        name: "lan",
        shape: 0.25,
        shift_ms: 0.35,
        scale_ms: 0.16,
    };
    /// The access line of a business: mode 6.52 ms, 99 % within 15.1 ms.
    pub const BUSINESS_ISP: Self = Self {
        name: "business-isp",
        shape: 0.87,
        shift_ms: 5.95,
        scale_ms: 1.21,
    };
    /// A mobile operator: mode 22.5 ms, 99 % within 41.3 ms.
    pub const MOBILE_ISP: Self = Self {
        name: "mobile-isp",
        shape: 0.49,
        shift_ms: 16.2,
        scale_ms: 8.02,
    };

    /// The most likely latency.
    #[must_use]
    pub fn mode(&self) -> Seconds {
        Seconds::from_millis(self.shift_ms + self.scale_ms * libm::exp(-self.shape * self.shape))
    }

    /// A random latency.
    pub fn sample(&self, stream: &mut Stream) -> Seconds {
        Seconds::from_millis(self.shift_ms + self.scale_ms * libm::exp(self.shape * stream.normal()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_laws_have_the_modes_and_tails_that_their_authors_state() {
        for (law, mode, median, p99) in [
            (LatencyLaw::LAN, 0.500, 0.510, 0.64),
            (LatencyLaw::BUSINESS_ISP, 6.52, 7.16, 15.1),
            (LatencyLaw::MOBILE_ISP, 22.5, 24.2, 41.3),
        ] {
            assert!(
                (law.mode().as_millis() / mode - 1.0).abs() < 0.002,
                "{}",
                law.name
            );
            let mut samples: Vec<f64> = (0..40_001)
                .map(|entity| law.sample(&mut Stream::new(1, 0, entity, 0)).as_millis())
                .collect();
            samples.sort_by(f64::total_cmp);
            assert!((samples[20_000] / median - 1.0).abs() < 0.01, "{}", law.name);
            assert!((samples[39_600] / p99 - 1.0).abs() < 0.04, "{}", law.name);
            assert!(samples[0] > law.shift_ms, "{}", law.name);
        }
    }
}
