//! The macros that make a Rust function the component's export.

use std::fmt::{self, Write};
use std::sync::Once;

use crate::Error;
use crate::bindings::Error as ExportError;
use crate::bindings::fogline::function::log::last_words;

/// Makes `fn(Vec<u8>) -> Result<Vec<u8>, Error>` the function of this component. Once per crate.
///
/// ```
/// # use fogline::Error;
/// fn echo(input: Vec<u8>) -> Result<Vec<u8>, Error> {
///     Ok(input)
/// }
///
/// fogline::function!(echo);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! function {
    ($handle:path) => {
        $crate::export_with!($crate::internal::call, $handle);
    };
}

/// Makes `fn(T) -> Result<U, Error>` the function of this component: the input is JSON of a `T`, the output
/// JSON of a `U`. Once per crate. An input that is no `T` is answered with [`Error::InvalidInput`].
///
/// ```
/// # use fogline::Error;
/// fn double(number: f64) -> Result<f64, Error> {
///     Ok(2.0 * number)
/// }
///
/// fogline::json_function!(double);
/// # fn main() {}
/// ```
#[cfg(feature = "json")]
#[macro_export]
macro_rules! json_function {
    ($handle:path) => {
        $crate::export_with!($crate::internal::call_json, $handle);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! export_with {
    ($call:path, $handle:path) => {
        struct FoglineFunction;

        impl $crate::bindings::Guest for FoglineFunction {
            fn handle(input: Vec<u8>) -> Result<Vec<u8>, $crate::bindings::Error> {
                $call($handle, input)
            }
        }

        $crate::bindings::export!(FoglineFunction with_types_in $crate::bindings);
    };
}

/// Calls a function of bytes, as the export does.
///
/// # Errors
/// The function's own.
pub fn call(handle: fn(Vec<u8>) -> Result<Vec<u8>, Error>, input: Vec<u8>) -> Result<Vec<u8>, ExportError> {
    log_panics();
    handle(input).map_err(ExportError::from)
}

/// A panic ends as a trap without a message; the log is the only way out for what it says.
pub(crate) fn log_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let _ = write!(LastWords, "{panic}");
        }));
    });
}

/// Says what it is given: without an allocation, for there may be no memory left.
struct LastWords;

impl Write for LastWords {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().for_each(last_words);
        Ok(())
    }
}

impl From<Error> for ExportError {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidInput(message) => Self::InvalidInput(message),
            Error::Failed(message) => Self::Failed(message),
        }
    }
}
