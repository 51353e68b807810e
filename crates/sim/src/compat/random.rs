//! The random numbers of libstdc++: `minstd_rand0` and the two distributions on top of it.

/// Modulus of the engine, the Mersenne prime 2^31 - 1.
const MODULUS: u64 = 0x7fff_ffff;
/// Multiplier of the engine.
const MULTIPLIER: u64 = 16_807;
/// Values of the engine are 1..=MODULUS - 1, so this is one more than `max - min`.
const VALUES: f64 = 2_147_483_646.0;
/// `VALUES * VALUES` rounded to a double, as `std::generate_canonical` computes it.
const DIVISOR: f64 = VALUES * VALUES;

/// `a * b mod 2^31 - 1` of two values in 1..=2^31 - 2, by folding instead of dividing.
fn times(a: u64, b: u64) -> u64 {
    let product = a * b;
    let folded = (product & MODULUS) + (product >> 31);
    (folded & MODULUS) + (folded >> 31)
}

/// `std::generate_canonical<double, 53>` from two values of the engine: the low part comes first.
fn canonical(low: u64, high: u64) -> f64 {
    let sum = (low - 1) as f64 + (high - 1) as f64 * VALUES;
    let unit = sum / DIVISOR;
    if unit < 1.0 { unit } else { 1.0f64.next_down() }
}

/// `std::default_random_engine` of libstdc++.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    state: u64,
}

impl Engine {
    /// Seeds 0 and 1 give the same numbers.
    pub(crate) fn new(seed: u64) -> Self {
        let state = seed % MODULUS;
        Self {
            state: if state == 0 { 1 } else { state },
        }
    }

    fn next(&mut self) -> u64 {
        self.state = times(self.state, MULTIPLIER);
        self.state
    }

    /// `std::uniform_real_distribution<double>(0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        let low = self.next();
        let high = self.next();
        canonical(low, high)
    }

    /// `std::uniform_int_distribution<size_t>(0, count - 1)`; `count` is 1..=2^31 - 3.
    pub(crate) fn below(&mut self, count: u64) -> u64 {
        let scaling = (MODULUS - 2) / count;
        let past = count * scaling;
        loop {
            let value = self.next() - 1;
            if value < past {
                return value / scaling;
            }
        }
    }
}

/// Picks jobs of a pool: one draw per job, in order.
///
/// The streams of the engine are scaled copies of one another, `x_k(seed) = seed * x_k(1) mod m`, so that the
/// powers are computed once for all seeds and a draw depends on no other draw.
#[derive(Clone, Debug)]
pub(super) struct Selector {
    /// For each job, 16807^(2k+2) mod m: the factor of the high part of its draw.
    powers: Vec<u32>,
}

impl Selector {
    pub(super) fn new(pool: usize) -> Self {
        let step = times(MULTIPLIER, MULTIPLIER);
        let mut power = 1;
        let powers = (0..pool)
            .map(|_| {
                power = times(power, step);
                power as u32
            })
            .collect();
        Self { powers }
    }

    /// The positions whose draw is below `jobs / pool`, ascending.
    pub(super) fn select(&self, seed: u64, jobs: u64, picked: &mut Vec<u32>) {
        let probability = jobs as f64 / self.powers.len() as f64;
        let start = Engine::new(seed).state;
        // A draw is at least (high - 1) / VALUES, but for rounding far below 2^-31: above this bound it is not
        // below the probability, whatever the low part.
        let bound = (probability * VALUES) as u64 + 3;
        picked.resize(self.powers.len(), 0);
        let mut count = 0;
        for (job, &power) in self.powers.iter().enumerate() {
            // Without a branch, which nothing could predict.
            picked[count] = job as u32;
            count += usize::from(times(start, u64::from(power)) <= bound);
        }
        picked.truncate(count);
        picked.retain(|job| {
            let high = times(start, u64::from(self.powers[*job as usize]));
            canonical(before(high), high) < probability
        });
    }
}

/// The value of the engine before this one.
fn before(value: u64) -> u64 {
    /// The inverse of the multiplier: `16807 * 1407677000 mod 2^31 - 1 = 1`.
    const INVERSE: u64 = 1_407_677_000;
    times(value, INVERSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_gives_the_number_that_the_standard_asks_for() {
        // [rand.predef]: the 10000th value of a default-constructed minstd_rand0 is 1043618065.
        let mut engine = Engine::new(1);
        let last = (0..10_000).map(|_| engine.next()).last();
        assert_eq!(last, Some(1_043_618_065));
    }

    #[test]
    fn going_back_undoes_a_step() {
        for seed in [1, 2, 16_807, 2_147_483_645, 2_147_483_646] {
            let mut engine = Engine::new(seed);
            let next = engine.next();
            assert_eq!(before(next), seed);
        }
    }

    #[test]
    fn seeds_that_are_multiples_of_the_modulus_count_as_one() {
        for seed in [0, MODULUS, 2 * MODULUS] {
            assert_eq!(Engine::new(seed).state, 1);
        }
    }

    #[test]
    fn the_selector_draws_what_the_engine_draws() {
        let pool = 997;
        let selector = Selector::new(pool);
        let mut picked = Vec::new();
        for seed in (0..300).chain([2_147_483_646, 2_147_483_647, u64::MAX]) {
            for jobs in [1, 7, 100, 996, 997, 5000] {
                let mut engine = Engine::new(seed);
                let expected: Vec<u32> = (0..pool as u32)
                    .filter(|_| engine.unit() < jobs as f64 / pool as f64)
                    .collect();
                selector.select(seed, jobs, &mut picked);
                assert_eq!(picked, expected, "seed {seed}, {jobs} jobs");
            }
        }
    }

    #[test]
    fn integers_cover_their_range() {
        let mut engine = Engine::new(7);
        let mut seen = [0; 5];
        for _ in 0..1000 {
            seen[engine.below(5) as usize] += 1;
        }
        assert!(seen.iter().all(|count| *count > 150), "{seen:?}");
    }
}
