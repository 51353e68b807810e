//! Flags a reading that is unusual after those before it, and keeps the last alarms.

use fogline::{Error, State, log};
use sensor_readings::Measured;
use serde::{Deserialize, Serialize};

/// Alarms that are kept.
const KEPT: usize = 16;

const ALARMS: State<Vec<Alarm>> = State::new("alarms");

#[derive(Serialize, Deserialize)]
struct Alarm {
    /// When, in milliseconds since 1970.
    at_ms: u64,
    value: f64,
    z: f64,
}

#[derive(Serialize)]
struct Verdict {
    value: f64,
    z: f64,
    anomaly: bool,
    /// Alarms so far, as far as they are kept.
    alarms: usize,
}

fn detect(reading: Measured) -> Result<Verdict, Error> {
    let mut alarms = ALARMS.load()?.unwrap_or_default();
    let (value, z, anomaly) = (reading.value, reading.z(), reading.is_anomaly());
    if anomaly {
        log::warn(format!("reading {value} is {z:.1} deviations from the mean"));
        let at_ms = fogline::context().now.as_millis() as u64;
        alarms.push(Alarm { at_ms, value, z });
        let extra = alarms.len().saturating_sub(KEPT);
        alarms.drain(..extra);
        ALARMS.store(&alarms)?;
    }
    Ok(Verdict {
        value,
        z,
        anomaly,
        alarms: alarms.len(),
    })
}

fogline::json_function!(detect);
