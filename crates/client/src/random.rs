//! Chance, from the operating system.

/// 16 random bytes.
pub(crate) fn bytes() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system has random numbers once it has booted");
    bytes
}

/// A number from 0 to below 1.
pub(crate) fn fraction() -> f64 {
    const BITS: u32 = 53;
    let [a, b, c, d, e, f, g, h, ..] = bytes();
    let bits = u64::from_le_bytes([a, b, c, d, e, f, g, h]) >> (u64::BITS - BITS);
    bits as f64 / (1_u64 << BITS) as f64
}
