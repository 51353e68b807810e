//! The client as a home: what it has sent is opened, and what it must keep is sealed.

mod moved;
mod whose;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fogline_core::model::limits::{MAX_HELD, MAX_SEALED_REPLIES};
use fogline_core::model::{Birth, ExecutionModel, StateName, Timestamp};
use fogline_core::session::{
    BlobName, BlobOf, Commit, Content, Expect, Head, Home, RecordKey, Refusal, ReplyOutput, Snapshot, Status,
    end_is_due,
};
use fogline_protocol::api::StateInfo;
use fogline_protocol::problem::Kind;
use fogline_state::seal::{self, Opened, SealError};
use fogline_state::{Committed, Store};

use self::whose::Whose;
use super::Job;
use super::envelopes::{Envelopes, check_answer, missing, of_seal};
use super::parts::record_key;
use crate::apps::Deployed;
use crate::convert::{self, Presented};
use crate::fault::Fault;
use crate::node::Node;
use crate::sessions::states_of;

/// A part that its client holds, for one invocation.
pub(crate) struct ClientPlace {
    held: Option<Held>,
    /// The record of a session whose versions are marked; of an unguarded one, the forward that it may have left.
    record: Option<(Arc<dyn Store>, RecordKey)>,
    /// Why the envelopes do not fit the record. Told only if the invocation is to be executed: a retry brings old
    /// envelopes, and gets its reply.
    misfit: Option<SealError>,
    /// What the home before has had of a session without a mark.
    presented: Presented,
    new: Envelopes,
}

/// What the client has sent.
struct Held {
    whose: Whose,
    opened: Vec<Opened>,
    /// Whether a node has sent it for a step of a run, and not the client.
    of_step: bool,
    now: Timestamp,
}

/// Lets the home that a client's session was at before let go of it.
async fn taken(
    node: &Arc<Node>,
    job: &Job,
    whose: &Whose,
    home: &Home,
    epoch: u64,
) -> Result<Presented, Fault> {
    let (session, part) = (&whose.session, whose.part);
    if home.model() != ExecutionModel::InClient {
        let presented = convert::presented(node, job, part, home, epoch).await?;
        node.forwards
            .learn(session, part, &Home::InClient(whose.mark.clone()));
        node.forwards.take(session, part, epoch);
        return Ok(presented);
    }
    let is_settled = || epoch == 0 || node.forwards.is_taken(session, part, epoch);
    if whose.mark.is_some() || !node.forwards.is_leaving(session, part) && is_settled() {
        return Ok(Presented::Nothing);
    }
    // It has been elsewhere, which this node does not know or has known of an earlier time.
    match convert::presented(node, job, part, home, epoch).await {
        Ok(Presented::Leaving(to)) => Ok(Presented::Leaving(to)),
        Ok(presented) => {
            node.forwards.take(session, part, epoch);
            Ok(presented)
        }
        Err(fault) if fault.problem().kind == Kind::BadEnvelope => Err(fault),
        // Whom nobody reaches now lets go of it when it comes back and is asked.
        Err(fault) => {
            tracing::debug!(problem = %fault.problem(), "a client's session was elsewhere before");
            Ok(Presented::Nothing)
        }
    }
}

