//! The project's random numbers: one counter-based generator, keyed by what the numbers are for.
//!
//! A [`Stream`] is a pure function of (seed, replication, entity, purpose): whoever asks for the same key
//! gets the same numbers, whatever was drawn before, on whichever thread, shard or machine. Only integer
//! operations, IEEE 754 `+ - * /` and `sqrt`, and functions of the `libm` crate take part, so they are the
//! same bits on every CPU and C library.
//!
//! The generator is Philox4x64-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2,
//! 3", SC'11), which passes `BigCrush`. The mapping is injective, so no two keys share a number sequence:
//!
//! | Philox word | holds |
//! |---|---|
//! | key 0 | seed |
//! | key 1 | replication |
//! | counter 0 | block, from 0; a block is four numbers |
//! | counter 1 | entity |
//! | counter 2 | purpose |
//! | counter 3 | 0 |

/// Rounds of Philox4x64; seven are enough for `BigCrush`, ten are what is published and tested.
const ROUNDS: usize = 10;
/// Multipliers of Philox4x64 (SC'11, table 2).
const MULTIPLIERS: [u64; 2] = [0xD2E7_470E_E14C_6C93, 0xCA5A_8263_9512_1157];
/// What the key words gain in each round: the golden ratio and √3 − 1, in units of 2^-64.
const WEYL: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xBB67_AE85_84CA_A73B];

/// A sequence of random numbers. Costs nothing to make (no allocation, no warm-up): make one where it is
/// needed rather than passing one around.
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u64; 2],
    entity: u64,
    purpose: u64,
    /// The next block to compute.
    block: u64,
    numbers: [u64; 4],
    /// How many of `numbers` are used up.
    used: usize,
}

impl Stream {
    /// The sequence of this key. `seed` is what the user gives, `replication` the draw, `entity` the thing
    /// that the numbers belong to (a job, a link, …), `purpose` what they decide about it; each caller
    /// numbers its purposes in constants.
    #[must_use]
    pub fn new(seed: u64, replication: u64, entity: u64, purpose: u32) -> Self {
        Self {
            key: [seed, replication],
            entity,
            purpose: u64::from(purpose),
            block: 0,
            numbers: [0; 4],
            used: 4,
        }
    }

    /// Sixty-four random bits.
    pub fn next_u64(&mut self) -> u64 {
        if self.used == self.numbers.len() {
            self.numbers = philox([self.block, self.entity, self.purpose, 0], self.key);
            // 2^64 blocks are never drawn; wrapping only spares the branch to a panic.
            self.block = self.block.wrapping_add(1);
            self.used = 0;
        }
        let number = self.numbers[self.used];
        self.used += 1;
        number
    }

    /// Uniform in [0, 1), a multiple of 2^-53. Takes one number.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// Uniform in `0..bound`, without bias; 0 if `bound` is 0. Takes one number, rarely more (Lemire, "Fast
    /// random integer generation in an interval", 2019).
    pub fn below(&mut self, bound: u64) -> u64 {
        let (mut high, mut low) = multiply(self.next_u64(), bound);
        if low < bound {
            let threshold = bound.wrapping_neg() % bound;
            while low < threshold {
                (high, low) = multiply(self.next_u64(), bound);
            }
        }
        high
    }

    /// Standard normal, by Box and Muller; the second of the pair is dropped, so that a sequence depends on
    /// nothing but its key. Takes two numbers.
    pub fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.uniform())
    }

    /// Exponential with mean 1. Takes one number.
    pub fn exponential(&mut self) -> f64 {
        -libm::log1p(-self.uniform())
    }
}

/// The high and the low word of a product.
fn multiply(a: u64, b: u64) -> (u64, u64) {
    let product = u128::from(a) * u128::from(b);
    ((product >> 64) as u64, product as u64)
}

