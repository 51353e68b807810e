//! Compression of a state before it is sealed, where it pays.

use fogline_core::model::limits::MAX_STATE;
use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

/// States up to this size are not worth the time.
const MIN_BYTES: usize = 256;

/// What is tried first of a large state: if this much of the middle does not shrink, the rest is not tried.
const SAMPLE: usize = 2048;

/// What is looked at first of a small state, for which a trial would take as long as sealing it: random bytes have
/// 57 different values among 64, give or take 2; text has fewer than 40.
const LOOKED_AT: usize = 64;
const MOST_DIFFERENT: u32 = 48;

/// The length of what is compressed stands before it, in this many bytes.
const LENGTH_BYTES: usize = 4;

/// Appends the compressed bytes, if they are at least a tenth fewer; says whether it did.
pub(super) fn append_compressed(value: &[u8], out: &mut Vec<u8>) -> bool {
    if value.len() <= MIN_BYTES {
        return false;
    }
    if value.len() > 2 * SAMPLE {
        let middle = &value[value.len() / 2..][..SAMPLE];
        let mut tried = [0; get_maximum_output_size(SAMPLE)];
        if !compress_into(middle, &mut tried).is_ok_and(|length| pays(length, SAMPLE)) {
            return false;
        }
    } else if different(&value[value.len() / 2..][..LOOKED_AT]) > MOST_DIFFERENT {
        return false;
    }
    let Ok(length) = u32::try_from(value.len()) else {
        return false;
    };
    let start = out.len();
    out.extend_from_slice(&length.to_le_bytes());
    out.resize(start + LENGTH_BYTES + get_maximum_output_size(value.len()), 0);
    match compress_into(value, &mut out[start + LENGTH_BYTES..]) {
        Ok(length) if pays(length + LENGTH_BYTES, value.len()) => {
            out.truncate(start + LENGTH_BYTES + length);
            true
        }
        _ => {
            out.truncate(start);
            false
        }
    }
}

/// How many different bytes there are.
fn different(bytes: &[u8]) -> u32 {
    let mut seen = [0u64; 4];
    for byte in bytes {
        seen[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }
    seen.iter().map(|word| word.count_ones()).sum()
}

fn pays(compressed: usize, plain: usize) -> bool {
    compressed <= plain - plain / 10
}

/// The bytes that were compressed; `None` if they are damaged, or would be larger than a state may be.
pub(super) fn decompress(bytes: &[u8]) -> Option<Vec<u8>> {
    let (length, bytes) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
    let length = u32::from_le_bytes(*length);
    if u64::from(length) > MAX_STATE.0 {
        return None;
    }
    let mut value = vec![0; length as usize];
    let written = decompress_into(bytes, &mut value).ok()?;
    (written == value.len()).then_some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_compressed_comes_back(word in any::<u64>(), length in 0usize..20_000, period in 1usize..4000) {
            let value: Vec<u8> = (0..length).map(|at| (word >> (at % period % 64)) as u8).collect();
            let mut out = vec![9];
            if append_compressed(&value, &mut out) {
                prop_assert!(out.len() - 1 <= length - length / 10);
                prop_assert_eq!(decompress(&out[1..]), Some(value));
            } else {
                prop_assert_eq!(out, [9]);
            }
        }

        #[test]
        fn any_bytes_are_decompressed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Some(value) = decompress(&bytes) {
                prop_assert!(value.len() as u64 <= MAX_STATE.0);
            }
        }
    }

    #[test]
    fn what_claims_to_be_larger_than_a_state_is_refused_unread() {
        let mut bomb = (u32::try_from(MAX_STATE.0).unwrap() + 1).to_le_bytes().to_vec();
        bomb.extend([0x1f; 64]);
        assert_eq!(decompress(&bomb), None);
    }

    #[test]
    fn text_shrinks_and_small_states_are_left_alone() {
        let text = b"the quick brown fox ".repeat(100);
        let mut out = Vec::new();
        assert!(append_compressed(&text, &mut out) && out.len() < text.len() / 4);
        assert!(!append_compressed(&text[..MIN_BYTES], &mut Vec::new()));
        let mut noise = vec![0; 1 << 20];
        aws_lc_rs::rand::fill(&mut noise).unwrap();
        assert!(!append_compressed(&noise, &mut Vec::new()));
    }
}
