//! What a node keeps of runs, beside its sessions.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use fogline_core::model::limits::OPAQUE_REPLY_TERM;
use fogline_core::model::{AppName, ClientId, RunId, SessionId, StateName, StepName, TenantName, Timestamp};
use fogline_core::session::{Refusal, SessionKey};
use fogline_core::workflow::Run;
use fogline_protocol::api::RunBy;
use fogline_protocol::peer::Shown;
use fogline_protocol::problem::{Kind, Problem};
use fogline_protocol::trace::TraceContext;
use fogline_state::EmbeddedStore;
use fogline_state::seal::version_of;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Asked;
use crate::admit::Scope;
use crate::fault::Fault;

const TABLE: &str = "runs";
/// When each was accepted, and its id: so that those whose time is over come first.
const BY_TIME: &str = "runs-by-time";
/// The ids of those that are executed without anybody waiting for them, until they have ended.
const LEFT: &str = "runs-left";
/// How records are written; their first byte.
const FORMAT: u8 = 3;
/// A format that ends before `replaced`.
const WITHOUT_REPLACED: u8 = 2;
/// Records that are looked through at once: one may hold the outputs of 64 steps.
const PAGE: usize = 32;

/// What is kept of a run that has a name, until a day after it was accepted.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) id: RunId,
    pub(super) tenant: TenantName,
    pub(super) app: AppName,
    pub(super) session: SessionId,
    pub(super) accepted: Timestamp,
    pub(super) deadline: Timestamp,
    /// SHA-256 of the input: the same name with another input is refused (R2).
    pub(super) input: [u8; 32],
    pub(super) progress: Progress,
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
    /// The newest that was shown of the session's primary part.
    pub(super) shown: Option<Shown>,
    /// Who runs it.
    pub(super) by: RunBy,
    pub(super) problem: Option<String>,
    /// Of which trace it is, if that is recorded.
    pub(super) trace: Option<TraceContext>,
    /// What was made of the client's states and then made anew, by which step: one that is fired again works on what came
    /// before it.
    pub(super) replaced: Replaced,
}

/// Envelopes of a state, by the place of the step that made them.
pub(super) type Replaced = BTreeMap<StateName, BTreeMap<u32, Bytes>>;

/// How far a run has come.
#[derive(Clone, Serialize, Deserialize)]
pub(super) enum Progress {
    /// Its bytes, with the outputs of the steps that have finished.
    UnderWay(Vec<u8>),
    /// It has a result, and nothing else of it is asked for any more.
    Done { result: Bytes, finished: Vec<StepName> },
}

impl Progress {
    pub(super) fn of(run: &Run) -> Self {
        match run.result() {
            None => Self::UnderWay(run.encode()),
            Some(result) => Self::Done {
                result,
                finished: run.finished().cloned().collect(),
            },
        }
    }
}

/// A run that has not ended.
pub(super) fn decode(run: &[u8]) -> Result<Run, Fault> {
    Run::decode(run).map_err(|error| Fault::new(Kind::Unavailable, error.to_string(), "restore the store"))
}

