use std::time::Duration;

use crate::bindings::fogline::function::context;

/// What is known of this invocation. Every attempt at it sees the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// Its id: 32 hexadecimal digits, the same in every attempt.
    pub id: String,
    /// The session that it is for, if there is one.
    pub session: Option<String>,
    /// When it was admitted, since 1970, to the millisecond: the only clock there is.
    pub now: Duration,
    /// When its caller stops waiting, since 1970.
    pub deadline: Duration,
    /// A random number, for whatever needs chance.
    pub seed: u64,
}

/// This invocation.
#[must_use]
pub fn context() -> Invocation {
    let invocation = context::current();
    Invocation {
        id: invocation.id,
        session: Some(invocation.session).filter(|session| !session.is_empty()),
        now: Duration::from_millis(invocation.now),
        deadline: Duration::from_millis(invocation.deadline),
        seed: invocation.seed,
    }
}
