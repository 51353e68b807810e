//! Nonces: random, each used once.
//!
//! AEGIS-256 takes 256 bits, so random ones never come twice in practice, under however many seals (RFC 10032).

use std::sync::{Mutex, PoisonError};

use fogline_core::model::{CommitId, Timestamp};

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
    /// The next nonce, for an envelope of a head of this commit that is sealed at this time.
    ///
    /// Both are mixed in because what was drawn ahead may be drawn twice: in two copies of a virtual machine that were resumed
    /// from one snapshot. Their commits are of different ids; what is of one id, sealed anew or executed anew for a client
    /// without a mark, is so at another time.
    pub(super) fn next(&self, commit: CommitId, now: Timestamp) -> [u8; NONCE_BYTES] {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if drawn.used == DRAWN {
            aws_lc_rs::rand::fill(&mut drawn.bytes).expect("the operating system has random numbers");
            drawn.used = 0;
        }
        let start = drawn.used * NONCE_BYTES;
        drawn.used += 1;
        let mut nonce: [u8; NONCE_BYTES] = std::array::from_fn(|at| drawn.bytes[start + at]);
        let mixed = commit.0.into_iter().chain(now.0.to_be_bytes());
        nonce.iter_mut().zip(mixed).for_each(|(byte, with)| *byte ^= with);
        nonce
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_nonce_comes_twice() {
        let nonces = Nonces::default();
        let many: BTreeSet<_> = (0..10 * DRAWN)
            .map(|_| nonces.next(CommitId([1; 16]), Timestamp(1)))
            .collect();
        assert_eq!(many.len(), 10 * DRAWN);
    }

    #[test]
    fn what_was_drawn_ahead_gives_other_nonces_for_other_commits_and_at_other_times() {
        let copy = |drawn: &Nonces| {
            let Drawn { bytes, used } = &*drawn.drawn.lock().unwrap();
            Nonces {
                drawn: Mutex::new(Drawn {
                    bytes: *bytes,
                    used: *used,
                }),
            }
        };
        let (one, other) = (CommitId([1; 16]), CommitId([2; 16]));
        let first = Nonces::default();
        first.next(CommitId([0; 16]), Timestamp(1));
        for (commit, at) in [(other, Timestamp(1)), (one, Timestamp(2))] {
            let resumed = copy(&first);
            assert_ne!(copy(&first).next(one, Timestamp(1)), resumed.next(commit, at));
        }
    }
}
