//! The groups of workers, and what is known of each.

use super::{Path, Routes, VertexId, WorkerIndex, Workers};

/// A group, by its position. Parts stand before the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GroupId(u32);

/// What a group is made of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content {
    /// One worker.
    Worker(WorkerIndex),
    /// All workers behind a gateway that is itself behind this group's.
    Below(GroupId),
    /// Two groups behind the same gateway.
    Split(GroupId, GroupId),
}

/// Whether a group has members of a block through which a peer behind the same gateway may reach it without
/// passing the gateway.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meshed {
    No,
    /// By one member of the block.
    Block(VertexId),
    Several,
}

#[derive(Debug)]
struct Group {
    content: Content,
    whole: Option<GroupId>,
    gateway: VertexId,
    /// First and one behind the last of the places (in the order of the tree) that may be in the group.
    places: (u32, u32),
    meshed: Meshed,
    lowest: WorkerIndex,
    /// From the gateway to the nearest of the group, in each respect, and back.
    to: Path,
    from: Path,
}

/// All groups.
#[derive(Debug)]
pub(super) struct Groups {
    groups: Vec<Group>,
    /// By group and profile: the highest rate.
    rates: Vec<f64>,
    profiles: usize,
    /// By worker: its group of one.
    single: Vec<GroupId>,
    /// By vertex: its place in the order of the tree, and how many places it and all behind it take.
    places: Vec<u32>,
    sizes: Vec<u32>,
    top: Option<GroupId>,
}

impl Groups {
    pub(super) fn new(routes: &Routes, workers: &Workers) -> Self {
        let order = routes.tree_order();
        let mut places = vec![u32::MAX; routes.vertex_count()];
        for (place, vertex) in order.iter().enumerate() {
            places[vertex.0 as usize] = place as u32;
        }
        let mut sizes = vec![1; routes.vertex_count()];
        for &vertex in order.iter().rev() {
            if vertex != routes.root() {
                sizes[routes.gateway(vertex).0 as usize] += sizes[vertex.0 as usize];
            }
        }
        let mut groups = Self {
            groups: Vec::with_capacity(4 * workers.len()),
            rates: Vec::new(),
            profiles: workers.profiles(),
            single: vec![GroupId(0); workers.len()],
            places,
            sizes,
            top: None,
        };
        let mut worker_at = vec![None; routes.vertex_count()];
        for worker in workers.indices() {
            worker_at[workers.vertex(worker).0 as usize] = Some(worker);
        }
        let mut behind: Vec<Option<GroupId>> = vec![None; routes.vertex_count()];
        // Children stand behind their parents in the order of the tree.
        for &gateway in order.iter().rev() {
            let mut parts = Vec::new();
            if let Some(worker) = worker_at[gateway.0 as usize] {
                parts.push(groups.add_worker(gateway, worker));
            }
            for members in routes.members_below(gateway) {
                let meshed = if members
                    .iter()
                    .filter(|member| routes.may_be_peer(**member))
                    .count()
                    > 1
                {
                    Meshed::Block(members[0])
                } else {
                    Meshed::No
                };
                for &member in members {
                    if let Some(below) = behind[member.0 as usize] {
                        parts.push(groups.add_below(routes, gateway, member, below, meshed));
                    }
                }
            }
            behind[gateway.0 as usize] = groups.add_halves(&parts);
        }
        groups.top = behind[routes.root().0 as usize];
        groups.rates = vec![0.0; groups.groups.len() * groups.profiles];
        groups.update_all(workers);
        groups
    }

    fn add(&mut self, group: Group) -> GroupId {
        let id = GroupId(self.groups.len() as u32);
        match group.content {
            Content::Worker(worker) => self.single[worker.0 as usize] = id,
            Content::Below(part) => self.groups[part.0 as usize].whole = Some(id),
            Content::Split(left, right) => {
                self.groups[left.0 as usize].whole = Some(id);
                self.groups[right.0 as usize].whole = Some(id);
            }
        }
        self.groups.push(group);
        id
    }

    /// The places of a vertex and of all that is behind it, whether it works or not: a peer there reaches the
    /// workers there without passing the gateway.
    fn behind(&self, vertex: VertexId) -> (u32, u32) {
        let first = self.places[vertex.0 as usize];
        (first, first + self.sizes[vertex.0 as usize])
    }