impl ClientPlace {
    /// From the envelopes of a job. If this node takes the session to be at another home, the client has been handed
    /// its states since, or shows old ones.
    pub(crate) async fn open(
        node: &Arc<Node>,
        job: &Job,
        app: &Deployed,
        part: Birth,
        home: &Home,
    ) -> Result<Self, Fault> {
        let session = job.call.session.clone().ok_or(Refusal::NoSession)?;
        let mut whose = Whose {
            sealer: node.sealer(&job.call.tenant)?,
            app: job.call.app.clone(),
            states: states_of(&app.spec, &session, part),
            session,
            part,
            holder: job.call.holder,
            mark: None,
        };
        whose.add_undeclared(&app.spec, job);
        let mine = job
            .envelopes
            .iter()
            .filter(|(state, _)| whose.states.contains(*state));
        let mine = mine
            .map(|(state, sealed)| (state.clone(), sealed.clone()))
            .collect();
        let opened = whose
            .sealer
            .open(&whose.scope(), mine)
            .map_err(|error| of_seal(&error))?;
        whose.mark = opened.first().and_then(|opened| opened.mark.clone());
        let now = node.clock.now();
        // The session was used when the newest was sealed. Under a mark its record says when it ends.
        let ends = opened.iter().map(|opened| opened.expires).max();
        if whose.mark.is_none() && ends.is_some_and(|ends| ends < job.call.now) {
            return Err(Refusal::Gone.into());
        }
        let epoch = opened.iter().map(|opened| opened.epoch).max().unwrap_or(0);
        let presented = taken(node, job, &whose, home, epoch).await?;
        let record = match &whose.mark {
            Some(keeper) => {
                let home = Home::InClient(Some(keeper.clone()));
                let store = node.homes.store(&home)?.ok_or(Refusal::NoSession)?;
                Some((
                    store,
                    record_key(&job.call.tenant, &job.call.app, &whose.session, part, &home),
                ))
            }
            None => None,
        };
        let held = Some(Held {
            whose,
            opened,
            of_step: job.call.step,
            now,
        });
        Ok(Self {
            held,
            record,
            misfit: None,
            presented,
            new: Vec::new(),
        })
    }

    /// Whether a client says that it holds a part: it has sent envelopes of it.
    pub(crate) fn is_held(app: &Deployed, job: &Job, part: Birth) -> bool {
        let Some(session) = job.call.session.as_ref() else {
            return false;
        };
        let is_of_part = |state: &StateName| {
            let declared = app.spec.states.get(state);
            declared.is_some_and(|declared| session.part_of(declared.model) == part)
        };
        job.envelopes.keys().any(is_of_part)
    }

    /// The home that a client says it is, by the envelopes of a job; `None` if it has sent none of this part.
    pub(crate) async fn home(
        node: &Arc<Node>,
        job: &Job,
        app: &Deployed,
        part: Birth,
        home: &Home,
    ) -> Result<Option<Home>, Fault> {
        if !Self::is_held(app, job, part) {
            return Ok(None);
        }
        let place = Self::open(node, job, app, part, home).await?;
        Ok(place.held.map(|held| Home::InClient(held.whose.mark)))
    }

    /// For a client that has sent nothing.
    pub(crate) fn without_envelopes(store: Arc<dyn Store>, key: RecordKey) -> Self {
        Self {
            held: None,
            record: Some((store, key)),
            misfit: None,
            presented: Presented::Nothing,
            new: Vec::new(),
        }
    }

    pub(crate) fn is_marked(&self) -> bool {
        self.record.is_some()
    }

    pub(crate) async fn load(&mut self, states: &BTreeSet<StateName>) -> Result<Option<Snapshot>, Fault> {
        let Some((store, key)) = &self.record else {
            let held = self.held.as_ref().ok_or_else(missing)?;
            let mut found = seal::assemble(held.opened.clone(), states).map_err(|error| of_seal(&error))?;
            if let Some(found) = &mut found {
                match &self.presented {
                    Presented::Held(brought) => found.head.replies = brought.head.replies.clone(),
                    Presented::Leaving(to) => found.head.status = Status::Moving(to.clone()),
                    Presented::Nothing => {}
                }
            }
            return Ok(found);
        };
        let found = store.load(key, &BTreeSet::new()).await?;
        let Some(mut found) = found else {
            return if self.held.is_some() || key.part == Birth::InClientMarked {
                Ok(None)
            } else {
                Err(missing())
            };
        };
        if let Some(held) = &self.held {
            match seal::check_against_mark(&found.head, held.opened.clone(), states) {
                Ok(values) => found.values = values,
                Err(misfit) => self.misfit = Some(misfit),
            }
        }
        Ok(Some(found))
    }

