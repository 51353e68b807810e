//! Payloads that follow from payloads: whoever runs the workflow, wherever its state lives, must get these
//! bytes.

/// Bytes of an argument, between two functions.
pub const ARGUMENT: usize = 20_000;
/// Bytes of the state `s`.
pub const STATE: usize = 40_000;
/// Bytes of the result.
pub const RESULT: usize = 1_000;

/// How often the bytes are read for a digest: what makes `f2` compute for about two milliseconds.
const PASSES: u64 = 20;
/// Odd, without a pattern in its bits: the multiplier of splitmix64.
const FACTOR: u64 = 0xbf58_476d_1ce4_e5b9;
/// The golden ratio's, so that the steps of splitmix64 visit every number.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A number that depends on every byte, on where the parts end, and on their order.
#[must_use]
pub fn digest(parts: &[&[u8]]) -> u64 {
    let mut digest = STEP;
    for pass in 0..PASSES {
        digest = mix(digest ^ pass);
        for part in parts {
            digest = mix(digest ^ part.len() as u64);
            for chunk in part.chunks(8) {
                let mut word = [0; 8];
                word[..chunk.len()].copy_from_slice(chunk);
                digest = (digest ^ u64::from_le_bytes(word))
                    .wrapping_mul(FACTOR)
                    .rotate_left(29);
            }
        }
    }
    mix(digest)
}

/// So many bytes that follow from a digest.
#[must_use]
pub fn expand(digest: u64, size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size + 8);
    let mut at = digest;
    while bytes.len() < size {
        at = at.wrapping_add(STEP);
        bytes.extend_from_slice(&mix(at).to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// The state after an update, from the state before it and the input: first the number of updates so far, as
/// a little-endian `u64`, then bytes that follow from all inputs in their order.
#[must_use]
pub fn update(state: Option<&[u8]>, input: &[u8]) -> Vec<u8> {
    let before = state.unwrap_or_default();
    let updates = before.first_chunk().map_or(0, |count| u64::from_le_bytes(*count)) + 1;
    let mut after = updates.to_le_bytes().to_vec();
    after.extend(expand(digest(&[before, input]), STATE - after.len()));
    after
}

fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(FACTOR);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::{STATE, digest, expand, update};

    #[test]
    fn a_digest_tells_bytes_borders_and_order_apart() {
        let digests = [
            digest(&[b"ab", b"c"]),
            digest(&[b"a", b"bc"]),
            digest(&[b"c", b"ab"]),
            digest(&[b"abc"]),
            digest(&[b"abc\0"]),
            digest(&[b"abd"]),
            digest(&[]),
        ];
        for (index, one) in digests.iter().enumerate() {
            assert!(!digests[..index].contains(one), "{index}");
        }
    }

    #[test]
    fn a_payload_has_its_size_and_no_period() {
        let bytes = expand(7, 20_001);
        assert_eq!(bytes.len(), 20_001);
        assert_ne!(bytes[..8], bytes[8..16]);
        assert_eq!(bytes, expand(7, 20_001));
    }

    #[test]
    fn a_state_counts_its_updates_and_remembers_their_order() {
        let run = |inputs: &[&[u8]]| {
            inputs.iter().fold(None, |state: Option<Vec<u8>>, input| {
                Some(update(state.as_deref(), input))
            })
        };
        let (ab, ba, abb) = (run(&[b"a", b"b"]), run(&[b"b", b"a"]), run(&[b"a", b"b", b"b"]));
        assert_ne!(ab, ba);
        assert_eq!(ab.unwrap()[..8], 2_u64.to_le_bytes());
        let abb = abb.unwrap();
        assert_eq!((abb[0], abb.len()), (3, STATE));
    }
}
