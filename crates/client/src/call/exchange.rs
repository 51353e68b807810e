//! One request and its answer, with the states that live here.
//!
//! ```text
//! leaving? ─▶ claim states ─▶ send with envelopes ─▶ good answer: envelopes, what was seen and the request's end are
//!    ▲              ▲                                written down together
//!    │              ├─ 409 moving-to-client: take the states, send again
//!    │              ├─ 428 envelope-missing: learn what is declared, send all
//!    │              ├─ 410 gone: send all
//!    │              ├─ 400 bad-envelope: if the session has left, let the envelopes go, send again
//!    └─ next request└─ no answer: the request stays open
//! ```

use std::sync::Arc;

use bytes::Bytes;
use fogline_core::model::{Birth, ExecutionModel};
use fogline_core::session::Seen;
use fogline_protocol::api::RunBy;
use fogline_protocol::headers;
use fogline_protocol::multipart::{INPUT, OUTPUT, Part, VALUE, state_part};
use fogline_protocol::problem::Kind;
use http::Method;
use tokio::time::Instant;

use super::declared::{Declared, Wanted};
use crate::Error;
use crate::answer::Answer;
use crate::client::{Client, lock};
use crate::http::{Ask, Failed};
use crate::journal::{Claim, Held, Record};
use crate::reply::{Reply, Target};

/// How often one call takes states that come to the client, or learns what it must send: each is needed once, and again
/// if the session moves again meanwhile. Of thousands of requests of a session that is moved without a pause, some need
/// more than five.
pub(super) const MAX_TURNS: u32 = 16;

/// What makes a request the same when it is sent again.
#[derive(Clone, Debug)]
pub(crate) enum Key {
    /// Its number.
    Number(u64),
    /// The run's step that it is, as [`fogline_core::workflow::Run::key`] says it.
    Step(String),
}

impl Key {
    fn is_sent(&self, held: &Held) {
        if let Self::Number(number) = self {
            held.is_sent(*number);
        }
    }

    fn is_refused(&self, held: &Held, moves: u64) {
        if let Self::Number(number) = self {
            held.is_refused(*number, moves);
        }
    }
}

/// Why a call failed.
pub(crate) enum Lost {
    /// A node refused the request, for good.
    Refused(Error),
    /// This call did not bring it to a node.
    Unsent(Error),
    /// It may have been executed, or may yet be.
    Open(Error),
}

impl Lost {
    /// Why a request that was refused because the session is coming here was not sent with its states.
    pub(super) fn of_coming(error: Error) -> Self {
        match error {
            Error::Outstanding { .. } => Self::Unsent(error),
            _ => Self::Open(error),
        }
    }
}

/// How a good answer's output changes the record, together with its envelopes.
pub(crate) type Settle = Box<dyn FnOnce(&mut Record, Bytes) + Send>;

impl Client {
    /// Sends a request with the envelopes that its target declares, and takes in its answer. `settle` records its end.
    pub(crate) async fn exchange(
        &self,
        held: &Arc<Held>,
        key: &Key,
        target: &Target,
        input: Bytes,
        settle: Settle,
        deadline: Instant,
    ) -> Result<Reply, Lost> {
        let mut settle = Some(settle);
        let mut all = false;
        for _ in 0..MAX_TURNS {
            self.leave_if_begun(held, deadline).await.map_err(Lost::Unsent)?;
            let declared = self
                .declared(held, target, all, deadline)
                .await
                .map_err(Lost::Unsent)?;
            let claimed = self
                .claimed(held, declared.as_ref(), deadline)
                .await
                .map_err(Lost::Unsent)?;
            let ask = self.ask_for(held, key, target, &input, declared.as_ref(), &claimed.envelopes);
            key.is_sent(held);
            match self.inner.http.send(&ask, deadline).await {
                Ok(answer) => {
                    self.doubt(held, declared.as_ref(), &answer);
                    let part = declared.map_or(held.session().primary(), |declared| declared.part);
                    let settle = settle.take().unwrap_or_else(|| Box::new(|_, _| ()));
                    let reply = self
                        .take_in(held, &answer, part, settle)
                        .await
                        .map_err(Lost::Open)?;
                    drop(claimed);
                    self.leave_if_asked(held, deadline).await;
                    return Ok(reply);
                }
                Err(failed) => match failed.kind() {
                    Some(Kind::MovingToClient) => {
                        let moves = claimed.moves;
                        drop(claimed);
                        key.is_refused(held, moves);
                        let come = self.come_alone(held, moves, failed, deadline).await;
                        come.map_err(Lost::of_coming)?;
                    }
                    // While this was on its way without states, another request has taken them here, and perhaps they
                    // have left again. If not, they are with another client.
                    Some(Kind::EnvelopeMissing) if held.look(|record| record.moves) != claimed.moves => {}
                    Some(Kind::EnvelopeMissing) if !all && held.look(Record::is_in_client) => {
                        // The application is a newer one than the one that this client knows.
                        let app = held.look(|record| record.app.clone());
                        self.learn_app(&app, deadline).await.map_err(Lost::Unsent)?;
                        all = true;
                    }
                    // Of what is declared: the session was perhaps used with other states since.
                    Some(Kind::Gone) if !all && claimed.is_here() => all = true,
                    Some(Kind::BadEnvelope) => {
                        let moves = claimed.moves;
                        drop(claimed);
                        if !self.has_moved(held, moves, deadline).await.map_err(Lost::Open)? {
                            return Err(Lost::Refused(failed.error));
                        }
                    }
                    Some(kind) if !kind.retriable() => {
                        self.take_leftovers(held, &failed).await.map_err(Lost::Open)?;
                        return Err(Lost::Refused(failed.error));
                    }
                    _ if failed.is_open => return Err(Lost::Open(failed.error)),
                    _ => return Err(Lost::Unsent(failed.error)),
                },
            }
        }
        Err(Lost::Open(self.always_moving()))
    }

