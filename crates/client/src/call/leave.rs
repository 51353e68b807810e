//! Sessions that move to another model.

use std::sync::Arc;

use fogline_core::model::{AppName, ExecutionModel, SessionId};
use fogline_core::session::Seen;
use fogline_protocol::api::{Convert, Session};
use fogline_protocol::headers;
use fogline_protocol::multipart::{CONVERT, Part, SESSION};
use fogline_protocol::problem::Kind;
use http::Method;
use tokio::time::Instant;

use super::declared::{Declared, Wanted};
use super::exchange::{Claimed, arrive};
use crate::Error;
use crate::answer::{Answer, Body};
use crate::client::Client;
use crate::http::Ask;
use crate::journal::{Held, Record};

impl Client {
    /// Moves a session to another model, also while it is in use. States that come to the client are kept; states that
    /// leave it are sent.
    ///
    /// # Errors
    /// When it cannot move there, or no node is reached. A move away from the client that was begun is finished before
    /// the session's next request.
    pub async fn convert(&self, app: &AppName, session: &SessionId, to: ExecutionModel) -> Result<Session, Error> {
        let deadline = self.deadline();
        let held = self.held(app, session, deadline).await?;
        if to != ExecutionModel::InClient && held.look(Record::is_in_client) {
            held.update(move |record| record.leaving_for = Some(to)).await?;
        }
        let claimed = self.claim_for_move(&held, deadline).await?;
        self.move_to(&held, to, claimed, deadline).await
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

    async fn claim_for_move(&self, held: &Held, deadline: Instant) -> Result<Claimed, Error> {
        let all = Declared { wanted: Wanted::All, part: held.session().primary() };
        self.claimed(held, Some(&all), deadline).await
    }

    /// Moves the session where the last answer asked it to. The answer is good in any case; what fails now is done
    /// before the next request, which reports it.
    pub(crate) async fn leave_if_asked(&self, held: &Arc<Held>, deadline: Instant) {
        let _ = self.leave_if_begun(held, deadline).await;
    }

    async fn move_to(
        &self,
        held: &Arc<Held>,
        to: ExecutionModel,
        claimed: Claimed,
        deadline: Instant,
    ) -> Result<Session, Error> {
        let path = format!("{}/convert", self.path(held));
        let primary = held.session().primary();
        let ask = self.with_seen(Ask::new(Method::POST, path), held, primary);
        let body = Convert { to };
        let ask = if claimed.is_here() {
            let json = serde_json::to_vec(&body).expect("the name of a model is JSON");
            let mut parts = vec![Part::json(CONVERT, json)];
            parts.extend_from_slice(&claimed.envelopes);
            ask.parts(&parts)
        } else {
            ask.json(&body)
        };
        match self.inner.http.send(&ask, deadline).await {
            Ok(answer) => self.moved(held, &answer).await,
            Err(failed) if failed.kind() == Some(Kind::MovingToClient) => {
                let answer = failed.answer.ok_or(failed.error)?;
                self.come(held, &answer).await?;
                drop(claimed);
                self.describe(held, deadline).await
            }
            Err(failed) => {
                if !failed.is_open {
                    held.update(|record| record.leaving_for = None).await?;
                }
                Err(failed.error)
            }
        }
    }

    /// Takes in the answer to a conversion: the session, and with it the states if they come to the client.
    async fn moved(&self, held: &Held, answer: &Answer) -> Result<Session, Error> {
        let session: Session = self.json(answer, SESSION)?;
        if let Body::Parts(_) = &answer.body {
            self.come(held, answer).await?;
        }
        let models: Vec<_> = session.parts.iter().map(|part| part.model).collect();
        let seen: Option<Seen> = answer.header(headers::SEEN);
        let primary = held.session().primary();
        held.update(move |record| {
            if let Some(seen) = seen {
                record.see(primary, seen);
            }
            if models.contains(&ExecutionModel::InClient) {
                record.models = models;
                record.leaving_for = None;
            } else {
                record.release(models);
            }
        })
        .await?;
        Ok(session)
    }

    async fn come(&self, held: &Held, answer: &Answer) -> Result<(), Error> {
        let strange = || self.inner.http.strange("states of no epoch".to_owned());
        let seen = answer.header(headers::SEEN).ok_or_else(strange)?;
        let envelopes = answer.envelopes();
        held.update(move |record| arrive(record, seen, envelopes)).await
    }
}
