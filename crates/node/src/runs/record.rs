//! What a node keeps of runs, beside its sessions.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use fogline_core::model::limits::OPAQUE_REPLY_TERM;
use fogline_core::model::{AppName, ClientId, RunId, SessionId, StateName, TenantName, Timestamp};
use fogline_core::session::{Refusal, SessionKey};
use fogline_core::workflow::Run;
use fogline_protocol::api::RunBy;
use fogline_protocol::problem::Kind;
use fogline_protocol::trace::TraceContext;
use fogline_state::EmbeddedStore;
use fogline_state::seal::version_of;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Asked;
use crate::admit::Scope;
use crate::fault::Fault;

const TABLE: &str = "runs";
/// How records are written; their first byte.
const FORMAT: u8 = 1;
/// Records that are looked through at once: one may hold the outputs of 64 steps.
const PAGE: usize = 32;

/// What is kept of a run that has a name, until a day after it was accepted.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) tenant: TenantName,
    pub(super) app: AppName,
    pub(super) session: SessionId,
    pub(super) accepted: Timestamp,
    pub(super) deadline: Timestamp,
    /// SHA-256 of the input: the same name with another input is refused (R2).
    pub(super) input: [u8; 32],
    pub(super) run: Vec<u8>,
    /// Its number in the session's inbox, if nobody waits for it.
    pub(super) inbox: Option<u64>,
    /// The client that holds the session, if one does.
    pub(super) holder: Option<ClientId>,
    /// What it holds, as it sent it.
    pub(super) envelopes: BTreeMap<StateName, Bytes>,
    /// What steps that have finished have made of it: the client gets it with the result.
    pub(super) changed: BTreeMap<StateName, Bytes>,
    /// Which step of the workflow made each of these, where steps call each other.
    pub(super) made_by: BTreeMap<StateName, u32>,
    /// Who runs it.
    pub(super) by: RunBy,
    pub(super) problem: Option<String>,
    /// Of which trace it is, if that is recorded.
    pub(super) trace: Option<TraceContext>,
}

impl Record {
    pub(super) fn run(&self) -> Result<Run, Fault> {
        Run::decode(&self.run)
            .map_err(|error| Fault::new(Kind::Unavailable, error.to_string(), "restore the store"))
    }

    /// The record, if it is of what is asked.
    pub(super) fn of(self, asked: &Asked) -> Result<Self, Fault> {
        let same = self.input == <[u8; 32]>::from(Sha256::digest(&asked.input));
        if same {
            Ok(self)
        } else {
            Err(Refusal::OtherBody.into())
        }
    }

    pub(super) fn of_session(&self) -> SessionKey {
        SessionKey {
            tenant: self.tenant.clone(),
            app: self.app.clone(),
            session: self.session.clone(),
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.problem.is_some() || self.run().is_ok_and(|run| run.result().is_some())
    }

    /// What steps have made of what a client presents: not what it has had, and gone on from.
    pub(super) fn changes(&self, presented: &BTreeMap<StateName, Bytes>) -> BTreeMap<StateName, Bytes> {
        let is_later = |(state, made): &(&StateName, &Bytes)| {
            let theirs = presented.get(*state);
            theirs.is_none_or(|theirs| version_of(theirs) <= version_of(made))
        };
        let later = self.changed.iter().filter(is_later);
        later.map(|(state, made)| (state.clone(), made.clone())).collect()
    }

    pub(super) fn asked(&self, timeout: Duration) -> Asked {
        Asked {
            scope: Scope {
                tenant: self.tenant.clone(),
                app: self.app.clone(),
                session: Some(self.session.clone()),
            },
            key: None,
            input: Bytes::new(),
            envelopes: self.envelopes.clone(),
            seen: None,
            holder: self.holder,
            by: self.by,
            timeout,
            trace: self.trace.clone(),
        }
    }
}

pub(super) async fn keep(store: &EmbeddedStore, record: &Record) -> Result<(), Fault> {
    let bytes = postcard::to_extend(record, vec![FORMAT])
        .map_err(|error| Fault::internal(format!("writing the record of a run: {error}")))?;
    Ok(store.meta_put(TABLE, &record.run()?.id().0, bytes.into()).await?)
}

pub(super) fn stored(store: &EmbeddedStore, id: RunId) -> Result<Option<Record>, Fault> {
    let bytes = store.meta_get(TABLE, &id.0)?;
    bytes.map(|bytes| read(&bytes)).transpose()
}

pub(super) fn records(store: &EmbeddedStore) -> Result<Vec<Record>, Fault> {
    let mut records = Vec::new();
    let mut after: Option<Bytes> = None;
    loop {
        let page = store.meta_list(TABLE, after.as_deref(), PAGE)?;
        for (_, bytes) in &page {
            records.push(read(bytes)?);
        }
        if page.len() < PAGE {
            return Ok(records);
        }
        after = page.last().map(|(key, _)| key.clone());
    }
}

fn read(bytes: &[u8]) -> Result<Record, Fault> {
    let damaged = |what: String, hint: &str| {
        let title = format!("the record of a run cannot be read: {what}");
        Fault::new(Kind::Unavailable, title, hint)
    };
    match bytes.split_first() {
        Some((&FORMAT, record)) => {
            postcard::from_bytes(record).map_err(|error| damaged(error.to_string(), "restore the store"))
        }
        Some((format, _)) => Err(damaged(
            format!("it is of format {format}, this version reads {FORMAT}"),
            "run the version of fogline that wrote it until its runs have ended",
        )),
        None => Err(damaged("it has no byte".to_owned(), "restore the store")),
    }
}

/// Forgets the runs that were accepted more than a day ago.
pub(crate) async fn forget_old(store: &EmbeddedStore, now: Timestamp) -> Result<(), Fault> {
    forget(store, |record| now.since(record.accepted) > OPAQUE_REPLY_TERM).await
}

/// Forgets the runs of an application.
pub(crate) async fn forget_app(
    store: &EmbeddedStore,
    tenant: &TenantName,
    app: &AppName,
) -> Result<(), Fault> {
    forget(store, |record| record.tenant == *tenant && record.app == *app).await
}

async fn forget(store: &EmbeddedStore, which: impl Fn(&Record) -> bool) -> Result<(), Fault> {
    let mut after: Option<Bytes> = None;
    loop {
        let page = store.meta_list(TABLE, after.as_deref(), PAGE)?;
        for (key, bytes) in &page {
            if which(&read(bytes)?) {
                store.meta_delete(TABLE, key).await?;
            }
        }
        if page.len() < PAGE {
            return Ok(());
        }
        after = page.into_iter().next_back().map(|(key, _)| key);
    }
}

#[cfg(test)]
mod tests {
    use fogline_core::application::WorkflowStep;
    use fogline_core::model::Birth;
    use fogline_state::EmbeddedOptions;

