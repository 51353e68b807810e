//! Two homes of one session, and all that may be said of what happens there.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use fogline_core::model::{Birth, CommitId, SessionId, StateName, Timestamp};
use fogline_core::session::{
    BlobName, Commit, Content, Expect, Head, Home, Snapshot, Status, Whole, decode, encode,
};

/// What is in a home.
#[derive(Clone, Debug)]
struct Record {
    head: Head,
    blobs: BTreeMap<BlobName, Bytes>,
}

/// A moment at which a state had this value: for readers.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) step: usize,
    pub(crate) values: BTreeMap<StateName, Bytes>,
}

/// The homes, what is on its way to them, and what they have been.
#[derive(Debug)]
pub(crate) struct World {
    homes: BTreeMap<Home, Record>,
    late: Vec<(Home, Commit)>,
    ids: u64,
    pub(crate) step: usize,
    pub(crate) moments: Vec<Moment>,
    /// Epoch and version of the last head that could be committed to.
    last: (u64, u64),
}

/// What becomes of a commit on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is done, if what it expects holds, and its sender hears of it.
    Heard,
    /// It is done, if what it expects holds; its sender hears nothing.
    Unheard,
    /// It is lost.
    Lost,
    /// It comes later; its sender hears nothing.
    Late,
}

/// What its sender hears of a commit.
#[expect(
    clippy::large_enum_variant,
    reason = "as what a store answers, whose head is in place"
)]
pub(crate) enum Heard {
    Done,
    Conflict(Option<Head>),
    Nothing,
}

pub(crate) fn name(text: &str) -> StateName {
    text.parse().expect("it is a name")
}

pub(crate) fn external() -> Home {
    Home::External
}

pub(crate) fn in_edge() -> Home {
    let session = SessionId::mint(
        "edge".parse().expect("it is a name"),
        vec![Birth::InEdge],
        [1; 16],
    );
    Home::of_birth(&session.expect("it has a part"), Birth::InEdge)
}

impl World {
    /// A session without states, in the cloud.
    pub(crate) fn new() -> Self {
        let mut world = Self {
            homes: BTreeMap::new(),
            late: Vec::new(),
            ids: 0,
            step: 0,
            moments: Vec::new(),
            last: (0, 0),
        };
        let head = Head::new(world.id(), Timestamp(u64::MAX));
        world.homes.insert(
            external(),
            Record {
                head,
                blobs: BTreeMap::new(),
            },
        );
        world.remember(&external());
        world
    }

    /// An id that no other follows from.
    pub(crate) fn id(&mut self) -> CommitId {
        self.ids += 1;
        CommitId((u128::from(self.ids) << 96).to_be_bytes())
    }

    pub(crate) fn head(&self, home: &Home) -> Option<Head> {
        self.homes.get(home).map(|record| record.head.clone())
    }

    pub(crate) fn whole(&self, home: &Home) -> Option<Whole> {
        self.homes.get(home).map(|record| Whole {
            head: record.head.clone(),
            blobs: record.blobs.clone(),
        })
    }

    pub(crate) fn load(&self, home: &Home, states: &BTreeSet<StateName>) -> Option<Snapshot> {
        let record = self.homes.get(home)?;
        let values = states
            .iter()
            .filter_map(|state| Some((state.clone(), record.value(state)?)));
        Some(Snapshot {
            head: record.head.clone(),
            values: values.collect(),
        })
    }

    pub(crate) fn blob(&self, home: &Home, name: &BlobName) -> Option<Bytes> {
        self.homes.get(home)?.blobs.get(name).cloned()
    }

    /// The head that can be committed to; there is at most one.
    pub(crate) fn live(&self) -> Option<(&Home, &Head)> {
        let mut live = self
            .homes
            .iter()
            .filter(|(_, record)| record.head.status == Status::Live);
        let found = live.next().map(|(home, record)| (home, &record.head));
        assert!(
            live.next().is_none(),
            "two homes can be committed to: {:?}",
            self.homes
        );
        found
    }

    pub(crate) fn commit(&mut self, home: &Home, commit: Commit, fate: Fate) -> Heard {
        match fate {
            Fate::Heard => match self.apply(home, commit) {
                Ok(()) => Heard::Done,
                Err(there) => Heard::Conflict(*there),
            },
            Fate::Unheard => {
                let _ = self.apply(home, commit);
                Heard::Nothing
            }
            Fate::Lost => Heard::Nothing,
            Fate::Late => {
                self.late.push((home.clone(), commit));
                Heard::Nothing
            }
        }
    }

    /// One of those that come late comes.
    pub(crate) fn arrive(&mut self, choice: usize) {
        if !self.late.is_empty() {
            let (home, commit) = self.late.swap_remove(choice % self.late.len());
            let _ = self.apply(&home, commit);
        }
    }

    fn apply(&mut self, home: &Home, commit: Commit) -> Result<(), Box<Option<Head>>> {
        let old = self.homes.get(home);
        let there = old.map(|record| record.head.commit);
        let holds = match commit.expect {
            Expect::Absent => there.is_none(),
            Expect::Commit(id) => there == Some(id),
        };
        if !holds {
            return Err(Box::new(old.map(|record| record.head.clone())));
        }
        // What a store keeps are bytes.
        let head = decode(&encode(&commit.head)).expect("what was written can be read");
        let mut blobs = old.map(|record| record.blobs.clone()).unwrap_or_default();
        blobs.extend(commit.blobs);
        let named = head.blobs();
        blobs.retain(|name, _| named.contains(name));
        assert_eq!(
            blobs.len(),
            named.len(),
            "every blob that the head names is there (R6): {head:?}"
        );
        self.homes.insert(home.clone(), Record { head, blobs });
        if self.homes[home].head.status == Status::Live {
            self.remember(home);
        }
        self.live();
        Ok(())
    }

    /// Notes a head that can be committed to: later ones are higher (R3, R9).
    fn remember(&mut self, home: &Home) {
        let record = &self.homes[home];
        let now = (record.head.epoch, record.head.version);
        assert!(
            self.moments.is_empty() || now > self.last,
            "{now:?} comes after {:?}",
            self.last
        );
        self.last = now;
        let values = record
            .head
            .states
            .keys()
            .filter_map(|state| Some((state.clone(), record.value(state)?)));
        self.moments.push(Moment {
            step: self.step,
            values: values.collect(),
        });
    }
}

impl Record {
    fn value(&self, state: &StateName) -> Option<Bytes> {
        match &self.head.states.get(state)?.content {
            Content::Inline(bytes) => Some(bytes.clone()),
            Content::Blob { name, .. } => self.blobs.get(name).cloned(),
            Content::Held { .. } => None,
        }
    }
}
