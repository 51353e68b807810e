//! Sessions that move to another model.

use std::collections::BTreeSet;
use std::sync::Arc;

use fogline_core::model::{AppName, ExecutionModel, SessionId, StateName};
use fogline_protocol::api::{Convert, Session};
use fogline_protocol::multipart::{CONVERT, Part, SESSION, state_part};
use fogline_protocol::problem::Kind;
use http::Method;
use tokio::time::Instant;

use super::declared::{Declared, Wanted, part_of};
use super::exchange::Claimed;
use crate::Error;
use crate::answer::{Answer, Body};
use crate::client::Client;
use crate::http::{Ask, Failed};
use crate::journal::{Held, Record};

impl Client {
    /// Moves a session to another model, also while it is in use. States that come to the client are kept; states that
    /// leave it are sent. A session that another client holds stays there until that client's next request: the answer
    /// says so.
    ///
    /// # Errors
    /// When it cannot move there, or no node is reached. A move away from the client that was begun is finished before
    /// the session's next request.
    pub async fn convert(
        &self,
        app: &AppName,
        session: &SessionId,
        to: ExecutionModel,
    ) -> Result<Session, Error> {
        let deadline = self.deadline();
        let held = self.held(app, session, deadline).await?;
        loop {
            if to != ExecutionModel::InClient && held.look(Record::holds_primary) {
                held.update(move |record| record.leaving_for = Some(to)).await?;
            }
            let claimed = self.claim_for_move(&held, deadline).await?;
            let moves = claimed.moves;
            let session = self.move_to(&held, to, claimed, deadline).await?;
            // It was on its way to its client, and nobody but the client can send it on.
            let has_come = held.look(|record| record.moves != moves && record.has_primary());
            if to == ExecutionModel::InClient || !has_come {
                return Ok(session);
            }
        }
    }

    /// Finishes a move away from the client that was begun: nobody but the nodes knows how far it came.
    pub(crate) async fn leave_if_begun(&self, held: &Arc<Held>, deadline: Instant) -> Result<(), Error> {
        if held.look(|record| record.leaving_for.is_none()) {
            return Ok(());
        }
        let claimed = self.claim_for_move(held, deadline).await?;
        let Some(to) = held.look(|record| record.leaving_for) else {
            // Another request has finished it meanwhile.
            return Ok(());
        };
        match self.move_to(held, to, claimed, deadline).await {
            // The session cannot move there. It stays, and whoever wanted it elsewhere sees that it has not.
            Err(Error::Problem { problem }) if !problem.kind.retriable() => Ok(()),
            moved => moved.map(|_| ()),
        }
    }

    /// Moves the session where the last answer asked it to. The answer is good in any case; what fails now is done
    /// before the next request, which reports it.
    pub(crate) async fn leave_if_asked(&self, held: &Arc<Held>, deadline: Instant) {
        let _ = self.leave_if_begun(held, deadline).await;
    }

    /// Whether the session has moved since so many `moves`, when a request was made whose envelopes the nodes refuse. If
    /// nothing here says so, perhaps the answer to the request that moved it was lost: the nodes know, and if it is no
    /// longer with this client, the envelopes go.
    pub(crate) async fn has_moved(&self, held: &Held, moves: u64, deadline: Instant) -> Result<bool, Error> {
        if held.look(|record| record.moves) != moves {
            return Ok(true);
        }
        let answer = self
            .ask(&Ask::new(Method::GET, self.path(held)), deadline)
            .await?;
        let session: Session = self.json(&answer, "")?;
        self.note_place(held, moves, &session, deadline).await?;
        Ok(held.look(|record| record.moves) != moves)
    }

    async fn claim_for_move(&self, held: &Held, deadline: Instant) -> Result<Claimed, Error> {
        let all = Declared {
            wanted: Wanted::All,
            part: held.session().primary(),
        };
        let others = self.states_of_other_parts(held, deadline).await?;
        let mut claimed = self.claimed(held, Some(&all), deadline).await?;
        let is_other = |part: &Part| others.iter().any(|state| part.name == state_part(state));
        claimed.envelopes.retain(|part| !is_other(part));
        Ok(claimed)
    }

