//! Runs that nodes accept now and execute later.

use bytes::Bytes;
use fogline_core::model::{AppName, RunId, SessionId};
use fogline_protocol::api::Run;
use fogline_protocol::multipart::OUTPUT;
use http::Method;

use crate::Error;
use crate::call::returned;
use crate::client::Client;
use crate::http::Ask;

impl Client {
    /// Has the workflow run for a session, without waiting for its result (R21).
    ///
    /// States that live with the client go with it, and come back with its end: the session's next request waits for
    /// that, or [`Client::run_result`] takes them.
    ///
    /// # Errors
    /// When the session's inbox is full, or no node is reached. [`Error::Unanswered`] when it may have been accepted, or
    /// may yet be: [`Client::resume`] waits for it then.
    pub async fn run_async(
        &self,
        app: &AppName,
        session: &SessionId,
        input: impl Into<Bytes>,
    ) -> Result<Run, Error> {
        let deadline = self.deadline();
        let held = self.held(app, session, deadline).await?;
        self.lend(&held, input.into(), deadline).await
    }

    /// How a run is.
    ///
    /// # Errors
    /// When there is no such run, or no node is reached.
    pub async fn run_status(&self, app: &AppName, session: &SessionId, run: RunId) -> Result<Run, Error> {
        self.ask_json(&Ask::new(Method::GET, path(app, session, run)))
            .await
    }

    /// The result of a run that is done.
    ///
    /// # Errors
    /// When there is no such run, it is not done or has failed, or no node is reached.
    pub async fn run_result(&self, app: &AppName, session: &SessionId, run: RunId) -> Result<Bytes, Error> {
        let (path, deadline) = (path(app, session, run), self.deadline());
        let described = self.ask(&Ask::new(Method::GET, path.as_str()), deadline).await?;
        let described: Run = self.json(&described, "")?;
        let result = Ask::new(Method::GET, format!("{path}/result")).known_to_be(described.problem);
        let answer = self.ask(&result, deadline).await?;
        let held = self.known_session(app, session, deadline).await?;
        returned(&held, run, answer.envelopes()).await?;
        Ok(answer.part(OUTPUT).cloned().unwrap_or_default())
    }
}

fn path(app: &AppName, session: &SessionId, run: RunId) -> String {
    format!("/v1/apps/{app}/sessions/{session}/runs/{run}")
}
