//! Adds a number to the session's total, and answers the new total.

use fogline::{Error, State};

const TOTAL: State<i64> = State::new("total");

fn add(amount: i64) -> Result<i64, Error> {
    let total = TOTAL.load()?.unwrap_or(0);
    let total = total
        .checked_add(amount)
        .ok_or_else(|| Error::invalid_input("the total would overflow"))?;
    TOTAL.store(&total)?;
    Ok(total)
}

fogline::json_function!(add);
