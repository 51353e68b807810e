//! Sizes and times as people write them: a number and a unit.

use std::fmt;
use std::time::Duration;

use bytesize::ByteSize;
use fogline_core::model::Bytes;
use serde::Deserialize;

/// A size, as `"16 MiB"` (2^20 bytes), `"16 MB"` (10^6 bytes) or `"64 B"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Size(pub(crate) Bytes);

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bytes: ByteSize = text.trim().parse().map_err(|_| {
            let found = excerpt(&text);
            format!("\"{found}\" is not a size, expected a number and a unit, as \"16 MiB\" or \"64 B\"")
        })?;
        Ok(Self(Bytes(bytes.0)))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ByteSize(self.0.0).display().iec().fmt(f)
    }
}

/// A time, as `"250 ms"`, `"1 s"` or `"30 days"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Time(pub(crate) Duration);

impl TryFrom<String> for Time {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let time = humantime::parse_duration(&text).map_err(|_| {
            let found = excerpt(&text);
            format!("\"{found}\" is not a time, expected a number and a unit, as \"250 ms\" or \"30 days\"")
        })?;
        Ok(Self(time))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

/// The beginning of a text that is shown to whoever wrote it.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Size, Time};

    #[test]
    fn a_size_is_a_number_and_a_unit() {
        let size = |text: &str| Size::try_from(text.to_owned()).map(|size| size.0.0);
        for (text, bytes) in [
            ("64 B", 64),
            ("64", 64),
            ("16 MiB", 16 << 20),
            ("16MB", 16_000_000),
            ("1.5 kB", 1500),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for bad in ["", "MiB", "-1 B", "1 furlong", "1.2.3 B", "1e3 B", "ä"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        let time = |text: &str| Time::try_from(text.to_owned()).map(|time| time.0);
        for (text, expected) in [
            ("250 ms", Duration::from_millis(250)),
            ("1 s", Duration::from_secs(1)),
            ("30 days", Duration::from_secs(30 * 86400)),
            ("1h 30min", Duration::from_secs(5400)),
        ] {
            assert_eq!(time(text), Ok(expected), "{text}");
        }
        for bad in ["", "1", "s", "-1 s", "1 fortnight", "99999999999999999999 s"] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }
}
