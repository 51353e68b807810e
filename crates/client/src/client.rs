//! The client, and what all its calls share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fogline_core::model::limits::MAX_DEADLINE;
use fogline_core::model::{AppName, ClientId, SessionId};
use fogline_protocol::api::App;
use fogline_protocol::trace::TraceContext;
use http::Method;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::answer::Answer;
use crate::builder::Builder;
use crate::http::{Ask, Http};
use crate::journal::{Held, folder};
use crate::{Error, network_file};

/// A client of one node. Clones are the same client.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
    pub(crate) timeout: Duration,
    pub(crate) trace: Option<TraceContext>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) http: Http,
    pub(crate) id: ClientId,
    pub(crate) journal: Option<PathBuf>,
    /// What is known of applications; asked again when it turns out to be old.
    pub(crate) apps: Mutex<BTreeMap<AppName, Arc<App>>>,
    /// Sessions in use, each opened once.
    pub(crate) sessions: Mutex<BTreeMap<SessionId, Arc<OnceCell<Arc<Held>>>>>,
}

impl Client {
    /// A client of the node at this address, as `http://127.0.0.1:7070`.
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder::new(url.into())
    }

    /// A client of a network that said where it is.
    #[must_use]
    pub fn of_network(network: network_file::Network) -> Builder {
        Builder::new(network.url).token(network.token)
    }

    /// Who this is.
    #[must_use]
    pub fn id(&self) -> ClientId {
        self.inner.id
    }

    /// The node's address.
    #[must_use]
    pub fn url(&self) -> &str {
        self.inner.http.url()
    }

    /// The same client, whose calls may take so long; at most [`MAX_DEADLINE`].
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self {
            timeout: timeout.min(MAX_DEADLINE),
            ..self.clone()
        }
    }

    /// The same client, whose invocations and runs are caused by this span: nodes that record it go on with its trace.
    #[must_use]
    pub fn in_trace(&self, context: TraceContext) -> Self {
        Self {
            trace: Some(context),
            ..self.clone()
        }
    }

    /// Whether the node is ready. Asked once: it does not wait for one that is not there.
    ///
    /// # Errors
    /// When it is not.
    pub async fn check(&self) -> Result<(), Error> {
        let ask = Ask::new(Method::GET, "/readyz");
        self.inner.http.once(&ask, self.deadline()).await?;
        Ok(())
    }

    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// Sends what needs no number.
    pub(crate) async fn ask(&self, ask: &Ask, deadline: Instant) -> Result<Answer, Error> {
        self.inner
            .http
            .send(ask, deadline)
            .await
            .map_err(|failed| failed.error)
    }

    /// Asks for JSON.
    pub(crate) async fn ask_json<T: DeserializeOwned>(&self, ask: &Ask) -> Result<T, Error> {
        self.json(&self.ask(ask, self.deadline()).await?, "")
    }

    /// A part of an answer, as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, answer: &Answer, part: &str) -> Result<T, Error> {
        answer.json(part).map_err(|what| self.inner.http.strange(what))
    }

    /// A session as it is used now, or was when the client was last here.
    pub(crate) async fn held(
        &self,
        app: &AppName,
        session: &SessionId,
        deadline: Instant,
    ) -> Result<Arc<Held>, Error> {
        let cell = Arc::clone(lock(&self.inner.sessions).entry(session.clone()).or_default());
        let open = || async {
            let journal = self.inner.journal.clone();
            Held::open(journal, app.clone(), session.clone(), deadline)
                .await
                .map(Arc::new)
        };
        let held = cell.get_or_try_init(open).await.cloned()?;
        if held.look(|record| record.app != *app) {
            let app = app.clone();
            held.update(move |record| record.app = app).await?;
        }
        Ok(held)
    }

    /// A session that is only asked about: it gets no folder in the journal, unless it has one.
    pub(crate) async fn known_session(
        &self,
        app: &AppName,
        session: &SessionId,
        deadline: Instant,
    ) -> Result<Arc<Held>, Error> {
        let in_use = lock(&self.inner.sessions).contains_key(session);
        let is_kept = |journal: &PathBuf| folder(journal, session).is_dir();
        if in_use || self.inner.journal.as_ref().is_some_and(is_kept) {
            return self.held(app, session, deadline).await;
        }
        Held::open(None, app.clone(), session.clone(), deadline)
            .await
            .map(Arc::new)
    }

    /// What is known of an application.
    pub(crate) async fn known_app(&self, name: &AppName, deadline: Instant) -> Result<Arc<App>, Error> {
        let known = lock(&self.inner.apps).get(name).cloned();
        match known {
            Some(app) => Ok(app),
            None => self.learn_app(name, deadline).await,
        }
    }

    /// Asks for an application again.
    pub(crate) async fn learn_app(&self, name: &AppName, deadline: Instant) -> Result<Arc<App>, Error> {
        let answer = self
            .ask(&Ask::new(Method::GET, format!("/v1/apps/{name}")), deadline)
            .await?;
        let app: Arc<App> = Arc::new(self.json(&answer, "")?);
        lock(&self.inner.apps).insert(name.clone(), Arc::clone(&app));
        Ok(app)
    }
}

/// No code between locking and unlocking leaves a set or map half-changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