    pub(super) fn always_moving(&self) -> Error {
        let what = "the session moves each time that it is used";
        self.inner.http.strange(what.to_owned())
    }

    /// What a request declares; none where nothing depends on it, which saves asking for the application.
    pub(super) async fn declared(
        &self,
        held: &Held,
        target: &Target,
        all: bool,
        deadline: Instant,
    ) -> Result<Option<Declared>, Error> {
        let in_client = held.look(Record::is_in_client);
        if !in_client && held.session().parts().len() == 1 {
            return Ok(None);
        }
        let name = held.look(|record| record.app.clone());
        let app = self.known_app(&name, deadline).await?;
        let mut declared = Declared::of(&app, held.session(), target);
        if declared.is_none() {
            // Perhaps it has been deployed since; if not, the node says so.
            declared = Declared::of(&*self.learn_app(&name, deadline).await?, held.session(), target);
        }
        Ok(declared.map(|declared| match all {
            true => Declared {
                wanted: Wanted::All,
                ..declared
            },
            false => declared,
        }))
    }

    /// Claims what is declared, if states live here, and reads the envelopes; a run that has them ends first.
    pub(crate) async fn claimed(
        &self,
        held: &Held,
        declared: Option<&Declared>,
        deadline: Instant,
    ) -> Result<Claimed, Error> {
        let (is_in_client, moves) = held.look(|record| (record.is_in_client(), record.moves));
        let Some(declared) = declared.filter(|_| is_in_client) else {
            return Ok(Claimed::none(moves));
        };
        let claim = loop {
            self.take_back(held, deadline).await?;
            let claim = match &declared.wanted {
                Wanted::Some(states) => held.claim(states, deadline).await?,
                Wanted::All => held.claim_all(deadline).await?,
            };
            // They may have been lent while this waited for them.
            if held.look(|record| record.lent.is_none()) {
                break claim;
            }
        };
        let (kept, moves) = held.look(|record| (record.envelopes.clone(), record.moves));
        let mut envelopes = Vec::new();
        for (state, kept) in kept {
            let is_wanted = match &declared.wanted {
                Wanted::Some(states) => states.contains_key(&state),
                Wanted::All => true,
            };
            if is_wanted {
                envelopes.push(Part::new(state_part(&state), held.read(kept).await?));
            }
        }
        Ok(Claimed {
            claim: Some(claim),
            envelopes,
            moves,
        })
    }

    /// Has the application learnt anew before the next request, if an answer has an envelope of a state that is only read,
    /// as far as this client knows: a newer version writes it, or its end was due, which is seldom.
    fn doubt(&self, held: &Held, declared: Option<&Declared>, answer: &Answer) {
        let Some(Wanted::Some(states)) = declared.map(|declared| &declared.wanted) else {
            return;
        };
        let is_written = |state| states.get(state) == Some(&true);
        if answer.envelopes().iter().any(|(state, _)| !is_written(state)) {
            let app = held.look(|record| record.app.clone());
            lock(&self.inner.apps).remove(&app);
        }
    }

    pub(super) fn ask_for(
        &self,
        held: &Held,
        key: &Key,
        target: &Target,
        input: &Bytes,
        declared: Option<&Declared>,
        envelopes: &[Part],
    ) -> Ask {
        let (method, path) = match target {
            Target::Function(function) => (Method::POST, format!("functions/{function}")),
            Target::Run | Target::Hops => (Method::POST, "runs".to_owned()),
            Target::Put(state) => (Method::PUT, format!("states/{state}")),
            Target::Remove(state) => (Method::DELETE, format!("states/{state}")),
        };
        let ask = Ask::new(method, format!("{}/{path}", self.path(held)));
        let part = declared.map_or(held.session().primary(), |declared| declared.part);
        let ask = self.named(self.with_seen(ask, held, part));
        let ask = match (key, target) {
            // A run is kept under a key of its own, not in the session's window.
            (Key::Number(number), Target::Run | Target::Hops) => ask.header(
                headers::IDEMPOTENCY_KEY,
                &format!("client:{}:{number}", self.inner.id),
            ),
            (Key::Number(number), _) => ask.header(headers::SEQUENCE, &number.to_string()),
            (Key::Step(key), _) => ask.header(headers::IDEMPOTENCY_KEY, key),
        };
        let ask = match target {
            Target::Hops => ask.header(headers::RUN_BY, RunBy::Hops.name()),
            _ => ask,
        };
        let first = match target {
            Target::Function(_) | Target::Run | Target::Hops => Some(INPUT),
            Target::Put(_) => Some(VALUE),
            Target::Remove(_) => None,
        };
        if !held.look(Record::is_in_client) {
            return match first {
                Some(_) => ask.bytes(input.clone()),
                None => ask,
            };
        }
        let first = first.map(|name| Part::new(name, input.clone()));
        let parts: Vec<Part> = first.into_iter().chain(envelopes.iter().cloned()).collect();
        if parts.is_empty() { ask } else { ask.parts(&parts) }
    }