    use super::*;

    /// A run of the step `add` of `counter`, in the trace 0707….
    const GOLDEN: &str = "
        01056c6f63616c07636f756e7465722074776f5f655f34376b6c6463346165767a326b687872626a6563613533357271
        80d095ffbc3180d095ffbc316b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b1e0150cf
        88b25e941b6a932d144a53634e2b0131010361646403616464000001808080baf8dfa7911a0000000000000107070707
        070707070707070707070707080808080808080801010876656e646f723d31";

    fn record(number: u8, app: &str, accepted: Timestamp) -> Record {
        let step = WorkflowStep {
            name: "add".parse().unwrap(),
            function: "add".parse().unwrap(),
            after: Vec::new(),
        };
        Record {
            tenant: "local".parse().unwrap(),
            app: app.parse().unwrap(),
            session: SessionId::mint("one".parse().unwrap(), vec![Birth::InEdge], [number; 16]).unwrap(),
            accepted,
            deadline: accepted,
            input: [0; 32],
            run: Run::start(RunId([number; 16]), &[step], Bytes::new())
                .unwrap()
                .encode(),
            inbox: None,
            holder: None,
            envelopes: BTreeMap::new(),
            changed: BTreeMap::new(),
            made_by: BTreeMap::new(),
            by: RunBy::Node,
            problem: None,
            trace: None,
        }
    }

    /// Whoever changes these bytes gives the format another number.
    #[test]
    fn a_record_is_read_as_it_was_written_long_ago() {
        let golden = GOLDEN.split_whitespace().collect::<String>();
        let written = data_encoding::HEXLOWER.decode(golden.as_bytes()).unwrap();
        let read = read(&written).unwrap();
        let trace = read.trace.as_ref().unwrap();
        assert_eq!(
            trace.to_string(),
            format!("00-{}-{}-01", "07".repeat(16), "08".repeat(8))
        );
        assert_eq!(read.accepted, Timestamp(1_700_000_000_000));
        assert_eq!(postcard::to_extend(&read, vec![FORMAT]).unwrap(), written);
        let mut later = written;
        later[0] = 2;
        let refused = super::read(&later).err().unwrap();
        assert!(
            refused.problem().title.contains("of format 2"),
            "{}",
            refused.problem()
        );
    }

    #[tokio::test]
    async fn old_runs_and_those_of_one_application_are_forgotten_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.redb");
        let store = EmbeddedStore::open(&path, &EmbeddedOptions::default()).unwrap();
        let now = Timestamp(0).after(2 * OPAQUE_REPLY_TERM);
        // More than are read at once, in the order of their ids: every third is old, every second of the application.
        let count = 3 * u8::try_from(PAGE).unwrap();
        for number in 0..count {
            let accepted = if number % 3 == 0 { Timestamp(0) } else { now };
            let app = if number % 2 == 0 { "counter" } else { "other" };
            keep(&store, &record(number, app, accepted)).await.unwrap();
        }
        let left = || {
            records(&store)
                .unwrap()
                .iter()
                .map(|left| left.session.clone())
                .collect::<Vec<_>>()
        };
        let expected = |which: fn(&u8) -> bool| {
            let numbers = (0..count).filter(which);
            numbers
                .map(|number| record(number, "counter", now).session)
                .collect::<Vec<_>>()
        };
        forget_old(&store, now).await.unwrap();
        assert_eq!(left(), expected(|number| number % 3 != 0));
        let (tenant, app) = ("local".parse().unwrap(), "counter".parse().unwrap());
        forget_app(&store, &tenant, &app).await.unwrap();
        assert_eq!(left(), expected(|number| number % 3 != 0 && number % 2 != 0));
    }
}