    fn add_worker(&mut self, at: VertexId, worker: WorkerIndex) -> GroupId {
        let place = self.places[at.0 as usize];
        self.add(Group {
            content: Content::Worker(worker),
            whole: None,
            gateway: at,
            places: (place, place + 1),
            meshed: Meshed::No,
            lowest: worker,
            to: Path::NONE,
            from: Path::NONE,
        })
    }

    fn add_below(
        &mut self,
        routes: &Routes,
        gateway: VertexId,
        member: VertexId,
        below: GroupId,
        meshed: Meshed,
    ) -> GroupId {
        let (down, up) = routes.gateway_paths(member);
        let part = &self.groups[below.0 as usize];
        let group = Group {
            content: Content::Below(below),
            whole: None,
            gateway,
            places: self.behind(member),
            meshed,
            lowest: part.lowest,
            to: down.then(part.to, routes.transfer()),
            from: part.from.then(up, routes.transfer()),
        };
        self.add(group)
    }

    /// Joins groups of one gateway in halves of halves.
    fn add_halves(&mut self, parts: &[GroupId]) -> Option<GroupId> {
        match parts {
            [] => None,
            [one] => Some(*one),
            _ => {
                let (left, right) = parts.split_at(parts.len() / 2);
                let (left, right) = (self.add_halves(left)?, self.add_halves(right)?);
                let (a, b) = (&self.groups[left.0 as usize], &self.groups[right.0 as usize]);
                let group = Group {
                    content: Content::Split(left, right),
                    whole: None,
                    gateway: a.gateway,
                    places: (a.places.0.min(b.places.0), a.places.1.max(b.places.1)),
                    meshed: match (a.meshed, b.meshed) {
                        (Meshed::No, other) | (other, Meshed::No) => other,
                        (a, b) if a == b => a,
                        _ => Meshed::Several,
                    },
                    lowest: a.lowest.min(b.lowest),
                    to: a.to.at_best(b.to),
                    from: a.from.at_best(b.from),
                };
                Some(self.add(group))
            }
        }
    }

    /// The group of all workers.
    pub(super) fn top(&self) -> Option<GroupId> {
        self.top
    }

    pub(super) fn content(&self, group: GroupId) -> Content {
        self.groups[group.0 as usize].content
    }

    /// The lowest worker that may be in the group.
    pub(super) fn lowest(&self, group: GroupId) -> WorkerIndex {
        self.groups[group.0 as usize].lowest
    }

    /// The highest rate of any worker in the group.
    pub(super) fn rate(&self, group: GroupId, profile: usize) -> f64 {
        self.rates[group.0 as usize * self.profiles + profile]
    }

    /// Lower bounds of the paths from a peer to any worker of the group, and back; exact for a group of one.
    pub(super) fn paths(&self, routes: &Routes, peer: VertexId, group: GroupId) -> (Path, Path) {
        let group = &self.groups[group.0 as usize];
        let place = self.places[peer.0 as usize];
        if (group.places.0..group.places.1).contains(&place) {
            return (Path::NONE, Path::NONE);
        }
        if group.meshed != Meshed::No
            && let Some(branch) = routes.branch_towards(group.gateway, peer)
        {
            let beside = match group.meshed {
                Meshed::No => false,
                Meshed::Block(member) => routes.same_block(member, branch),
                Meshed::Several => true,
            };
            if beside {
                return (routes.path(peer, branch), routes.path(branch, peer));
            }
        }
        (
            routes.join(Path::NONE, peer, group.gateway, group.to),
            routes.join(group.from, group.gateway, peer, Path::NONE),
        )
    }

    /// Takes over the rates of one worker.
    pub(super) fn update(&mut self, workers: &Workers, worker: WorkerIndex) {
        let mut next = Some(self.single[worker.0 as usize]);
        while let Some(group) = next {
            self.update_group(workers, group);
            next = self.groups[group.0 as usize].whole;
        }
    }

    /// Takes over the rates of all workers.
    pub(super) fn update_all(&mut self, workers: &Workers) {
        for group in 0..self.groups.len() as u32 {
            self.update_group(workers, GroupId(group));
        }
    }

    fn update_group(&mut self, workers: &Workers, group: GroupId) {
        for profile in 0..self.profiles {
            let rate = match self.groups[group.0 as usize].content {
                Content::Worker(worker) => workers.rate(worker, profile),
                Content::Below(part) => self.rate(part, profile),
                Content::Split(left, right) => self.rate(left, profile).max(self.rate(right, profile)),
            };
            self.rates[group.0 as usize * self.profiles + profile] = rate;
        }
    }
}
