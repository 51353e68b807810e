use crate::Error;

/// Splits the input of a step with several predecessors into their outputs, in the order of the manifest's
/// `after`. Each stands behind its length as a little-endian `u32`.
///
/// # Errors
/// [`Error::InvalidInput`] when a part is longer than what is left.
pub fn inputs(mut input: &[u8]) -> Result<Vec<&[u8]>, Error> {
    let mut parts = Vec::new();
    while !input.is_empty() {
        let cut = |what| Error::InvalidInput(format!("part {} ends within its {what}", parts.len()));
        let (length, rest) = input.split_first_chunk::<4>().ok_or_else(|| cut("length"))?;
        let length = u32::from_le_bytes(*length) as usize;
        let (part, rest) = rest.split_at_checked(length).ok_or_else(|| cut("bytes"))?;
        parts.push(part);
        input = rest;
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::inputs;

    #[test]
    fn parts_come_in_order_and_may_be_empty() {
        let joined = [
            &2_u32.to_le_bytes()[..],
            b"ab",
            &0_u32.to_le_bytes(),
            &1_u32.to_le_bytes(),
            b"c",
        ]
        .concat();
        assert_eq!(inputs(&joined).unwrap(), [&b"ab"[..], b"", b"c"]);
        assert!(inputs(b"").unwrap().is_empty());
    }

    #[test]
    fn a_cut_part_is_the_callers_fault() {
        for cut in [&b"\x01\0\0"[..], b"\x02\0\0\0a", b"\xff\xff\xff\xff"] {
            assert!(inputs(cut).is_err(), "{cut:?}");
        }
    }
}
