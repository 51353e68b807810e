//! Randomness of the operating system.

/// Random bytes.
///
/// # Panics
/// When the operating system has none: nothing is safe then.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
