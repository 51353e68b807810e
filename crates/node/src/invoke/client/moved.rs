//! A part that comes to its client, or leaves it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use fogline_core::application::Application;
use fogline_core::model::{Birth, SessionId, StateName, TenantName};
use fogline_core::session::{BlobName, BlobOf, Content, Head, Home, Refusal, ReplyOutput, Snapshot, Whole};
use fogline_protocol::problem::Kind;
use fogline_state::seal;

use super::whose::Whose;
use super::{ClientPlace, bytes_of_blobs};
use crate::fault::Fault;
use crate::invoke::Job;
use crate::invoke::envelopes::{Envelopes, missing, of_seal, old};
use crate::node::Node;
use crate::sessions::states_of;

impl ClientPlace {
    /// Everything that the client holds, to be moved; under a mark, as its record says.
    pub(crate) async fn whole(&self, record: Option<Head>) -> Result<Whole, Fault> {
        let held = self.held.as_ref().ok_or_else(missing)?;
        let all: BTreeSet<StateName> = held.whose.states.clone();
        let opened = held.opened.clone();
        let marked = held.whose.mark.is_some();
        let (mut head, values) = match record {
            Some(record) if marked => {
                let values =
                    seal::check_against_mark(&record, opened, &all).map_err(|error| of_seal(&error))?;
                (record, values)
            }
            // Its record says when a marked session is gone, or never was (R3).
            None if marked => return Err(Refusal::NoSession.into()),
            record => {
                let found = seal::assemble(opened, &all).map_err(|error| of_seal(&error))?;
                let Snapshot { head, values } = found.ok_or_else(missing)?;
                match record {
                    Some(record) if record.epoch > head.epoch => return Err(old()),
                    Some(record) if record.epoch == head.epoch => (leaving(record, head)?, values),
                    _ => (head, values),
                }
            }
        };
        let mut blobs = self.plain_replies(&mut head).await?;
        for (state, entry) in &mut head.states {
            let value = values.get(state).ok_or_else(missing)?;
            entry.content = Content::keep(state, value, entry.version, entry.commit, &mut blobs);
        }
        Ok(Whole { head, blobs })
    }

    /// The blobs of the replies that a marked session takes along (R5). The client has the envelopes in them, or it
    /// could not have presented what it holds, so only the outputs go.
    async fn plain_replies(&self, head: &mut Head) -> Result<BTreeMap<BlobName, Bytes>, Fault> {
        let mut blobs = BTreeMap::new();
        for name in head.blobs() {
            let bytes = match name.of {
                BlobOf::State(_) => continue,
                BlobOf::Reply | BlobOf::SealedReply => self.blob(&name).await?.ok_or_else(|| {
                    Fault::new(
                        Kind::Unavailable,
                        "the session changes while it is moved",
                        "try again",
                    )
                })?,
            };
            if name.of == BlobOf::Reply {
                blobs.insert(name, bytes);
                continue;
            }
            let (output, _) = Self::replayed(&bytes)?;
            let plain = BlobName {
                of: BlobOf::Reply,
                ..name
            };
            head.replies
                .keep_output(plain.version, ReplyOutput::Blob(plain.clone()));
            blobs.insert(plain, output);
        }
        Ok(blobs)
    }

    /// The envelopes with which a session goes to its client.
    pub(crate) fn hand_over(
        node: &Node,
        job: &Job,
        app: &Application,
        part: Birth,
        to: &Home,
        whole: &Whole,
    ) -> Result<Envelopes, Fault> {
        let session = job.call.session.clone().ok_or(Refusal::NoSession)?;
        // Also those that this version of the application does not declare: another one may come back to them.
        let states = states_of(app, &session, part);
        let states = states.into_iter().chain(whole.head.states.keys().cloned());
        let whose = Whose {
            sealer: node.sealer(&job.call.tenant)?,
            app: job.call.app.clone(),
            states: states.collect(),
            session,
            part,
            holder: job.call.holder,
            mark: to.node().cloned(),
        };
        let values = bytes_of_blobs(&whole.head, &whole.blobs);
        whose.seal(&whole.head, &whose.states, &values, node.clock.now())
    }

    /// The envelopes with which a session is born: each says that its state does not exist yet.
    pub(crate) fn first(
        node: &Node,
        tenant: &TenantName,
        app: &Application,
        session: &SessionId,
        part: Birth,
        head: &Head,
    ) -> Result<Envelopes, Fault> {
        let whose = Whose {
            sealer: node.sealer(tenant)?,
            app: app.name.clone(),
            states: states_of(app, session, part),
            session: session.clone(),
            part,
            holder: None,
            mark: (part == Birth::InClientMarked).then(|| session.node().clone()),
        };
        whose.seal(head, &whose.states, &BTreeMap::new(), node.clock.now())
    }
}

/// The head of a session that somebody has begun to move, by its record, of the very epoch that its client presents: the record
/// decides about the move, and the client's states go with it, which may be newer.
fn leaving(record: Head, held: Head) -> Result<Head, Fault> {
    // What began the move was one version itself.
    if held.version + 1 < record.version {
        return Err(old());
    }
    let Head {
        version,
        states,
        expires,
        ..
    } = held;
    Ok(Head {
        version: version.max(record.version),
        states,
        expires,
        ..record
    })
}
