//! Adds a number to the session's total, and answers the new total. Before, totals were numbers of hundredths.

use fogline::{Error, State};

const TOTAL: State<f64> = State::new("total").with_schema(2, upgrade);

fn upgrade(from_schema: u32, bytes: &[u8]) -> Result<f64, Error> {
    match from_schema {
        1 => Ok(std::str::from_utf8(bytes)?.parse::<f64>()? / 100.0),
        other => Err(Error::failed(format!("no upgrade from schema {other}"))),
    }
}

fn add(amount: f64) -> Result<f64, Error> {
    let total = TOTAL.load()?.unwrap_or(0.0) + amount;
    TOTAL.store(&total)?;
    Ok(total)
}

fogline::json_function!(add);
