//! Takes a sensor's reading, a number, and gives it with the mean and deviation of those before it.

use fogline::{Error, State};
use sensor_readings::{Measured, Window};

const WINDOW: State<Window> = State::new("window");

fn window(reading: f64) -> Result<Measured, Error> {
    let mut window = WINDOW.load()?.unwrap_or_default();
    let measured = window.measure(reading);
    WINDOW.store(&window)?;
    Ok(measured)
}

fogline::json_function!(window);
