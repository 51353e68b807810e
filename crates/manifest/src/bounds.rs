//! Amounts that must lie between bounds.

use std::fmt::Display;

use fogline_core::model::BadInput;
use toml::Spanned;

use crate::source::Source;

/// The least and the most that an amount may be.
pub(crate) struct Bounds<T> {
    pub(crate) least: T,
    pub(crate) most: Option<T>,
}

impl<T: PartialOrd + Display> Bounds<T> {
    /// The amount, if it is within the bounds or not there.
    pub(crate) fn check(
        &self,
        source: &Source,
        key: &str,
        amount: Option<Spanned<T>>,
    ) -> Result<Option<T>, BadInput> {
        let Self { least, most } = self;
        let Some(amount) = amount else {
            return Ok(None);
        };
        let (at, amount) = (amount.span().start, amount.into_inner());
        if amount >= *least && most.as_ref().is_none_or(|most| amount <= *most) {
            return Ok(Some(amount));
        }
        let expected = match most {
            Some(most) => format!("{least} to {most}"),
            None => format!("at least {least}"),
        };
        let problem = format!("{key} is {amount}, expected {expected}");
        Err(source.fault(at, problem, format!("write {expected}, or leave the key out")))
    }
}