    /// Says what was seen of a part of the session (R12).
    pub(crate) fn with_seen(&self, ask: Ask, held: &Held, part: Birth) -> Ask {
        match held.look(|record| record.seen.get(&part).copied()) {
            Some(seen) => ask.header(headers::SEEN, &seen.to_string()),
            None => ask,
        }
    }

    /// Says who asks, because envelopes may be bound to whom they were given to, and in which trace.
    pub(crate) fn named(&self, ask: Ask) -> Ask {
        self.traced(ask.header(headers::CLIENT, &self.inner.id.to_string()))
    }

    /// Says what caused a request.
    pub(crate) fn traced(&self, ask: Ask) -> Ask {
        let Some(context) = &self.trace else {
            return ask;
        };
        let ask = ask.header(headers::TRACEPARENT, &context.to_string());
        match &context.state {
            Some(state) => ask.header(headers::TRACESTATE, state),
            None => ask,
        }
    }

    /// The path of a session.
    pub(crate) fn path(&self, held: &Held) -> String {
        let app = held.look(|record| record.app.clone());
        format!("/v1/apps/{app}/sessions/{}", held.session())
    }

    /// Writes down all that a good answer changes, as one change, and makes a reply of it.
    pub(crate) async fn take_in(
        &self,
        held: &Held,
        answer: &Answer,
        part: Birth,
        settle: Settle,
    ) -> Result<Reply, Error> {
        let envelopes = answer.envelopes();
        let output = answer.part(OUTPUT).cloned().unwrap_or_default();
        let reply_output = output.clone();
        let seen: Option<Seen> = answer.header(headers::SEEN);
        let model: Option<ExecutionModel> = answer.header(headers::MODEL);
        let leaving_for = answer.header(headers::CONVERT);
        let now_seen = held
            .update(move |record| {
                settle(record, output);
                for (state, envelope) in envelopes {
                    record.keep(state, envelope);
                }
                if let Some(seen) = seen {
                    record.see(part, seen);
                }
                // States leave the client when the client says so, and come in an answer of their own.
                let primary = record.models.first_mut();
                if let (Some(known), Some(model)) = (primary, model)
                    && *known != ExecutionModel::InClient
                    && model != ExecutionModel::InClient
                {
                    *known = model;
                }
                if record.holds_primary() && record.leaving_for.is_none() {
                    record.leaving_for = leaving_for.filter(|model| *model != ExecutionModel::InClient);
                }
                record.seen.get(&part).copied()
            })
            .await?;
        Ok(Reply {
            output: reply_output,
            seen: now_seen,
            replayed: answer.header(headers::REPLAYED).unwrap_or(false),
            run: answer.header(headers::RUN),
            node: answer.header(headers::NODE),
            model,
            execution: answer.execution(),
            attempts: answer.attempts,
        })
    }

    /// Keeps what came with a refusal: a run that fails in a later step has changed states in earlier ones.
    async fn take_leftovers(&self, held: &Held, failed: &Failed) -> Result<(), Error> {
        let envelopes = failed
            .answer
            .as_ref()
            .map(|answer| answer.envelopes())
            .unwrap_or_default();
        if envelopes.is_empty() {
            return Ok(());
        }
        held.update(move |record| {
            for (state, envelope) in envelopes {
                record.keep(state, envelope);
            }
        })
        .await
    }
}

/// The envelopes that a request carries, and the claim on them.
pub(crate) struct Claimed {
    claim: Option<Claim>,
    /// As parts of a body.
    pub(crate) envelopes: Vec<Part>,
    /// How often the primary part had moved when the envelopes were read, or found to be elsewhere.
    pub(crate) moves: u64,
}

impl Claimed {
    /// Nothing.
    pub(crate) fn none(moves: u64) -> Self {
        Self {
            claim: None,
            envelopes: Vec::new(),
            moves,
        }
    }

    /// Whether states of the session live here.
    pub(crate) fn is_here(&self) -> bool {
        self.claim.is_some() && !self.envelopes.is_empty()
    }
}