    async fn move_to(
        &self,
        held: &Arc<Held>,
        to: ExecutionModel,
        claimed: Claimed,
        deadline: Instant,
    ) -> Result<Session, Error> {
        let moves = claimed.moves;
        let ask = self.ask_to_move(held, to, &claimed);
        // Whoever says who it is asks as the holder of the states, now or from now on. An operator must not: the client
        // whose session it is would go on with the same states.
        let is_operator = !claimed.is_here() && held.look(|record| record.has_primary() || !record.is_used());
        let ask = if is_operator { ask } else { self.named(ask) };
        let failed = match self.inner.http.send(&ask, deadline).await {
            Ok(answer) if is_operator => return self.json(&answer, SESSION),
            Ok(answer) => return self.moved(held, moves, &answer, deadline).await,
            Err(failed) => failed,
        };
        match failed.kind() {
            Some(Kind::MovingToClient) if !is_operator => {
                drop(claimed);
                self.come_alone(held, moves, failed, deadline).await?;
                return self.describe(held, deadline).await;
            }
            Some(Kind::EnvelopeMissing) if !claimed.is_here() && !is_operator => {
                let ask = self.ask_to_move(held, to, &claimed);
                let answer = self.ask(&ask, deadline).await?;
                return self.moved(held, moves, &answer, deadline).await;
            }
            Some(Kind::BadEnvelope) if self.has_moved(held, moves, deadline).await? => {
                let none = Claimed::none(held.look(|record| record.moves));
                let ask = self.named(self.ask_to_move(held, to, &none));
                let answer = self.ask(&ask, deadline).await?;
                return self.moved(held, none.moves, &answer, deadline).await;
            }
            _ => {}
        }
        if !failed.is_open {
            held.update(|record| record.leaving_for = None).await?;
        }
        Err(failed.error)
    }

    fn ask_to_move(&self, held: &Held, to: ExecutionModel, claimed: &Claimed) -> Ask {
        let path = format!("{}/convert", self.path(held));
        let ask = self.with_seen(Ask::new(Method::POST, path), held, held.session().primary());
        let body = Convert { to };
        if !claimed.is_here() {
            return ask.json(&body);
        }
        let json = serde_json::to_vec(&body).expect("the name of a model is JSON");
        let mut parts = vec![Part::json(CONVERT, json)];
        parts.extend_from_slice(&claimed.envelopes);
        ask.parts(&parts)
    }

    /// Takes in the answer to a conversion: the session, and with it the states if they come to the client.
    async fn moved(
        &self,
        held: &Held,
        moves: u64,
        answer: &Answer,
        deadline: Instant,
    ) -> Result<Session, Error> {
        let session: Session = self.json(answer, SESSION)?;
        if let Body::Parts(_) = &answer.body {
            // They are handed out again with the next request, once what is unanswered has been sent again.
            if held.others_are_known(moves, deadline).await.is_err() {
                return Ok(session);
            }
            self.come(held, moves, answer).await?;
            return Ok(session);
        }
        self.note_place(held, moves, &session, deadline).await?;
        Ok(session)
    }

    /// Notes where the session is, as an answer says to a request that was made after so many `moves`.
    async fn note_place(
        &self,
        held: &Held,
        moves: u64,
        session: &Session,
        deadline: Instant,
    ) -> Result<(), Error> {
        let models: Vec<_> = session.parts.iter().map(|part| part.model).collect();
        let is_here = models.first() == Some(&ExecutionModel::InClient);
        let others = self.states_of_other_parts(held, deadline).await?;
        held.update(move |record| {
            if is_here {
                record.stay(moves);
            } else {
                record.release(moves, models, &others);
            }
        })
        .await
    }

    async fn states_of_other_parts(
        &self,
        held: &Held,
        deadline: Instant,
    ) -> Result<BTreeSet<StateName>, Error> {
        let session = held.session();
        if session.parts().len() == 1 {
            return Ok(BTreeSet::new());
        }
        let app = self
            .known_app(&held.look(|record| record.app.clone()), deadline)
            .await?;
        let states = app.states.iter().map(|state| state.name.clone());
        Ok(states
            .filter(|state| part_of(&app, session, state) != session.primary())
            .collect())
    }

    /// Takes the states of a session that a refusal says is on its way here, once no other request may have been executed
    /// without them; any other refusal is an error.
    pub(crate) async fn come_alone(
        &self,
        held: &Held,
        moves: u64,
        failed: Failed,
        deadline: Instant,
    ) -> Result<(), Error> {
        match (failed.kind(), &failed.answer) {
            (Some(Kind::MovingToClient), Some(answer)) => {
                held.others_are_known(moves, deadline).await?;
                self.come(held, moves, answer).await
            }
            _ => Err(failed.error),
        }
    }

    /// Takes the states that an answer brings here (R14), unless they have come with another.
    async fn come(&self, held: &Held, moves: u64, answer: &Answer) -> Result<(), Error> {
        let envelopes = answer.envelopes();
        held.update(move |record| record.arrive(moves, envelopes)).await
    }
}
