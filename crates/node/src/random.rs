//! Randomness that nobody can foresee.

/// Random bytes: of a generator of this thread's own that the operating system seeds, and seeds again now and then. To
/// ask the operating system for each of them costs a call of the kernel per id.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    rand::random()
}
