//! Becoming a node, and throwing one out: what is done from outside of the network, by a peer's address alone.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fogline_core::model::NodeName;
use quinn::VarInt;

use super::ask::{Asker, ONE_PEER};
use super::wire::{Answer, Refusal, Request};
use crate::peers::error::EnrolError;
use crate::peers::options::Options;
use crate::peers::trust::{ANY_MEMBER, Authority, Member, Stranger, Terms, Token, Trust, WallClock};

impl Stranger {
    /// Becomes a node: sends its name and its public key to the first of these peers that can be reached, signed with
    /// the token's key; what it gets is kept, so that a restart needs no token. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When no peer can be reached, or one refuses.
    pub async fn join(
        self,
        peers: &[SocketAddr],
        token: &Token,
        deadline: Instant,
    ) -> Result<Member, EnrolError> {
        let trust = self.trust(token)?;
        let (node, key) = self.wish();
        let application = token
            .apply(node, key)
            .map_err(|source| EnrolError::Apply { source })?;
        let request = Request::Enrol {
            application,
            forwarded: false,
        };
        match ask_any(&trust, peers, &request, deadline).await? {
            Answer::Issued(certificate) => Ok(self.enrolled(trust, certificate.into())?),
            Answer::Done | Answer::Refused(_) | Answer::Secret(_) => Err(EnrolError::Confused),
        }
    }
}

impl Member {
    /// Asks these peers, until one tells it, for the secret of its network, and keeps that; so a restart needs no peer.
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When no peer can be reached that knows it, or it cannot be kept.
    pub async fn learn_secret(&self, peers: &[SocketAddr], deadline: Instant) -> Result<(), EnrolError> {
        let request = Request::Secret { forwarded: false };
        match ask_any(self.trust(), peers, &request, deadline).await? {
            Answer::Secret(secret) => Ok(self.keep_secret(secret)?),
            Answer::Done | Answer::Issued(_) | Answer::Refused(_) => Err(EnrolError::Confused),
        }
    }
}

/// Throws a node out of its network: tells the first of these peers that can be reached, which tells all others. All
/// certificates that the node was issued until now are void from then on. Must be called within a tokio runtime.
///
/// # Errors
/// When no peer can be reached, or it belongs to another network.
pub async fn revoke(
    node: &NodeName,
    authority: &Authority,
    clock: WallClock,
    peers: &[SocketAddr],
    deadline: Instant,
) -> Result<(), EnrolError> {
    let revocation = authority.revoke(node, clock())?;
    let trusted = vec![authority.certificate().clone()];
    let trust = Arc::new(Trust::new(trusted, Terms::default(), clock)?);
    let request = Request::Revoke(revocation.signed().clone());
    match ask_any(&trust, peers, &request, deadline).await? {
        Answer::Done => Ok(()),
        Answer::Issued(_) | Answer::Refused(_) | Answer::Secret(_) => Err(EnrolError::Confused),
    }
}

/// The first answer of one of these peers.
async fn ask_any(
    trust: &Arc<Trust>,
    peers: &[SocketAddr],
    request: &Request,
    deadline: Instant,
) -> Result<Answer, EnrolError> {
    let transport = Options::default()
        .transport()
        .expect("the defaults are within QUIC's limits");
    let mut tried = Vec::new();
    for &peer in peers {
        let any = match peer {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let endpoint = quinn::Endpoint::client(any).map_err(|source| EnrolError::Socket { source })?;
        let asker = Asker::new(endpoint.clone(), trust, Arc::clone(&transport));
        let until = deadline.min(Instant::now() + ONE_PEER);
        let answer = asker.ask(peer, ANY_MEMBER, request, until).await;
        endpoint.close(VarInt::from_u32(0), b"");
        // Whoever does not hear of it finds out by the idle timeout.
        let _ = tokio::time::timeout(Duration::from_secs(1), endpoint.wait_idle()).await;
        match answer {
            Ok(Answer::Refused(refusal @ (Refusal::NoIssuer | Refusal::Busy | Refusal::Malformed))) => {
                tried.push(format!("{peer}: {refusal}"));
            }
            Ok(Answer::Refused(refusal)) => return Err(EnrolError::Refused { peer, refusal }),
            Ok(answer) => return Ok(answer),
            Err(reason) => tried.push(format!("{peer}: {reason}")),
        }
    }
    Err(EnrolError::NoPeer {
        tried: tried.join("; "),
    })
}