impl Record {
    /// Notes how far it has come.
    pub(super) fn advance(&mut self, run: &Run) {
        self.progress = Progress::of(run);
        if let Progress::Done { .. } = self.progress {
            self.envelopes.clear();
            self.made_by.clear();
            self.replaced.clear();
            self.problem = None;
        }
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

    /// Why it has failed, if it has.
    pub(super) fn problem(&self) -> Option<Problem> {
        serde_json::from_str(self.problem.as_deref()?).ok()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.problem.is_some() || matches!(self.progress, Progress::Done { .. })
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

/// Keeps the record of a run that is accepted now.
pub(super) async fn begin(store: &EmbeddedStore, record: &Record) -> Result<(), Fault> {
    let (left, time) = (record.id.0, time_key(record.accepted, record.id));
    let is_left = async {
        match record.inbox {
            Some(_) => store.meta_put(LEFT, &left, Bytes::new()).await,
            None => Ok(()),
        }
    };
    let by_time = store.meta_put(BY_TIME, &time, Bytes::new());
    // Asked for at once, they are one write.
    let (by_time, is_left, kept) = tokio::join!(by_time, is_left, put(store, record));
    by_time?;
    is_left?;
    kept
}

/// Keeps what a run has become.
pub(super) async fn keep(store: &EmbeddedStore, record: &Record) -> Result<(), Fault> {
    put(store, record).await?;
    if record.inbox.is_some() && record.has_ended() {
        store.meta_delete(LEFT, &record.id.0).await?;
    }
    Ok(())
}

async fn put(store: &EmbeddedStore, record: &Record) -> Result<(), Fault> {
    let bytes = postcard::to_extend(record, vec![FORMAT])
        .map_err(|error| Fault::internal(format!("writing the record of a run: {error}")))?;
    Ok(store.meta_put(TABLE, &record.id.0, bytes.into()).await?)
}

pub(super) fn stored(store: &EmbeddedStore, id: RunId) -> Result<Option<Record>, Fault> {
    let bytes = store.meta_get(TABLE, &id.0)?;
    bytes.map(|bytes| read(&bytes)).transpose()
}

/// The runs that were left to this node and have not ended.
pub(super) async fn unfinished(store: &EmbeddedStore) -> Result<Vec<Record>, Fault> {
    let mut records = Vec::new();
    let mut after: Option<Bytes> = None;
    loop {
        let page = store.meta_list(LEFT, after.as_deref(), PAGE)?;
        for (key, _) in &page {
            match store.meta_get(TABLE, key)?.map(|bytes| read(&bytes)) {
                // Another version may read it.
                Some(Err(fault)) => report(key, &fault),
                Some(Ok(record)) if !record.has_ended() => records.push(record),
                // The node stopped before it was said here too.
                _ => store.meta_delete(LEFT, key).await?,
            }
        }
        if page.len() < PAGE {
            return Ok(records);
        }
        after = page.into_iter().next_back().map(|(key, _)| key);
    }
}

fn time_key(accepted: Timestamp, id: RunId) -> Vec<u8> {
    [&accepted.0.to_be_bytes()[..], &id.0].concat()
}

fn read_time_key(key: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (accepted, id) = key.split_first_chunk()?;
    Some((Timestamp(u64::from_be_bytes(*accepted)), id))
}

fn read(bytes: &[u8]) -> Result<Record, Fault> {
    let damaged = |what: String, hint: &str| {
        let title = format!("the record of a run cannot be read: {what}");
        Fault::new(Kind::Unavailable, title, hint)
    };
    let whole = |record: &[u8]| {
        postcard::from_bytes(record).map_err(|error| damaged(error.to_string(), "restore the store"))
    };
    match bytes.split_first() {
        Some((&FORMAT, record)) => whole(record),
        // A map without entries is a zero.
        Some((&WITHOUT_REPLACED, record)) => whole(&[record, &[0]].concat()),
        Some((format, _)) => Err(damaged(
            format!("it is of format {format}, this version reads {FORMAT}"),
            "run the version of fogline that wrote it until its runs have ended",
        )),
        None => Err(damaged("it has no byte".to_owned(), "restore the store")),
    }
}

/// Says which record cannot be read where many are looked at: the others go on.
fn report(id: &[u8], fault: &Fault) {
    let id = data_encoding::HEXLOWER.encode(id);
    tracing::error!(run = id, problem = %fault.problem(), "a run is passed over");
}

/// Forgets the runs that were accepted more than a day ago.
pub(crate) async fn forget_old(store: &EmbeddedStore, now: Timestamp) -> Result<(), Fault> {
    loop {
        let page = store.meta_list(BY_TIME, None, PAGE)?;
        for (key, _) in &page {
            let Some((accepted, id)) = read_time_key(key) else {
                store.meta_delete(BY_TIME, key).await?;
                continue;
            };
            if now.since(accepted) <= OPAQUE_REPLY_TERM {
                return Ok(());
            }
            // One that was left to the node later stands here again; what cannot be read is of no use any more.
            let record = store.meta_get(TABLE, id)?.map(|bytes| read(&bytes));
            if record.is_some_and(|record| record.map_or(true, |record| record.accepted == accepted)) {
                store.meta_delete(TABLE, id).await?;
            }
            store.meta_delete(BY_TIME, key).await?;
        }
        if page.len() < PAGE {
            return Ok(());
        }
    }
}

/// Forgets the runs of an application; where they stand by time goes with its time.
pub(crate) async fn forget_app(
    store: &EmbeddedStore,
    tenant: &TenantName,
    app: &AppName,
) -> Result<(), Fault> {
    let mut after: Option<Bytes> = None;
    loop {
        let page = store.meta_list(TABLE, after.as_deref(), PAGE)?;
        for (key, bytes) in &page {
            match read(bytes) {
                Ok(record) if record.tenant == *tenant && record.app == *app => {
                    store.meta_delete(TABLE, key).await?;
                }
                Ok(_) => {}
                // Whosever it is, it goes with its time.
                Err(fault) => report(key, &fault),
            }
        }
        if page.len() < PAGE {
            return Ok(());
        }
        after = page.into_iter().next_back().map(|(key, _)| key);
        // Others have something to do between two portions.
        tokio::task::yield_now().await;
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
        0350cf88b25e941b6a932d144a53634e2b056c6f63616c07636f756e7465722074776f5f655f34376b6c646334616576
        7a326b687872626a656361353335727180d095ffbc3180d095ffbc316b86b273ff34fce19d6b804eff5a3f5747ada4ea
        a22f1d49c01e52ddb7875b4b001e0150cf88b25e941b6a932d144a53634e2b0131010361646403616464000001808080
        baf8dfa7911a000000000000000107070707070707070707070707070707080808080808080801010876656e646f723d
        3100";

    fn run(number: u8, input: &'static [u8]) -> Run {
        let step = |name: &str, after: &[&str]| WorkflowStep {
            name: name.parse().unwrap(),
            function: name.parse().unwrap(),
            after: after.iter().map(|name| name.parse().unwrap()).collect(),
        };
        let steps = [step("add", &[]), step("last", &["add"])];
        Run::start(RunId([number; 16]), &steps, Bytes::from_static(input)).unwrap()
    }

    fn record(number: u8, app: &str, accepted: Timestamp) -> Record {
        Record {
            id: RunId([number; 16]),
            tenant: "local".parse().unwrap(),
            app: app.parse().unwrap(),
            session: SessionId::mint("one".parse().unwrap(), vec![Birth::InEdge], [number; 16]).unwrap(),
            accepted,
            deadline: accepted,
            input: [0; 32],
            progress: Progress::of(&run(number, b"")),
            inbox: None,
            holder: None,
            envelopes: BTreeMap::new(),
            changed: BTreeMap::new(),
            made_by: BTreeMap::new(),
            shown: None,
            by: RunBy::Node,
            problem: None,
            trace: None,
            replaced: BTreeMap::new(),
        }
    }

    fn store() -> (tempfile::TempDir, EmbeddedStore) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.redb");
        let store = EmbeddedStore::open(&path, &EmbeddedOptions::default()).unwrap();
        (folder, store)
    }

    /// The first bytes of the ids of all records.
    fn left(store: &EmbeddedStore) -> Vec<u8> {
        let all = store.meta_list(TABLE, None, usize::MAX).unwrap();
        all.iter().map(|(key, _)| key[0]).collect()
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
        let older = [&[WITHOUT_REPLACED], &written[1..written.len() - 1]].concat();
        let older = super::read(&older).unwrap();
        assert_eq!(postcard::to_extend(&older, vec![FORMAT]).unwrap(), written);
        let mut later = written;
        later[0] = FORMAT + 1;
        let refused = super::read(&later).err().unwrap();
        assert!(
            refused.problem().title.contains("of format 4"),
            "{}",
            refused.problem()
        );
    }

    #[tokio::test]
    async fn old_runs_and_those_of_one_application_are_forgotten_and_no_others() {
        let (_folder, store) = store();
        let now = Timestamp(0).after(2 * OPAQUE_REPLY_TERM);
        // More than are read at once, in the order of their ids: every third is old, every second of the application.
        let count = 3 * u8::try_from(PAGE).unwrap();
        for number in 0..count {
            let accepted = if number % 3 == 0 { Timestamp(0) } else { now };
            let app = if number % 2 == 0 { "counter" } else { "other" };
            begin(&store, &record(number, app, accepted)).await.unwrap();
        }
        // This one was left to the node later.
        begin(&store, &record(0, "other", now)).await.unwrap();
        let expected = |which: fn(&u8) -> bool| (0..count).filter(which).collect::<Vec<_>>();
        forget_old(&store, now).await.unwrap();
        assert_eq!(left(&store), expected(|number| *number == 0 || number % 3 != 0));
        let (tenant, app) = ("local".parse().unwrap(), "counter".parse().unwrap());
        forget_app(&store, &tenant, &app).await.unwrap();
        let is_left = |number: &u8| *number == 0 || !number.is_multiple_of(3) && !number.is_multiple_of(2);
        assert_eq!(left(&store), expected(is_left));
    }

    #[tokio::test]
    async fn only_what_was_left_to_the_node_and_has_not_ended_is_read_at_its_start() {
        let (_folder, store) = store();
        let count = 3 * u8::try_from(PAGE).unwrap();
        for number in 0..count {
            let mut record = record(number, "counter", Timestamp(0));
            record.inbox = (number % 2 == 0).then_some(number.into());
            begin(&store, &record).await.unwrap();
            if number % 3 == 0 {
                record.problem = Some(String::new());
                keep(&store, &record).await.unwrap();
                // Whoever read it would say so.
                store
                    .meta_put(TABLE, &record.id.0, Bytes::from_static(b"damaged"))
                    .await
                    .unwrap();
            }
        }
        let unfinished = unfinished(&store).await.unwrap();
        let unfinished: Vec<u8> = unfinished.iter().map(|record| record.id.0[0]).collect();
        let expected = (0..count).filter(|number| number % 2 == 0 && number % 3 != 0);
        assert_eq!(unfinished, expected.collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_record_that_cannot_be_read_holds_up_no_other() {
        let (_folder, store) = store();
        for number in 1..=3 {
            let mut record = record(number, "counter", Timestamp(0));
            record.inbox = Some(number.into());
            begin(&store, &record).await.unwrap();
        }
        let later = Bytes::from_static(&[FORMAT + 1]);
        store.meta_put(TABLE, &[2; 16], later).await.unwrap();
        for _ in 0..2 {
            let unfinished = unfinished(&store).await.unwrap();
            let unfinished: Vec<u8> = unfinished.iter().map(|record| record.id.0[0]).collect();
            assert_eq!(unfinished, [1, 3]);
        }
        let waits = store.meta_list(LEFT, None, PAGE).unwrap().len();
        assert_eq!(waits, 3, "it goes on when somebody can read it");
        let (tenant, app) = ("local".parse().unwrap(), "counter".parse().unwrap());
        forget_app(&store, &tenant, &app).await.unwrap();
        assert_eq!(left(&store), [2]);
    }

    #[tokio::test]
    async fn of_a_run_that_has_ended_only_its_answer_is_kept() {
        let (_folder, store) = store();
        let state: StateName = "total".parse().unwrap();
        let mut record = record(1, "counter", Timestamp(0));
        let mut run = run(1, b"the input");
        record.envelopes = BTreeMap::from([(state.clone(), Bytes::from_static(b"the old envelope"))]);
        record.changed = BTreeMap::from([(state, Bytes::from_static(b"the new envelope"))]);
        let mut kept = Vec::new();
        for (step, output) in [("add", "the first output"), ("last", "the result")] {
            let output = Bytes::from_static(output.as_bytes());
            let _next = run.finish(&step.parse().unwrap(), output);
            record.advance(&run);
            keep(&store, &record).await.unwrap();
            let bytes = store.meta_get(TABLE, &record.id.0).unwrap().unwrap();
            kept.push(String::from_utf8_lossy(&bytes).into_owned());
        }
        for part in ["the input", "the first output", "the old envelope"] {
            assert!(kept[0].contains(part) && !kept[1].contains(part), "{part}");
        }
        for part in ["the new envelope", "the result", "add", "last"] {
            assert!(kept[1].contains(part), "{part}");
        }
    }
}
