use std::fmt;

/// Why a function gives no output. Nothing that it set is kept.
///
/// Any [`std::error::Error`] becomes [`Error::Failed`] by `?`, its sources behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The caller must act: the input is not what this function expects.
    InvalidInput(String),
    /// The function's author must act.
    Failed(String),
}

impl Error {
    /// The caller must act.
    pub fn invalid_input(message: impl fmt::Display) -> Self {
        Self::InvalidInput(message.to_string())
    }

    /// The function's author must act.
    pub fn failed(message: impl fmt::Display) -> Self {
        Self::Failed(message.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidInput(message) => write!(f, "invalid input: {message}"),
            Self::Failed(message) => write!(f, "failed: {message}"),
        }
    }
}

// `Error` is no `std::error::Error` itself: this conversion would then overlap with `From<Error> for Error`.
impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            message.push_str(": ");
            message.push_str(&error.to_string());
            source = error.source();
        }
        Self::Failed(message)
    }
}
