//! Sealing and opening one state: `cargo bench -p fogline-state --bench seal`.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot start has nothing to say"
)]

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use divan::Bencher;
use divan::counter::BytesCount;
use fogline_core::model::{AppName, Birth, CommitId, SessionId, StateName, Timestamp};
use fogline_core::session::{Content, Entry, Head};
use fogline_state::seal::{Keyring, Scope, Sealer};

fn main() {
    divan::main();
}

struct Bench {
    sealer: Sealer,
    app: AppName,
    session: SessionId,
    head: Head,
    states: BTreeSet<StateName>,
}

impl Bench {
    fn new(value: Bytes) -> Self {
        let state: StateName = "s".parse().unwrap();
        let mut head = Head::new(CommitId([1; 16]), Timestamp(1));
        let content = Content::Inline(value);
        head.states.insert(
            state.clone(),
            Entry {
                schema: 1,
                commit: head.commit,
                version: 0,
                content,
            },
        );
        Self {
            sealer: Sealer::new("acme".parse().unwrap(), Keyring::generate()),
            app: "shop".parse().unwrap(),
            session: SessionId::mint("edge-1".parse().unwrap(), vec![Birth::InClient], [1; 16]).unwrap(),
            head,
            states: [state].into(),
        }
    }

    fn scope(&self) -> Scope<'_> {
        Scope {
            app: &self.app,
            session: &self.session,
            part: Birth::InClient,
            holder: None,
            mark: None,
        }
    }

    fn seal(&self) -> BTreeMap<StateName, Bytes> {
        let none = BTreeMap::new();
        self.sealer
            .seal(&self.scope(), &self.head, &self.states, &none, Timestamp(2))
            .unwrap()
    }
}

fn noise(length: usize) -> Bytes {
    let mut noise = vec![0; length];
    aws_lc_rs::rand::fill(&mut noise).unwrap();
    noise.into()
}

/// Incompressible bytes; a session whose key is cached.
#[divan::bench(args = [100, 1 << 10, 10 << 10, 100 << 10, 1 << 20])]
fn seal_and_open(bencher: Bencher<'_, '_>, length: usize) {
    let bench = Bench::new(noise(length));
    bencher
        .counter(BytesCount::new(length))
        .bench(|| bench.sealer.open(&bench.scope(), bench.seal()).unwrap());
}

#[divan::bench(args = [1 << 10, 1 << 20])]
fn seal(bencher: Bencher<'_, '_>, length: usize) {
    let bench = Bench::new(noise(length));
    bencher.counter(BytesCount::new(length)).bench(|| bench.seal());
}

/// Text, which is compressed.
#[divan::bench(args = [1 << 10, 1 << 20])]
fn seal_and_open_text(bencher: Bencher<'_, '_>, length: usize) {
    let text = b"{\"sensor\": 17, \"value\": 21.5, \"at\": 1732460000}\n"
        .iter()
        .copied()
        .cycle();
    let bench = Bench::new(text.take(length).collect());
    bencher
        .counter(BytesCount::new(length))
        .bench(|| bench.sealer.open(&bench.scope(), bench.seal()).unwrap());
}
