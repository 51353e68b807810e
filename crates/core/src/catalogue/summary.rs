//! What two nodes compare before they send each other anything.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::entry::{AppKey, Entry};

/// Parts of a catalogue that are compared by themselves: only those that differ are sent.
const PARTS: usize = 32;

/// A sum for each part of a catalogue. Where two differ the catalogues do; where they are the same the catalogues
/// differ once in 2^64 times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary([u64; PARTS]);

impl Summary {
    pub(super) fn of(entries: &BTreeMap<AppKey, Entry>) -> Self {
        let mut sums = [0_u64; PARTS];
        for (key, entry) in entries {
            // A stamp belongs to one change, so it stands for what the change is.
            let stamp = &entry.stamp;
            let hash = mixed([
                key.tenant.as_str().as_bytes(),
                key.app.as_str().as_bytes(),
                stamp.node.as_str().as_bytes(),
                &stamp.at.0.to_le_bytes(),
            ]);
            let sum = &mut sums[part_of(key)];
            *sum = sum.wrapping_add(hash);
        }
        Self(sums)
    }

    /// Whether an application is in a part in which the two differ.
    pub(super) fn differs(&self, other: &Self, key: &AppKey) -> bool {
        let part = part_of(key);
        self.0[part] != other.0[part]
    }
}

fn part_of(key: &AppKey) -> usize {
    let hash = mixed([key.tenant.as_str().as_bytes(), key.app.as_str().as_bytes()]);
    hash as usize % PARTS
}

/// FNV-1a over the parts, each behind a byte that no name has, and then mixed once more (the last step of MurmurHash3),
/// because sums of what FNV gives alone would not differ enough.
fn mixed<const N: usize>(parts: [&[u8]; N]) -> u64 {
    let bytes = parts
        .into_iter()
        .flat_map(|part| [0xff].into_iter().chain(part.iter().copied()));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}
