//! Runs that nodes accept now and execute later.

use bytes::Bytes;
use fogline_core::model::{AppName, RunId, SessionId};
use fogline_protocol::api::Run;
use fogline_protocol::headers;
use fogline_protocol::multipart::OUTPUT;
use http::Method;

use crate::Error;
use crate::call::returned;
use crate::client::Client;
use crate::http::Ask;
use crate::journal::Record;

impl Client {
    /// Has the workflow run for a session, without waiting for its result (R21).
    ///
    /// States that live with the client go with it, and come back with its end: the session's next request waits for
    /// that, or [`Client::run_result`] takes them.
    ///
    /// # Errors
    /// When the session's inbox is full, or no node is reached. [`Error::Unanswered`] when it may have been accepted
    /// with the client's states: [`Client::resume`] waits for it then.
    pub async fn run_async(
        &self,
        app: &AppName,
        session: &SessionId,
        input: impl Into<Bytes>,
    ) -> Result<Run, Error> {
        let deadline = self.deadline();
        let (mut held, input) = (self.known_session(app, session, deadline).await?, input.into());
        while !held.look(Record::is_in_client) {
            let moves = held.look(|record| record.moves);
            let ask = Ask::new(Method::POST, format!("{}/runs", self.path(&held)))
                .header(headers::PREFER, "respond-async")
                .header(headers::IDEMPOTENCY_KEY, &self.fresh_key())
                .bytes(input.clone());
            let ask = self.named(self.with_seen(ask, &held, session.primary()));
            match self.inner.http.send(&ask, deadline).await {
                Ok(answer) => return self.json(&answer, ""),
                Err(failed) => {
                    held = self.held(app, session, deadline).await?;
                    self.come_with(&held, moves, failed).await?;
                }
            }
        }
        // Its numbers go on from those that were used.
        held = self.held(app, session, deadline).await?;
        self.lend(&held, input, deadline).await
    }

    /// How a run is.
    ///
    /// # Errors
    /// When there is no such run, or no node is reached.
    pub async fn run_status(&self, app: &AppName, session: &SessionId, run: RunId) -> Result<Run, Error> {
        self.ask_json(&Ask::new(
            Method::GET,
            format!("/v1/apps/{app}/sessions/{session}/runs/{run}"),
        ))
        .await
    }

    /// The result of a run that is done.
    ///
    /// # Errors
    /// When there is no such run, it is not done or has failed, or no node is reached.
    pub async fn run_result(&self, app: &AppName, session: &SessionId, run: RunId) -> Result<Bytes, Error> {
        let path = format!("/v1/apps/{app}/sessions/{session}/runs/{run}/result");
        let deadline = self.deadline();
        let answer = self.ask(&Ask::new(Method::GET, path), deadline).await?;
        let held = self.known_session(app, session, deadline).await?;
        returned(&held, run, answer.envelopes()).await?;
        Ok(answer.part(OUTPUT).cloned().unwrap_or_default())
    }
}
