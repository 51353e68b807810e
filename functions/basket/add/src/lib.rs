//! Puts pieces of an item into the session's basket, and answers how many there are now.

use basket_content::Basket;
use fogline::{Error, State};
use serde::Deserialize;

const BASKET: State<Basket> = State::new("basket");

#[derive(Deserialize)]
struct Addition {
    item: String,
    #[serde(default = "one")]
    quantity: u32,
}

fn one() -> u32 {
    1
}

fn add(addition: Addition) -> Result<u32, Error> {
    let mut basket = BASKET.load()?.unwrap_or_default();
    let quantity = basket.add(&addition.item, addition.quantity)?;
    BASKET.store(&basket)?;
    Ok(quantity)
}

fogline::json_function!(add);
