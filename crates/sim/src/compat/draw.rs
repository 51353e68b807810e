//! What a seed decides: which jobs run, who asks for them, and in which order they are allocated.

use super::random::{Engine, Selector};

/// The draws of one replication.
#[derive(Clone, Debug, Default)]
pub(super) struct Draw {
    /// Positions in the pool, ascending.
    pub(super) jobs: Vec<u32>,
    /// For each job, its client's position among the clients.
    pub(super) clients: Vec<u32>,
    /// The order of allocation: positions in `jobs`.
    pub(super) order: Vec<u32>,
    remaining: Remaining,
}

impl Draw {
    /// The jobs are drawn by one engine, clients and order by another with the same seed.
    pub(super) fn fill(&mut self, selector: &Selector, seed: u64, jobs: u64, clients: u64) {
        selector.select(seed, jobs, &mut self.jobs);
        let mut engine = Engine::new(seed);
        let count = self.jobs.len();
        self.clients.clear();
        self.clients
            .extend((0..count).map(|_| engine.below(clients) as u32));
        self.order.clear();
        self.remaining.reset(count);
        for left in (1..=count).rev() {
            let skip = (engine.unit() * left as f64) as usize;
            self.order.push(self.remaining.take(skip) as u32);
        }
    }
}

/// A set of numbers from 0, from which the k-th smallest is taken: bits, and a Fenwick tree over how many
/// are set in each word.
#[derive(Clone, Debug, Default)]
struct Remaining {
    words: Vec<u64>,
    tree: Vec<u32>,
}

impl Remaining {
    fn reset(&mut self, count: usize) {
        let words = count.div_ceil(64);
        self.words.clear();
        self.words.resize(words, u64::MAX);
        if let (Some(last), rest @ 1..) = (self.words.last_mut(), count % 64) {
            *last = (1 << rest) - 1;
        }
        self.tree.clear();
        self.tree.push(0);
        self.tree.extend(self.words.iter().map(|word| word.count_ones()));
        for node in 1..=words {
            let parent = node + (node & node.wrapping_neg());
            if parent <= words {
                self.tree[parent] += self.tree[node];
            }
        }
    }

    /// Takes out the number that has `skip` smaller ones left; there are more than `skip`.
    fn take(&mut self, skip: usize) -> usize {
        let words = self.words.len();
        let mut skip = skip as u32;
        let mut word = 0;
        let mut step = (words + 1).next_power_of_two() / 2;
        while step > 0 {
            let node = word + step;
            if node <= words && self.tree[node] <= skip {
                skip -= self.tree[node];
                word = node;
            }
            step /= 2;
        }
        let bit = nth_one(self.words[word], skip);
        self.words[word] &= !(1 << bit);
        let mut node = word + 1;
        while node <= words {
            self.tree[node] -= 1;
            node += node & node.wrapping_neg();
        }
        word * 64 + bit as usize
    }
}

/// The position of the set bit that has `skip` lower ones.
fn nth_one(mut word: u64, mut skip: u32) -> u32 {
    let mut position = 0;
    for half in [32, 16, 8] {
        let low = (word & ((1 << half) - 1)).count_ones();
        if low <= skip {
            skip -= low;
            word >>= half;
            position += half;
        }
    }
    for _ in 0..skip {
        word &= word - 1;
    }
    position + word.trailing_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_taken_as_from_a_sorted_list(picks in prop::collection::vec(any::<u32>(), 0..400)) {
            let count = picks.len();
            let mut list: Vec<usize> = (0..count).collect();
            let mut remaining = Remaining::default();
            remaining.reset(count);
            for pick in picks {
                let skip = pick as usize % list.len();
                prop_assert_eq!(remaining.take(skip), list.remove(skip));
            }
        }
    }

    #[test]
    fn the_order_has_every_job_once() {
        let selector = Selector::new(500);
        let mut draw = Draw::default();
        for seed in 0..20 {
            draw.fill(&selector, seed, 130, 7);
            let mut sorted = draw.order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..draw.jobs.len() as u32).collect::<Vec<_>>());
            assert!(draw.clients.iter().all(|client| *client < 7));
        }
    }
}
