//! Where certificates are asked for: the node issues them itself, or passes the request on to one that does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use quinn::Connection;
use rustls::pki_types::CertificateDer;
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

use super::ask::Asker;
use super::issuer::Issuer;
use super::rate::Rate;
use super::wire::{Answer, MAX_MESSAGE, Refusal, Request};
use crate::peers::directory::Directory;
use crate::peers::error::IdentityError;
use crate::peers::live::Live;
use crate::peers::trust::{Facts, Member, dns_name};

/// Connections at once on which nodes ask for something, and as many of others.
const MAX_ASKING: usize = 16;
/// How long such a connection may be there.
const PATIENCE: Duration = Duration::from_secs(9);
/// How long one peer may take to which a request is passed on.
const ONE_ISSUER: Duration = Duration::from_secs(3);

/// How much is asked for at once. Anybody may ask to be enrolled: what only nodes may ask for is counted by itself.
struct Share {
    rate: Mutex<Rate>,
    places: Semaphore,
}

impl Share {
    fn new() -> Self {
        Self {
            rate: Mutex::new(Rate::new(Instant::now())),
            places: Semaphore::new(MAX_ASKING),
        }
    }

    fn permit(&self) -> bool {
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        rate.take(Instant::now())
    }
}

/// Where certificates are asked for.
pub(crate) struct Office {
    pub(crate) member: Arc<Member>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) live: Arc<Live>,
    pub(crate) asker: Asker,
    /// If the node has the authority's key.
    issuer: Option<Issuer>,
    nodes: Share,
    anybody: Share,
}

impl Office {
    /// # Errors
    /// When the register of an issuing node cannot be read.
    pub(crate) fn new(
        member: Arc<Member>,
        directory: Arc<Directory>,
        live: Arc<Live>,
        asker: Asker,
    ) -> Result<Self, IdentityError> {
        Ok(Self {
            issuer: Issuer::of(&member)?,
            member,
            directory,
            live,
            asker,
            nodes: Share::new(),
            anybody: Share::new(),
        })
    }

    /// Whether it issues certificates itself.
    pub(crate) fn issues(&self) -> bool {
        self.issuer.is_some()
    }

    /// Answers one request on a connection, whose other side is a node if it is `from` somebody.
    pub(crate) async fn serve(&self, connection: Connection, from: Option<Facts>) {
        let share = if from.is_some() {
            &self.nodes
        } else {
            &self.anybody
        };
        let Ok(_place) = share.places.try_acquire() else {
            connection.close(quinn::VarInt::from_u32(0), b"busy");
            return;
        };
        let deadline = Instant::now() + PATIENCE;
        let served = timeout_at(deadline.into(), self.exchange(&connection, from, deadline)).await;
        if !matches!(served, Ok(Some(()))) {
            tracing::debug!(address = %connection.remote_address(), "a request for a certificate broke off");
        }
    }

    async fn exchange(&self, connection: &Connection, from: Option<Facts>, deadline: Instant) -> Option<()> {
        let (mut send, mut receive) = connection.accept_bi().await.ok()?;
        let bytes = receive.read_to_end(MAX_MESSAGE).await.ok()?;
        let request = postcard::from_bytes(&bytes);
        // Enrolments that nodes pass on are of strangers all the same.
        let share = match &request {
            Ok(Request::Renew { .. } | Request::Secret { .. }) if from.is_some() => &self.nodes,
            _ => &self.anybody,
        };
        let answer = match request {
            _ if !share.permit() => Answer::Refused(Refusal::Busy),
            Ok(request) => {
                let answer = self.answer(request, from.is_some(), deadline).await;
                answer.unwrap_or_else(Answer::Refused)
            }
            Err(_) => Answer::Refused(Refusal::Malformed),
        };
        if let Answer::Refused(refusal) = &answer {
            tracing::info!(address = %connection.remote_address(), %refusal, "refused");
        }
        let bytes = postcard::to_stdvec(&answer).ok()?;
        send.write_all(&bytes).await.ok()?;
        send.finish().ok()?;
        // The other side closes; if this one did, the answer might not arrive.
        connection.closed().await;
        Some(())
    }

    async fn answer(&self, request: Request, from_node: bool, deadline: Instant) -> Result<Answer, Refusal> {
        let trust = self.member.trust();
        match request {
            Request::Enrol {
                application,
                forwarded,
            } => {
                let (grant, wish) = application.open(trust.keys()).ok_or(Refusal::Foreign)?;
                if let Some(issuer) = &self.issuer {
                    return issuer.enrol(&grant, wish).await.map(issued);
                }
                let forward = Request::Enrol {
                    application,
                    forwarded: true,
                };
                self.pass_on(&forward, forwarded, deadline).await
            }
            Request::Renew {
                certificate,
                forwarded,
            } => {
                if !from_node {
                    return Err(Refusal::Foreign);
                }
                if let Some(issuer) = &self.issuer {
                    return issuer.renew(certificate.into()).await.map(issued);
                }
                let forward = Request::Renew {
                    certificate,
                    forwarded: true,
                };
                self.pass_on(&forward, forwarded, deadline).await
            }
            Request::Secret { forwarded } => {
                if !from_node {
                    return Err(Refusal::Foreign);
                }
                if let Some(secret) = self.member.secret() {
                    return Ok(Answer::Secret(secret.clone()));
                }
                let forward = Request::Secret { forwarded: true };
                self.pass_on(&forward, forwarded, deadline).await
            }
            Request::Revoke(signed) => {
                let authentic = trust.revocation(signed.clone()).is_some();
                if !authentic {
                    return Err(Refusal::Foreign);
                }
                self.live.learn(vec![signed]).await;
                Ok(Answer::Done)
            }
        }
    }

    /// Asks the nodes that may have the authority's key, until one has it.
    async fn pass_on(
        &self,
        request: &Request,
        forwarded: bool,
        deadline: Instant,
    ) -> Result<Answer, Refusal> {
        if forwarded {
            return Err(Refusal::NoIssuer);
        }
        for (peer, address) in self.directory.to_ask() {
            let deadline = deadline.min(Instant::now() + ONE_ISSUER);
            match self.asker.ask(address, &dns_name(&peer), request, deadline).await {
                Ok(Answer::Refused(Refusal::NoIssuer)) => {}
                Ok(answer) => return Ok(answer),
                Err(reason) => tracing::debug!(%peer, reason, "cannot be asked for a certificate"),
            }
        }
        Err(Refusal::NoIssuer)
    }
}

fn issued(certificate: CertificateDer<'static>) -> Answer {
    Answer::Issued(certificate.to_vec())
}
