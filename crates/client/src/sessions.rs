//! Sessions.

use std::sync::Arc;

use bytes::Bytes;
use data_encoding::BASE64;
use fogline_core::model::{AppName, ExecutionModel, NodeName, SessionId};
use fogline_protocol::api::{Drained, Migrate, NewSession, Session, Sessions, States};
use fogline_protocol::problem::{Kind, Problem};
use http::Method;
use tokio::time::Instant;

use crate::Error;
use crate::call::{Declared, Wanted};
use crate::client::{Client, lock};
use crate::http::Ask;
use crate::journal::{Held, Record, folder, kept_app};

impl Client {
    /// Creates a session; under another model than the manifest's, if one is given.
    ///
    /// # Errors
    /// When there is no such application, or no node is reached; when its first states cannot be kept.
    pub async fn create_session(
        &self,
        app: &AppName,
        model: Option<ExecutionModel>,
    ) -> Result<Session, Error> {
        let deadline = self.deadline();
        let ask = Ask::new(Method::POST, format!("/v1/apps/{app}/sessions")).json(&NewSession { model });
        let answer = self.ask(&ask, deadline).await?;
        let mut session: Session = self.json(&answer, "")?;
        let mut envelopes = Vec::new();
        for (state, envelope) in std::mem::take(&mut session.envelopes) {
            let bytes = BASE64.decode(envelope.as_bytes());
            let bytes =
                bytes.map_err(|error| self.inner.http.strange(format!("envelope of {state}: {error}")))?;
            envelopes.push((state, Bytes::from(bytes)));
        }
        if !envelopes.is_empty() {
            let held = self.held(app, &session.session, deadline).await?;
            held.update(move |record| {
                envelopes
                    .into_iter()
                    .for_each(|(state, envelope)| record.keep(state, envelope));
            })
            .await?;
        }
        Ok(session)
    }