    /// Whether the invocation may be executed on this.
    pub(crate) fn check(&self, snapshot: &Snapshot, states: &BTreeSet<StateName>) -> Result<(), Fault> {
        if let Some(misfit) = &self.misfit {
            return Err(of_seal(misfit));
        }
        let held = |state: &&StateName| {
            let entry = snapshot.head.states.get(*state);
            entry.is_some_and(|entry| matches!(entry.content, Content::Held { .. }))
        };
        match states
            .iter()
            .filter(held)
            .find(|state| !snapshot.values.contains_key(*state))
        {
            Some(_) => Err(missing()),
            None => Ok(()),
        }
    }

    /// Whether a client can hold these states.
    pub(crate) fn check_fits(head: &Head) -> Result<(), Fault> {
        let bytes: u64 = head.states.values().map(|entry| entry.content.len()).sum();
        if bytes <= MAX_HELD.0 {
            return Ok(());
        }
        Err(Fault::new(
            Kind::TooLarge,
            format!(
                "the session's states would have {bytes} bytes together, a client holds at most {}",
                MAX_HELD.0
            ),
            "keep less in the session, or keep it elsewhere than in-client",
        ))
    }

    /// Seals what was written; under a mark the head goes to its record first.
    pub(crate) async fn commit(&mut self, commit: Commit) -> Result<Committed, Fault> {
        let Some(held) = &self.held else {
            return Err(missing());
        };
        Self::check_fits(&commit.head)?;
        let written = self.written(&held.whose, &commit.head);
        let (mut commit, values) = match &self.record {
            Some(_) => seal::leave_bytes_with_client(commit),
            None => {
                let values = bytes_of_blobs(&commit.head, &commit.blobs);
                (commit, values)
            }
        };
        // Held bytes are sealed from `values`; what is inline is sealed from the head.
        let new = held.whose.seal(&commit.head, &written, &values, held.now)?;
        check_answer(output_of(&commit).len(), &new)?;
        let Some((store, key)) = &self.record else {
            self.new = new;
            return Ok(Committed::Done);
        };
        keep_reply(&mut commit, &new)?;
        // The client has shown that it had these replies: nothing else brings the envelopes that they made, but a run, whose
        // client may have to send it again. Outputs alone came with a session that was handed over, and tell nothing.
        let sealed = commit
            .head
            .blobs()
            .into_iter()
            .filter(|name| name.of == BlobOf::SealedReply);
        let sealed: BTreeSet<u64> = sealed.map(|name| name.version).collect();
        let shown = held.opened.iter().filter(|_| !held.of_step);
        let shown = shown
            .filter_map(|opened| Some(opened.own?.version))
            .filter(|version| sealed.contains(version));
        let oldest = sealed.iter().rev().skip(MAX_SEALED_REPLIES).copied();
        for version in shown.chain(oldest) {
            commit.head.replies.keep_output(version, ReplyOutput::Gone);
        }
        let committed = store.commit(key, commit).await?;
        if committed == Committed::Done {
            self.new = new;
        }
        Ok(committed)
    }

    fn written(&self, whose: &Whose, head: &Head) -> BTreeSet<StateName> {
        let changed = |state: &&StateName| match head.states.get(*state) {
            Some(entry) => entry.commit == head.commit,
            // Deleted now, if the client held it.
            None => self
                .held
                .iter()
                .flat_map(|held| &held.opened)
                .any(|opened| opened.state == **state && opened.value.is_some()),
        };
        whose.states.iter().filter(changed).cloned().collect()
    }

    pub(crate) async fn blob(&self, name: &BlobName) -> Result<Option<Bytes>, Fault> {
        match (&self.record, &self.presented) {
            (Some((store, key)), _) => Ok(store.blob(key, name).await?),
            (None, Presented::Held(brought)) => Ok(brought.blobs.get(name).cloned()),
            (None, Presented::Nothing | Presented::Leaving(_)) => Ok(None),
        }
    }

