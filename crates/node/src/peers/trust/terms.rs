//! How long certificates serve, and by which clock.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fogline_core::model::Timestamp;

/// What a machine takes for the time. It may be wrong: a board without a battery starts in 1970.
pub type WallClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The clock of this machine.
#[must_use]
pub fn system_clock() -> WallClock {
    Arc::new(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
    })
}

/// How long certificates serve. All nodes of a network use the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// From the issue of a certificate to its end.
    pub life: Duration,
    /// How long after its end it is still accepted, for nodes that could not reach the authority.
    pub grace: Duration,
}

impl Default for Terms {
    /// A day, and a week: an authority may be away over a weekend and a holiday.
    fn default() -> Self {
        Self {
            life: Duration::from_secs(24 * 3600),
            grace: Duration::from_secs(7 * 24 * 3600),
        }
    }
}
