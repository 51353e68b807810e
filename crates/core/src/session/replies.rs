//! The replies that a head keeps, so that a retried invocation is answered and not run again (R2, R5).

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::head::{BlobName, BlobOf, BodyHash};
use crate::model::limits::{
    MAX_KEYLESS_REPLIES, MAX_KNOWN_CLIENTS, MAX_LARGE_REPLIES, MAX_OPAQUE_REPLIES, MAX_REPLY_BYTES,
    MAX_REPLY_CLIENTS, OPAQUE_REPLY_TERM, REPLY_WINDOW,
};
use crate::model::{ClientId, InvocationId, Timestamp};

/// Who named an invocation, which decides how long its reply is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// A client that numbers its requests.
    Sequence {
        /// The client.
        client: ClientId,
        /// The number.
        number: u64,
    },
    /// A client's opaque `Idempotency-Key`.
    Opaque,
    /// The node that admitted it.
    Keyless,
}

/// The reply of an invocation that committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The invocation.
    pub id: InvocationId,
    /// What it asked.
    pub body: BodyHash,
    /// The version that its commit made.
    pub version: u64,
    /// When it was admitted.
    pub at: Timestamp,
    /// Its output.
    pub output: ReplyOutput,
}

/// Where an output is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplyOutput {
    /// Here.
    Inline(Bytes),
    /// In a blob.
    Blob(BlobName),
    /// Nowhere: its client has shown that it had it, or there were too many large ones.
    Gone,
}

impl Reply {
    fn inline_bytes(&self) -> u64 {
        match &self.output {
            ReplyOutput::Inline(bytes) => bytes.len() as u64,
            ReplyOutput::Blob(_) | ReplyOutput::Gone => 0,
        }
    }
}

/// The last replies to one client; none to one that others have pushed out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Window {
    /// The highest number that committed. Of a client that was pushed out, so much more that no number up to that one is in its
    /// window: what is not known of them is not taken for new.
    latest: u64,
    /// Number and reply, in the order of their commits.
    replies: VecDeque<(u64, Reply)>,
}

impl Window {
    fn push_out(&mut self) {
        let highest = self.replies.iter().map(|(number, _)| *number).max();
        self.latest = highest.unwrap_or_default().saturating_add(REPLY_WINDOW);
        self.replies.clear();
    }
}

/// All replies that a head keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replies {
    clients: BTreeMap<ClientId, Window>,
    opaque: VecDeque<Reply>,
    keyless: VecDeque<Reply>,
}

/// What is known of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// Nothing: it may run.
    New,
    /// It committed.
    Known(&'a Reply),
    /// Its id belongs to another request.
    OtherBody,
    /// It is so old that its reply, if there was one, is gone: it must not run.
    Expired,
}