    /// The application that a session is of: as the journal says, or the one in which the node finds it.
    ///
    /// # Errors
    /// When there is no such session, when it may be of several, or when no node is reached.
    pub async fn app_of(&self, session: &SessionId) -> Result<AppName, Error> {
        let kept = self
            .inner
            .journal
            .as_ref()
            .and_then(|journal| kept_app(&folder(journal, session)));
        if let Some(app) = kept {
            return Ok(app);
        }
        let mut found: Option<AppName> = None;
        for app in self.list_apps().await? {
            let path = format!("/v1/apps/{}/sessions/{session}", app.name);
            match self.ask(&Ask::new(Method::GET, path), self.deadline()).await {
                // Of a session that its client holds no node knows more than what its id says.
                Ok(_) => {
                    if let Some(other) = found.replace(app.name.clone()) {
                        let title = format!("session {session} may be of {other} or of {}", app.name);
                        return Err(Problem::new(Kind::BadRequest, title, "name the application").into());
                    }
                }
                Err(Error::Problem { problem }) if problem.kind == Kind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(app) = found {
            return Ok(app);
        }
        let title = format!("no application has a session {session}");
        Err(Problem::new(Kind::NotFound, title, "`fogline get sessions APP` lists them").into())
    }

    /// Sessions of an application, at most `limit`, behind `after` in the order of their ids: those that the
    /// nodes and the cloud keep. Who of them did not answer is named.
    ///
    /// # Errors
    /// When there is no such application, or no node is reached.
    pub async fn sessions(
        &self,
        app: &AppName,
        after: Option<&SessionId>,
        limit: u32,
    ) -> Result<Sessions, Error> {
        let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
        let path = format!("/v1/apps/{app}/sessions?limit={limit}{after}");
        self.ask_json(&Ask::new(Method::GET, path)).await
    }

    /// A session, with those of its states that live with this client.
    ///
    /// # Errors
    /// When there is no such session, or no node is reached.
    pub async fn session(&self, app: &AppName, session: &SessionId) -> Result<Session, Error> {
        let deadline = self.deadline();
        let held = self.known_session(app, session, deadline).await?;
        self.describe(&held, deadline).await
    }

    /// Goes on with a session that has lost acknowledged changes, as it may under the `durability` that its application
    /// has chosen: requests are otherwise refused as `state-regressed` (R12).
    ///
    /// # Errors
    /// When the journal cannot be read or written.
    pub async fn accept_loss(&self, app: &AppName, session: &SessionId) -> Result<(), Error> {
        let held = self.held(app, session, self.deadline()).await?;
        held.update(|record| record.seen.clear()).await
    }

    /// Moves a session to a node, under the model that it has.
    ///
    /// # Errors
    /// When there is no such session or node, when the session is in the cloud or with a client, or when no node is
    /// reached. The session is then where it was.
    pub async fn migrate(
        &self,
        app: &AppName,
        session: &SessionId,
        node: &NodeName,
    ) -> Result<Session, Error> {
        let deadline = self.deadline();
        let held = self.held(app, session, deadline).await?;
        let path = format!("{}/migrate", self.path(&held));
        let ask = Ask::new(Method::POST, path).json(&Migrate { node: node.clone() });
        self.json(&self.ask(&ask, deadline).await?, "")
    }

    /// Moves a node's sessions to others, for as long as the client's deadline allows. Who asks must be an operator.
    ///
    /// # Errors
    /// When there is no such node or no other, or when no node is reached.
    pub async fn drain(&self, node: &NodeName) -> Result<Drained, Error> {
        let ask = Ask::new(Method::POST, format!("/v1/nodes/{node}/drain"));
        self.ask_json(&ask).await
    }

    /// Deletes a session, and what the client keeps of it.
    ///
    /// # Errors
    /// When there is no such session, or no node is reached. The client then keeps what it has.
    pub async fn delete_session(&self, app: &AppName, session: &SessionId) -> Result<(), Error> {
        let deadline = self.deadline();
        let held = self.known_session(app, session, deadline).await?;
        let _claim = held.claim_all(deadline).await?;
        match self
            .ask(&Ask::new(Method::DELETE, self.path(&held)), deadline)
            .await
        {
            Err(Error::Problem { problem }) if problem.kind == Kind::Gone => {}
            deleted => drop(deleted?),
        }
        lock(&self.inner.sessions).remove(session);
        held.discard().await
    }

    /// Asks for a session. What lives here the node learns from the envelopes.
    pub(crate) async fn describe(&self, held: &Arc<Held>, deadline: Instant) -> Result<Session, Error> {
        let answer = self
            .ask(&Ask::new(Method::GET, self.path(held)), deadline)
            .await?;
        let mut session: Session = self.json(&answer, "")?;
        if held.look(Record::is_in_client) {
            // Of versions that are marked, the node has the list; of others, only the client has the states.
            let mut parts = session.parts.iter_mut();
            if let Some(part) =
                parts.find(|part| part.model == ExecutionModel::InClient && part.states.is_empty())
            {
                let States { states } = self.open_all(held, deadline).await?;
                part.version = part
                    .version
                    .max(states.iter().map(|state| state.version).max().unwrap_or(0));
                part.states = states;
            }
        }
        Ok(session)
    }

    /// What a node finds in the envelopes that are here.
    pub(crate) async fn open_all(&self, held: &Held, deadline: Instant) -> Result<States, Error> {
        let all = Declared {
            wanted: Wanted::All,
            part: held.session().primary(),
        };
        let claimed = self.claimed(held, Some(&all), deadline).await?;
        if claimed.envelopes.is_empty() {
            return Ok(States { states: Vec::new() });
        }
        let ask = Ask::new(Method::POST, format!("{}/states", self.path(held))).parts(&claimed.envelopes);
        let ask = self.named(ask);
        let answer = self.ask(&ask, deadline).await?;
        self.json(&answer, "")
    }
}
