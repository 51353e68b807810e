//! Nonces: random, each used once.
//!
//! 96 random bits are enough: each key belongs to one session, and NIST SP 800-38D allows 2^32 seals under a key with
//! random nonces, which is 49 days of 1000 seals per second in one session. Under a tenant's key they would be used
//! up in days (R17).

use std::sync::{Mutex, PoisonError};

use fogline_core::model::CommitId;

use super::envelope::NONCE_BYTES;

/// Nonces that are drawn at once: one call of the generator takes longer than sealing 1 KiB.
const DRAWN: usize = 32;

#[derive(Debug)]
pub(super) struct Nonces {
    drawn: Mutex<Drawn>,
}

#[derive(Debug)]
struct Drawn {
    bytes: [u8; DRAWN * NONCE_BYTES],
    used: usize,
}

impl Default for Nonces {
    fn default() -> Self {
        let drawn = Drawn {
            bytes: [0; DRAWN * NONCE_BYTES],
            used: DRAWN,
        };
        Self {
            drawn: Mutex::new(drawn),
        }
    }
}

impl Nonces {
    /// The next nonce, for an envelope of a head of this commit.
    ///
    /// The commit id is mixed in because what was drawn ahead may be drawn twice: in two copies of a virtual machine
    /// that were resumed from one snapshot. Their commits are of different ids, so their nonces are different too.
    pub(super) fn next(&self, commit: CommitId) -> [u8; NONCE_BYTES] {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if drawn.used == DRAWN {
            aws_lc_rs::rand::fill(&mut drawn.bytes).expect("the operating system has random numbers");
            drawn.used = 0;
        }
        let start = drawn.used * NONCE_BYTES;
        drawn.used += 1;
        std::array::from_fn(|at| drawn.bytes[start + at] ^ commit.0[at])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_nonce_comes_twice() {
        let nonces = Nonces::default();
        let many: BTreeSet<_> = (0..10 * DRAWN).map(|_| nonces.next(CommitId([1; 16]))).collect();
        assert_eq!(many.len(), 10 * DRAWN);
    }

    #[test]
    fn what_was_drawn_ahead_gives_other_nonces_for_other_commits() {
        let copy = |drawn: &Nonces| {
            let Drawn { bytes, used } = &*drawn.drawn.lock().unwrap();
            Nonces {
                drawn: Mutex::new(Drawn {
                    bytes: *bytes,
                    used: *used,
                }),
            }
        };
        let first = Nonces::default();
        first.next(CommitId([0; 16]));
        let resumed = copy(&first);
        assert_ne!(first.next(CommitId([1; 16])), resumed.next(CommitId([2; 16])));
    }
}
