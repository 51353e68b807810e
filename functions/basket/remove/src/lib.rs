//! Takes pieces of an item out of the session's basket, and answers how many are left.

use basket_content::Basket;
use fogline::{Error, State};
use serde::Deserialize;

const BASKET: State<Basket> = State::new("basket");

#[derive(Deserialize)]
struct Removal {
    item: String,
    /// All of them if not given.
    quantity: Option<u32>,
}

fn remove(removal: Removal) -> Result<u32, Error> {
    let mut basket = BASKET.load()?.unwrap_or_default();
    let left = basket.remove(&removal.item, removal.quantity)?;
    BASKET.store(&basket)?;
    Ok(left)
}

fogline::json_function!(remove);