    /// What was used and is not written, sealed once more with a later end and nothing else changed: else a state that is only
    /// read, or seldom written, would end in the middle of its session's use. Under a mark the record ends. What came
    /// beside may be written by somebody else at the same time, whose envelope must stay the later one.
    pub(crate) fn renewed(
        &self,
        now: Timestamp,
        ttl: Duration,
        is_used: impl Fn(&StateName) -> bool,
    ) -> Result<Envelopes, Fault> {
        let mut renewed = Envelopes::new();
        let Some(held) = self.held.as_ref().filter(|held| held.whose.mark.is_none()) else {
            return Ok(renewed);
        };
        for opened in &held.opened {
            if !is_used(&opened.state) || !end_is_due(opened.expires, now, ttl) {
                continue;
            }
            let alone = seal::assemble(vec![opened.clone()], &BTreeSet::new());
            let Some(Snapshot { mut head, values }) = alone.map_err(|error| of_seal(&error))? else {
                continue;
            };
            head.expires = now.after(ttl);
            let state = BTreeSet::from([opened.state.clone()]);
            renewed.extend(held.whose.seal(&head, &state, &values, held.now)?);
        }
        Ok(renewed)
    }

    /// Where the head is replaced that a commit only prolongs, if a record keeps it.
    pub(crate) fn record(&self) -> Option<&(Arc<dyn Store>, RecordKey)> {
        self.record.as_ref()
    }

    /// The envelopes that were made.
    pub(crate) fn take_new(&mut self) -> Envelopes {
        std::mem::take(&mut self.new)
    }

    /// The output and envelopes of a reply that was kept.
    pub(crate) fn replayed(kept: &Bytes) -> Result<(Bytes, Envelopes), Fault> {
        postcard::from_bytes(kept).map_err(|error| {
            Fault::new(
                Kind::Unavailable,
                format!("a kept reply is damaged: {error}"),
                "delete the session",
            )
        })
    }

    /// The states that the client holds, by the newest of its envelopes.
    pub(crate) fn shown(&self) -> Vec<StateInfo> {
        let opened = self.held.iter().flat_map(|held| &held.opened);
        let newest = opened.max_by_key(|opened| (opened.epoch, opened.version));
        let info = |(name, sibling): (&StateName, &seal::Sibling)| StateInfo {
            name: name.clone(),
            bytes: sibling.bytes,
            schema: sibling.schema,
            version: sibling.version,
        };
        newest
            .iter()
            .flat_map(|newest| &newest.siblings)
            .map(info)
            .collect()
    }

    /// What must stand at a client's record so that it may be replaced: what the commit expects; or, for a session
    /// that was wholly with its client, nothing, or the forward of an earlier departure (R9).
    pub(crate) fn expected(commit: &Commit, there: Option<&Head>) -> Expect {
        match there {
            None => Expect::Absent,
            Some(head) if head.epoch < commit.head.epoch => Expect::Commit(head.commit),
            Some(_) => commit.expect,
        }
    }
}

/// The reply is kept with the envelopes, which nobody can make again.
fn keep_reply(commit: &mut Commit, new: &Envelopes) -> Result<(), Fault> {
    let (output, plain) = (output_of(commit), plain_reply(commit));
    commit.blobs.remove(&plain);
    let bytes = postcard::to_stdvec(&(output, new))
        .map_err(|error| Fault::internal(format!("writing a reply: {error}")))?;
    let name = BlobName {
        of: BlobOf::SealedReply,
        ..plain
    };
    commit
        .head
        .replies
        .keep_output(name.version, ReplyOutput::Blob(name.clone()));
    commit.blobs.insert(name, bytes.into());
    Ok(())
}

fn plain_reply(commit: &Commit) -> BlobName {
    BlobName {
        version: commit.head.version,
        commit: commit.head.commit,
        of: BlobOf::Reply,
    }
}

fn output_of(commit: &Commit) -> Bytes {
    let inline = || commit.head.replies.inline_output(commit.head.version);
    let blob = commit.blobs.get(&plain_reply(commit)).cloned();
    blob.or_else(inline).unwrap_or_default()
}

fn bytes_of_blobs(head: &Head, blobs: &BTreeMap<BlobName, Bytes>) -> BTreeMap<StateName, Bytes> {
    let of_blob = head
        .states
        .iter()
        .filter_map(|(state, entry)| match &entry.content {
            Content::Blob { name, .. } => Some((state.clone(), blobs.get(name)?.clone())),
            Content::Inline(_) | Content::Held { .. } => None,
        });
    of_blob.collect()
}
