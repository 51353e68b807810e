//! Loads of machines, and the least loaded machine of each set of a partition.

/// Machines in disjoint sets.
#[derive(Clone, Debug)]
pub(super) struct Partition {
    /// The members of each set, ascending, set after set.
    members: Vec<u32>,
    /// Where each set ends in `members`; it begins where the one before ends.
    ends: Vec<u32>,
    /// The set of each machine.
    set_of: Vec<u32>,
}

impl Partition {
    /// Puts machines with equal keys together; sets are numbered in ascending order of their first member.
    pub(super) fn by<K: std::hash::Hash + Eq>(keys: &[K]) -> Self {
        let mut number = std::collections::HashMap::new();
        let set_of: Vec<u32> = keys
            .iter()
            .map(|key| {
                let next = number.len() as u32;
                *number.entry(key).or_insert(next)
            })
            .collect();
        let mut members: Vec<u32> = (0..keys.len() as u32).collect();
        members.sort_by_key(|machine| set_of[*machine as usize]);
        let mut ends = vec![0; number.len()];
        for (place, machine) in members.iter().enumerate() {
            ends[set_of[*machine as usize] as usize] = place as u32 + 1;
        }
        Self {
            members,
            ends,
            set_of,
        }
    }

    pub(super) fn sets(&self) -> impl Iterator<Item = u32> + use<> {
        0..self.ends.len() as u32
    }

    pub(super) fn set_of(&self, machine: u32) -> u32 {
        self.set_of[machine as usize]
    }

    fn first(&self, set: u32) -> u32 {
        match set.checked_sub(1) {
            Some(before) => self.ends[before as usize],
            None => 0,
        }
    }

    pub(super) fn members(&self, set: u32) -> &[u32] {
        &self.members[self.first(set) as usize..self.ends[set as usize] as usize]
    }
}

/// A machine and its load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Least {
    /// Tasks placed on it.
    pub(super) load: u32,
    /// Its rank.
    pub(super) machine: u32,
}

/// The least loaded machine of each set, the first by name of several.
#[derive(Clone, Debug, Default)]
pub(super) struct Ladder {
    pub(super) loads: Vec<u32>,
    least: Vec<Least>,
    /// Where `least` stands in the partition's members.
    cursor: Vec<u32>,
}

impl Ladder {
    /// Takes all loads away.
    pub(super) fn reset(&mut self, partition: &Partition) {
        self.loads.clear();
        self.loads.resize(partition.set_of.len(), 0);
        self.least.clear();
        self.cursor.clear();
        for set in partition.sets() {
            let first = partition.first(set);
            self.cursor.push(first);
            self.least.push(Least {
                load: 0,
                machine: partition.members[first as usize],
            });
        }
    }

    pub(super) fn least(&self, set: u32) -> Least {
        self.least[set as usize]
    }

    /// Places one more task on a machine.
    pub(super) fn add(&mut self, partition: &Partition, machine: u32) {
        self.loads[machine as usize] += 1;
        let set = partition.set_of(machine);
        if self.least[set as usize].machine == machine {
            self.advance(partition, set);
        }
    }

    /// Finds the least loaded machine after the one that was it got a task. Those before it have more load
    /// than it had, because loads only grow.
    fn advance(&mut self, partition: &Partition, set: u32) {
        let members = partition.members(set);
        let first = partition.first(set);
        let load = self.least[set as usize].load;
        let behind = (self.cursor[set as usize] - first) as usize + 1;
        let next = members[behind..]
            .iter()
            .position(|machine| self.loads[*machine as usize] == load)
            .map(|place| behind + place);
        let place = next.unwrap_or_else(|| {
            let loads = members.iter().map(|machine| self.loads[*machine as usize]);
            let least = loads.enumerate().min_by_key(|(place, load)| (*load, *place));
            least.map_or(0, |(place, _)| place)
        });
        self.cursor[set as usize] = first + place as u32;
        self.least[set as usize] = Least {
            load: self.loads[members[place] as usize],
            machine: members[place],
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_ladder_knows_the_first_of_the_least_loaded(
            keys in prop::collection::vec(0..4u8, 1..20),
            added in prop::collection::vec((any::<u32>(), any::<bool>()), 0..200),
        ) {
            let partition = Partition::by(&keys);
            let mut ladder = Ladder::default();
            ladder.reset(&partition);
            for (pick, follow) in added {
                let machine = pick % keys.len() as u32;
                let machine = if follow { ladder.least(partition.set_of(machine)).machine } else { machine };
                ladder.add(&partition, machine);
                for set in partition.sets() {
                    let expected = partition
                        .members(set)
                        .iter()
                        .map(|&machine| Least { load: ladder.loads[machine as usize], machine })
                        .min();
                    prop_assert_eq!(Some(ladder.least(set)), expected);
                }
            }
        }
    }

    #[test]
    fn sets_are_complete_and_ascending() {
        let partition = Partition::by(&["b", "a", "b", "c", "a"]);
        let sets: Vec<&[u32]> = partition.sets().map(|set| partition.members(set)).collect();
        assert_eq!(sets, [&[0, 2][..], &[1, 4], &[3]]);
        assert_eq!(
            (0..5).map(|m| partition.set_of(m)).collect::<Vec<_>>(),
            [0, 1, 0, 2, 1]
        );
    }
}
