//! Quantities with a unit. A raw number never crosses a function of this crate.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Sub};

use serde::{Deserialize, Serialize};

/// A predicted time, in seconds, finite.
///
/// Predictions are multiplied, divided and compared millions of times, so they are a float; a time that was
/// *measured* is a [`std::time::Duration`].
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub f64);

impl Seconds {
    /// No time at all.
    pub const ZERO: Self = Self(0.0);

    /// From milliseconds.
    #[must_use]
    pub fn from_millis(ms: f64) -> Self {
        Self(ms / 1e3)
    }

    /// In milliseconds.
    #[must_use]
    pub fn as_millis(self) -> f64 {
        self.0 * 1e3
    }

    /// Total order; a prediction is never NaN, so this is the numeric order.
    #[must_use]
    pub fn total_cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }

    /// The longer of the two.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self(self.0.max(other.0))
    }
}

impl Add for Seconds {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Seconds {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sub for Seconds {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Mul<f64> for Seconds {
    type Output = Self;
    fn mul(self, factor: f64) -> Self {
        Self(self.0 * factor)
    }
}

impl Sum for Seconds {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} ms", self.as_millis())
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl Bytes {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// As a float, for costs. Exact below 2^53.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        self.0 as f64
    }
}

impl Add for Bytes {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Bytes {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Mul<u64> for Bytes {
    type Output = Self;
    fn mul(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor))
    }
}

impl Sum for Bytes {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b if b >= 1_000_000 => write!(f, "{:.3} MB", b as f64 / 1e6),
            b if b >= 1_000 => write!(f, "{:.1} kB", b as f64 / 1e3),
            b => write!(f, "{b} B"),
        }
    }
}

/// The capacity of a link, in bits per second, positive and finite.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BitRate(pub f64);

impl BitRate {
    /// From megabits per second (10^6 bit/s).
    #[must_use]
    pub fn from_mbps(mbps: f64) -> Self {
        Self(mbps * 1e6)
    }

    /// In megabits per second (10^6 bit/s).
    #[must_use]
    pub fn as_mbps(self) -> f64 {
        self.0 / 1e6
    }

    /// Seconds that one byte takes.
    #[must_use]
    pub fn seconds_per_byte(self) -> f64 {
        8.0 / self.0
    }
}

/// An amount of computation, in operations (the unit of the trace: one CPU second at 1 op/s).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Operations(pub u64);

/// How fast a node computes, in operations per second, positive and finite.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Speed(pub f64);

impl Speed {
    /// Operations per second of one CPU millicore: one core makes 10^9 op/s (what `StateSim` reads since its
    /// commit 665f1ca). The fallback where nothing was measured.
    pub const OPERATIONS_PER_MILLI: f64 = 1e6;

    /// The speed of so many CPU millicores.
    #[must_use]
    pub fn of_cpu_millis(millis: u64) -> Self {
        Self(millis as f64 * Self::OPERATIONS_PER_MILLI)
    }
}
