//! What is in a shopping basket.

use std::collections::BTreeMap;

use fogline::Error;
use serde::{Deserialize, Serialize};

/// Different items in one basket.
const MAX_ITEMS: usize = 1_000;
/// Bytes of an item's name.
const MAX_NAME: usize = 100;
/// Pieces of one item.
const MAX_QUANTITY: u32 = 1_000_000;

/// Items with their quantities, none of them zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basket(BTreeMap<String, u32>);

impl Basket {
    /// Puts pieces of an item in, and says how many there are now.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when the name, the quantity or the basket would be too large, or there is
    /// nothing to put in.
    pub fn add(&mut self, item: &str, quantity: u32) -> Result<u32, Error> {
        if item.is_empty() || item.len() > MAX_NAME {
            return Err(Error::invalid_input(format!(
                "an item's name has 1 to {MAX_NAME} bytes"
            )));
        }
        if self.0.len() >= MAX_ITEMS && !self.0.contains_key(item) {
            return Err(Error::invalid_input(format!(
                "a basket has at most {MAX_ITEMS} different items"
            )));
        }
        let there = self.0.get(item).copied().unwrap_or(0);
        let sum = there.saturating_add(quantity);
        if quantity == 0 || sum > MAX_QUANTITY {
            return Err(Error::invalid_input(format!("a quantity is 1 to {MAX_QUANTITY}")));
        }
        self.0.insert(item.to_owned(), sum);
        Ok(sum)
    }

    /// Takes pieces of an item out, all of them if no quantity is given, and says how many are left.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when there are not so many.
    pub fn remove(&mut self, item: &str, quantity: Option<u32>) -> Result<u32, Error> {
        let there = self.0.get(item).copied().unwrap_or(0);
        match there.checked_sub(quantity.unwrap_or(there)) {
            Some(0) if there > 0 => {
                self.0.remove(item);
                Ok(0)
            }
            Some(left) if there > 0 => {
                self.0.insert(item.to_owned(), left);
                Ok(left)
            }
            _ => Err(Error::invalid_input(format!(
                "there are {there} of \"{item}\" in the basket"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Basket, MAX_ITEMS, MAX_QUANTITY};

    #[test]
    fn what_was_put_in_can_be_taken_out_and_leaves_no_trace() {
        let mut basket = Basket::default();
        assert_eq!(basket.add("tea", 2), Ok(2));
        assert_eq!(basket.add("tea", 3), Ok(5));
        assert_eq!(basket.remove("tea", Some(1)), Ok(4));
        assert_eq!(basket.remove("tea", None), Ok(0));
        assert_eq!(basket, Basket::default());
    }

    #[test]
    fn what_is_not_there_cannot_be_taken_out() {
        let mut basket = Basket::default();
        assert!(basket.remove("tea", None).is_err());
        basket.add("tea", 2).unwrap();
        assert!(basket.remove("tea", Some(3)).is_err());
        assert_eq!(basket.remove("tea", Some(2)), Ok(0));
    }

    #[test]
    fn a_refused_change_changes_nothing() {
        let mut basket = Basket::default();
        for number in 0..MAX_ITEMS {
            basket.add(&number.to_string(), 1).unwrap();
        }
        let before = basket.clone();
        assert!(basket.add("one more", 1).is_err());
        assert!(basket.add("0", MAX_QUANTITY).is_err());
        assert!(basket.add("0", 0).is_err());
        assert!(basket.add("", 1).is_err());
        assert!(basket.add(&"x".repeat(101), 1).is_err());
        assert_eq!(basket, before);
        assert_eq!(
            basket.add("0", 1),
            Ok(2),
            "a full basket takes more of what is in it"
        );
    }
}