/// One block of Philox4x64-10.
fn philox(mut counter: [u64; 4], mut key: [u64; 2]) -> [u64; 4] {
    for _ in 0..ROUNDS {
        let (high0, low0) = multiply(MULTIPLIERS[0], counter[0]);
        let (high1, low1) = multiply(MULTIPLIERS[1], counter[2]);
        counter = [
            high1 ^ counter[1] ^ key[0],
            low1,
            high0 ^ counter[3] ^ key[1],
            low0,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn philox_gives_the_published_known_answers() {
        // Random123, tests/kat_vectors, philox4x64 10.
        let all = u64::MAX;
        let pi = [
            0x243f_6a88_85a3_08d3,
            0x1319_8a2e_0370_7344,
            0xa409_3822_299f_31d0,
            0x082e_fa98_ec4e_6c89,
        ];
        let cases = [
            (
                [0; 4],
                [0; 2],
                [
                    0x1655_4d9e_ca36_314c,
                    0xdb20_fe9d_672d_0fdc,
                    0xd7e7_72ce_e186_176b,
                    0x7e68_b68a_ec7b_a23b,
                ],
            ),
            (
                [all; 4],
                [all; 2],
                [
                    0x87b0_92c3_013f_e90b,
                    0x438c_3c67_be8d_0224,
                    0x9cc7_d7c6_9cd7_77b6,
                    0xa09c_aebf_594f_0ba0,
                ],
            ),
            (
                pi,
                [0x4528_21e6_38d0_1377, 0xbe54_66cf_34e9_0c6c],
                [
                    0xa528_f454_03e6_1d95,
                    0x38c7_2dbd_566e_9788,
                    0xa5a1_610e_72fd_18b5,
                    0x57bd_43b5_e52b_7fe6,
                ],
            ),
        ];
        for (counter, key, expected) in cases {
            assert_eq!(philox(counter, key), expected);
        }
    }

    #[test]
    fn a_stream_walks_through_the_blocks_of_its_key() {
        let mut stream = Stream::new(7, 8, 9, 10);
        for block in 0..3 {
            for number in philox([block, 9, 10, 0], [7, 8]) {
                assert_eq!(stream.next_u64(), number);
            }
        }
    }

    #[test]
    fn every_part_of_the_key_changes_the_sequence() {
        let keys = [
            (0, 0, 0, 0),
            (1, 0, 0, 0),
            (0, 1, 0, 0),
            (0, 0, 1, 0),
            (0, 0, 0, 1),
        ];
        let firsts: HashSet<_> = keys
            .iter()
            .map(|&(seed, replication, entity, purpose)| {
                Stream::new(seed, replication, entity, purpose).next_u64()
            })
            .collect();
        assert_eq!(firsts.len(), keys.len());
    }

    #[test]
    fn below_is_uniform_and_below() {
        assert_eq!(Stream::new(1, 0, 0, 0).below(0), 0);
        for bound in [1, 2, 3, 7, 10] {
            let mut stream = Stream::new(1, 0, bound, 0);
            let mut counts = vec![0_i64; bound as usize];
            let draws = 60_000;
            for _ in 0..draws {
                counts[stream.below(bound) as usize] += 1;
            }
            let mean = draws / bound as i64;
            // Six standard deviations of a binomial count.
            let margin = 6.0 * ((mean as f64) * (1.0 - 1.0 / bound as f64)).sqrt() + 1.0;
            for count in counts {
                assert!(
                    ((count - mean) as f64).abs() <= margin,
                    "{count} of {draws} below {bound}"
                );
            }
        }
    }

    #[test]
    fn below_is_unbiased_where_a_remainder_would_be_half_wrong() {
        // Without rejection, multiples of three would come up twice as often as the others' mean.
        let bound = 3 << 62;
        let mut stream = Stream::new(3, 0, 0, 0);
        let draws = 30_000;
        let low = (0..draws).filter(|_| stream.below(bound) < bound / 3).count() as f64;
        let n = f64::from(draws);
        assert!(
            (low - n / 3.0).abs() < 6.0 * (n * 2.0 / 9.0).sqrt(),
            "{low} of {draws}"
        );
        let mut multiples = Stream::new(3, 0, 1, 0);
        let count = (0..draws)
            .filter(|_| multiples.below(bound).is_multiple_of(3))
            .count() as f64;
        assert!(
            (count - n / 3.0).abs() < 6.0 * (n * 2.0 / 9.0).sqrt(),
            "{count} of {draws}"
        );
    }

    /// Mean, variance and fourth moment of a hundred thousand draws.
    fn moments(mut draw: impl FnMut() -> f64) -> [f64; 3] {
        let n = 100_000;
        let mut sums = [0.0; 3];
        for _ in 0..n {
            let x = draw();
            sums[0] += x;
            sums[1] += x * x;
            sums[2] += x * x * x * x;
        }
        sums.map(|sum| sum / f64::from(n))
    }

    #[test]
    fn the_laws_have_their_moments() {
        let mut stream = Stream::new(11, 0, 0, 0);
        let uniform = moments(|| stream.uniform());
        let normal = moments(|| stream.normal());
        let exponential = moments(|| stream.exponential());
        // Each bound is at least six standard errors of the estimate.
        for (name, found, expected, margin) in [
            ("uniform mean", uniform[0], 0.5, 0.006),
            ("uniform square", uniform[1], 1.0 / 3.0, 0.006),
            ("normal mean", normal[0], 0.0, 0.02),
            ("normal square", normal[1], 1.0, 0.03),
            ("normal fourth power", normal[2], 3.0, 0.2),
            ("exponential mean", exponential[0], 1.0, 0.02),
            ("exponential square", exponential[1], 2.0, 0.1),
        ] {
            assert!(
                (found - expected).abs() < margin,
                "{name}: {found}, not {expected}"
            );
        }
    }
}