impl Replies {
    /// Looks for an invocation.
    #[must_use]
    pub fn lookup(&self, id: InvocationId, origin: Origin, body: BodyHash) -> Lookup<'_> {
        let known = match origin {
            Origin::Sequence { client, number } => {
                let Some(window) = self.clients.get(&client) else {
                    return Lookup::New;
                };
                let known = window.replies.iter().find(|(of, _)| *of == number);
                if known.is_none() && number.saturating_add(REPLY_WINDOW) <= window.latest {
                    return Lookup::Expired;
                }
                known.map(|(_, reply)| reply)
            }
            Origin::Opaque => self.opaque.iter().find(|reply| reply.id == id),
            Origin::Keyless => self.keyless.iter().find(|reply| reply.id == id),
        };
        match known {
            None => Lookup::New,
            Some(reply) if reply.body != body => Lookup::OtherBody,
            Some(reply) if reply.output == ReplyOutput::Gone => Lookup::Expired,
            Some(reply) => Lookup::Known(reply),
        }
    }

    /// Records a reply and lets go of those that are kept no longer.
    pub fn record(&mut self, origin: Origin, reply: Reply) {
        let now = reply.at;
        match origin {
            Origin::Sequence { client, number } => self.record_numbered(client, number, reply),
            Origin::Opaque => self.opaque.push_back(reply),
            Origin::Keyless => self.keyless.push_back(reply),
        }
        while self.opaque.len() > MAX_OPAQUE_REPLIES
            || self
                .opaque
                .front()
                .is_some_and(|reply| now.since(reply.at) > OPAQUE_REPLY_TERM)
        {
            self.opaque.pop_front();
        }
        while self.keyless.len() > MAX_KEYLESS_REPLIES {
            self.keyless.pop_front();
        }
        self.keep_to_budget();
    }

    fn record_numbered(&mut self, client: ClientId, number: u64, reply: Reply) {
        let window = self.clients.entry(client).or_default();
        window.latest = window.latest.max(number);
        let floor = window.latest.saturating_sub(REPLY_WINDOW - 1);
        window.replies.push_back((number, reply));
        window.replies.retain(|(number, _)| *number >= floor);
        let in_window = |window: &&mut Window| !window.replies.is_empty();
        if self.clients.values_mut().filter(in_window).count() > MAX_REPLY_CLIENTS {
            let last = |window: &&mut Window| window.replies.back().map_or(0, |(_, reply)| reply.version);
            let oldest = self.clients.values_mut().filter(in_window).min_by_key(last);
            if let Some(oldest) = oldest {
                oldest.push_out();
            }
        }
        if self.clients.len() > MAX_KNOWN_CLIENTS {
            let pushed_out = self.clients.iter().find(|(_, window)| window.replies.is_empty());
            if let Some(client) = pushed_out.map(|(client, _)| *client) {
                self.clients.remove(&client);
            }
        }
    }

    /// Numbered windows are promised and stay; what else there is gives way to [`MAX_REPLY_BYTES`].
    fn keep_to_budget(&mut self) {
        let mut bytes: u64 = self
            .opaque
            .iter()
            .chain(&self.keyless)
            .map(Reply::inline_bytes)
            .sum();
        while bytes > MAX_REPLY_BYTES.0 {
            let Some(gone) = self.keyless.pop_front().or_else(|| self.opaque.pop_front()) else {
                return;
            };
            bytes -= gone.inline_bytes();
        }
        // Of what is large the oldest are dropped; that they were executed is still known.
        let blob =
            |reply: &&mut Reply| matches!(&reply.output, ReplyOutput::Blob(name) if name.of == BlobOf::Reply);
        let mut large: Vec<&mut Reply> = self.all_mut().filter(blob).collect();
        large.sort_by_key(|reply| Reverse(reply.version));
        for reply in large.into_iter().skip(MAX_LARGE_REPLIES) {
            reply.output = ReplyOutput::Gone;
        }
    }

    fn all(&self) -> impl Iterator<Item = &Reply> {
        let numbered = self
            .clients
            .values()
            .flat_map(|window| window.replies.iter().map(|(_, reply)| reply));
        numbered.chain(&self.opaque).chain(&self.keyless)
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Reply> {
        let numbered = self
            .clients
            .values_mut()
            .flat_map(|window| window.replies.iter_mut().map(|(_, reply)| reply));
        numbered.chain(&mut self.opaque).chain(&mut self.keyless)
    }

    /// Changes where the output of the reply that a version's commit recorded is kept.
    pub fn keep_output(&mut self, version: u64, output: ReplyOutput) {
        if let Some(reply) = self.all_mut().find(|reply| reply.version == version) {
            reply.output = output;
        }
    }

    /// The output of the reply that a version's commit recorded, if it is kept here.
    #[must_use]
    pub fn inline_output(&self, version: u64) -> Option<Bytes> {
        match &self.all().find(|reply| reply.version == version)?.output {
            ReplyOutput::Inline(output) => Some(output.clone()),
            ReplyOutput::Blob(_) | ReplyOutput::Gone => None,
        }
    }

    /// The blobs that hold outputs.
    pub(super) fn blobs(&self) -> impl Iterator<Item = BlobName> {
        self.all().filter_map(|reply| match &reply.output {
            ReplyOutput::Blob(name) => Some(name.clone()),
            ReplyOutput::Inline(_) | ReplyOutput::Gone => None,
        })
    }
}
