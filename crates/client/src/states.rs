//! States from outside of a function. Where they live with the client, a node opens and seals them: it has the key.

use std::sync::Arc;

use bytes::Bytes;
use fogline_core::model::{AppName, ExecutionModel, SessionId, StateName};
use fogline_protocol::api::{App, StateInfo};
use fogline_protocol::multipart::{Part, VALUE};
use fogline_protocol::problem::{Kind, Problem};
use http::Method;
use tokio::time::Instant;

use crate::Error;
use crate::call::{Declared, Wanted};
use crate::client::Client;
use crate::http::Ask;
use crate::journal::{Held, Record};
use crate::reply::Target;

fn with_another(session: &SessionId) -> Error {
    let title = format!("the states of session {session} are with another client");
    let hint = "ask there, or have it converted to another model (`fogline state convert`)";
    Problem::new(Kind::EnvelopeMissing, title, hint).into()
}

impl Client {
    /// The states of a session.
    ///
    /// # Errors
    /// When there is no such session, or no node is reached.
    pub async fn states(&self, app: &AppName, session: &SessionId) -> Result<Vec<StateInfo>, Error> {
        let deadline = self.deadline();
        let held = self.known_session(app, session, deadline).await?;
        self.leave_if_begun(&held, deadline).await?;
        let described = self.describe(&held, deadline).await?;
        let mut states: Vec<_> = described.parts.into_iter().flat_map(|part| part.states).collect();
        if states.is_empty() && held.look(Record::is_with_another) {
            return Err(with_another(session));
        }
        states.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(states)
    }

    /// A state's bytes.
    ///
    /// # Errors
    /// When there is no such session or state, or no node is reached.
    pub async fn get_state(
        &self,
        app: &AppName,
        session: &SessionId,
        state: &StateName,
    ) -> Result<Bytes, Error> {
        let deadline = self.deadline();
        let (held, known) = self.session_of_state(app, session, state, deadline).await?;
        let declared = Declared::state(&known, session, state);
        let path = format!("{}/states/{state}", self.path(&held));
        let claimed = loop {
            if self.is_here(&held, &declared) {
                let claimed = self.claimed(&held, Some(&declared), deadline).await?;
                // It may have left while this waited for it.
                if self.is_here(&held, &declared) {
                    break claimed;
                }
            }
            let moves = held.look(|record| record.moves);
            let ask = self.with_seen(Ask::new(Method::GET, path.as_str()), &held, declared.part);
            match self.inner.http.send(&self.named(ask), deadline).await {
                Ok(answer) => return Ok(answer.part(VALUE).cloned().unwrap_or_default()),
                Err(failed) => self.come_alone(&held, moves, failed, deadline).await?,
            }
        };
        if claimed.envelopes.is_empty() && held.look(Record::is_with_another) {
            return Err(with_another(session));
        }
        if claimed.envelopes.is_empty() {
            let title = format!("session {session} has no state {state}");
            let hint = "a function sets it, or `fogline state put`";
            return Err(Problem::new(Kind::NotFound, title, hint).into());
        }
        let open =
            |envelopes: &[Part]| self.named(Ask::new(Method::POST, format!("{path}/open")).parts(envelopes));
        let answer = match self.ask(&open(&claimed.envelopes), deadline).await {
            // It was not used for long; with the other states its session may have been.
            Err(Error::Problem { problem }) if problem.kind == Kind::Gone => {
                let all = Declared {
                    wanted: Wanted::All,
                    ..declared
                };
                drop(claimed);
                let claimed = self.claimed(&held, Some(&all), deadline).await?;
                self.ask(&open(&claimed.envelopes), deadline).await?
            }
            answer => answer?,
        };
        Ok(answer.part(VALUE).cloned().unwrap_or_default())
    }

    /// Sets a state. Of two that do this at once, or a function that does, the last one stays.
    ///
    /// # Errors
    /// As [`Client::invoke`]; when there is no such session or state, or it is too large.
    pub async fn put_state(
        &self,
        app: &AppName,
        session: &SessionId,
        state: &StateName,
        value: impl Into<Bytes>,
    ) -> Result<(), Error> {
        let target = Target::Put(state.clone());
        self.call(app, session, target, value.into()).await.map(drop)
    }

    /// Deletes a state.
    ///
    /// # Errors
    /// As [`Client::invoke`]; when there is no such session or state.
    pub async fn delete_state(
        &self,
        app: &AppName,
        session: &SessionId,
        state: &StateName,
    ) -> Result<(), Error> {
        let target = Target::Remove(state.clone());
        self.call(app, session, target, Bytes::new()).await.map(drop)
    }

    async fn session_of_state(
        &self,
        app: &AppName,
        session: &SessionId,
        state: &StateName,
        deadline: Instant,
    ) -> Result<(Arc<Held>, Arc<App>), Error> {
        let held = self.held(app, session, deadline).await?;
        self.leave_if_begun(&held, deadline).await?;
        let mut known = self.known_app(app, deadline).await?;
        if !known.states.iter().any(|declared| declared.name == *state) {
            known = self.learn_app(app, deadline).await?;
        }
        Ok((held, known))
    }

    /// Whether the part of the session that is meant lives here.
    fn is_here(&self, held: &Held, declared: &Declared) -> bool {
        let at = held
            .session()
            .parts()
            .iter()
            .position(|part| *part == declared.part);
        let model = held.look(|record| at.and_then(|at| record.models.get(at).copied()));
        model == Some(ExecutionModel::InClient)
    }
}
