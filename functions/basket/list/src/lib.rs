//! Answers what is in the session's basket: quantities by item.

use basket_content::Basket;
use fogline::{Error, State};

const BASKET: State<Basket> = State::new("basket");

fn list(_: ()) -> Result<Basket, Error> {
    Ok(BASKET.load()?.unwrap_or_default())
}

fogline::json_function!(list);
