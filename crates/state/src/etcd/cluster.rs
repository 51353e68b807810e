//! The servers of one cluster, and a request to whichever of them answers.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use http::uri::PathAndQuery;
use prost::Message;
use tokio::time::{Instant, sleep, timeout};
use tonic::client::Grpc;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use super::fault::{Meaning, meaning, problem};
use super::messages::{AuthenticateRequest, AuthenticateResponse, method};
use super::options::EtcdCredentials;
use crate::MAX_COMMIT;

/// Between rounds in which no server carried a request out: an election takes about a second.
const PAUSE: Duration = Duration::from_millis(50);

/// What a slow disk still writes in a second: so much more patience do large requests get.
const SLOWEST: u64 = 4 << 20;

/// Servers that take the same requests. Every request may be sent again to another one, because each of ours
/// says what must stand, or changes nothing the second time.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) servers: Vec<Server>,
    /// The one that answered last.
    pub(super) first: AtomicUsize,
    /// Whether the last request found no quorum until its time was over: then the next ask each server once
    /// only, so that callers are refused at once and not after that time.
    pub(super) down: AtomicBool,
    pub(super) credentials: Option<EtcdCredentials>,
    pub(super) token: RwLock<Option<MetadataValue<Ascii>>>,
}

#[derive(Debug)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) channel: Channel,
}

/// How long a request may take, and after how long without an answer another server is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Within {
    pub(super) all: Duration,
    pub(super) one: Duration,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer<A> {
    pub(super) says: A,
    /// Whether an earlier try may have been carried out as well.
    pub(super) again: bool,
}

/// No answer.
#[derive(Debug)]
pub(super) struct NoAnswer {
    /// Whether no try was carried out, for certain.
    pub(super) did_nothing: bool,
    /// Whether a server has said that none will carry it out.
    pub(super) refused: bool,
    pub(super) code: Code,
    pub(super) problem: String,
}

impl Cluster {
    pub(super) fn names(&self) -> String {
        let names: Vec<_> = self.servers.iter().map(|server| server.name.as_str()).collect();
        names.join(", ")
    }

    /// Asks the servers in turn, each time with twice the patience, until one answers or the time is over.
    pub(super) async fn call<Q, A>(
        &self,
        path: &'static str,
        request: Q,
        within: Within,
    ) -> Result<Answer<A>, NoAnswer>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + 'static,
    {
        let end = Instant::now() + within.all;
        let mut patience = within.one + Duration::from_millis(request.encoded_len() as u64 * 1000 / SLOWEST);
        let rounds = if self.down.load(Ordering::Relaxed) {
            1
        } else {
            u32::MAX
        };
        let first = self.first.load(Ordering::Relaxed);
        let (mut again, mut last) = (false, None);
        for round in 0..rounds {
            for step in 0..self.servers.len() {
                let at = (first + step) % self.servers.len();
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(self.gave_up(again, last));
                }
                let asked = self.ask(at, path, request.clone(), left.min(patience)).await;
                match asked.map_err(|status| (meaning(&status), status)) {
                    Ok(says) => {
                        self.first.store(at, Ordering::Relaxed);
                        self.down.store(false, Ordering::Relaxed);
                        return Ok(Answer { says, again });
                    }
                    Err((Meaning::Refused, status)) => return Err(no_answer(!again, true, &status)),
                    // Its token was renewed, and was refused again.
                    Err((Meaning::Stranger, status)) if round > 0 => {
                        return Err(no_answer(!again, true, &status));
                    }
                    Err((means, status)) => {
                        again |= means == Meaning::Perhaps;
                        let server = &self.servers[at].name;
                        tracing::debug!(server, problem = problem(&status), "another etcd server is asked");
                        last = Some(status);
                    }
                }
            }
            // Servers that refuse connections at once make for many rounds.
            patience = within.all.min(patience * 2);
            sleep(PAUSE.min(end.saturating_duration_since(Instant::now()))).await;
        }
        Err(self.gave_up(again, last))
    }

    fn gave_up(&self, again: bool, last: Option<Status>) -> NoAnswer {
        self.down.store(true, Ordering::Relaxed);
        no_answer(
            !again,
            false,
            &last.unwrap_or_else(|| Status::deadline_exceeded("no time")),
        )
    }

    /// Asks one server; with a new token, if it does not know ours.
    async fn ask<Q, A>(
        &self,
        at: usize,
        path: &'static str,
        request: Q,
        within: Duration,
    ) -> Result<A, Status>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + 'static,
    {
        let asking = async {
            if self.credentials.is_some() && self.token().is_none() {
                self.authenticate(at).await?;
            }
            match self.ask_once(at, path, request.clone()).await {
                Err(status) if meaning(&status) == Meaning::Stranger => {
                    self.authenticate(at).await?;
                    self.ask_once(at, path, request).await
                }
                asked => asked,
            }
        };
        let no_answer = |_| Status::deadline_exceeded(format!("no answer for {} ms", within.as_millis()));
        timeout(within, asking).await.map_err(no_answer)?
    }

    async fn ask_once<Q, A>(&self, at: usize, path: &'static str, request: Q) -> Result<A, Status>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let channel = self.servers[at].channel.clone();
        let most = usize::try_from(MAX_COMMIT.0).unwrap_or(usize::MAX);
        let mut grpc = Grpc::new(channel).max_decoding_message_size(most);
        grpc.ready()
            .await
            .map_err(|error| Status::from_error(error.into()))?;
        let mut request = Request::new(request);
        // A server that is cut off from the others says so at once, instead of waiting for them.
        request
            .metadata_mut()
            .insert("hasleader", MetadataValue::from_static("true"));
        if let Some(token) = self.token() {
            request.metadata_mut().insert("token", token);
        }
        let path = PathAndQuery::from_static(path);
        let answer = grpc.unary(request, path, ProstCodec::default()).await?;
        Ok(answer.into_inner())
    }

    fn token(&self) -> Option<MetadataValue<Ascii>> {
        self.token.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gets a token, which all servers know.
    async fn authenticate(&self, at: usize) -> Result<(), Status> {
        let Some(EtcdCredentials { user, password }) = self.credentials.clone() else {
            return Err(Status::permission_denied(
                "the servers want a user and a password",
            ));
        };
        let request = AuthenticateRequest { name: user, password };
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = None;
        let answer: AuthenticateResponse = self.ask_once(at, method::AUTHENTICATE, request).await?;
        let token = answer.token.parse();
        let token = token.map_err(|_| Status::unauthenticated("a token that is no text"))?;
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = Some(token);
        Ok(())
    }
}

fn no_answer(did_nothing: bool, refused: bool, status: &Status) -> NoAnswer {
    NoAnswer {
        did_nothing,
        refused,
        code: status.code(),
        problem: problem(status),
    }
}
