//! What can go wrong between nodes, by who must act.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use fogline_core::model::NodeName;
use thiserror::Error;

use super::enrol::Refusal;

/// A certificate or key that cannot be made, read or used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// Making a certificate failed.
    #[error("making the certificate of {whose}")]
    Make {
        /// A node, or the authority.
        whose: String,
        /// Why.
        source: rcgen::Error,
    },
    /// Some text is not a PEM file of the right kind.
    #[error("reading {what} as PEM (hint: expected {expected})")]
    Pem {
        /// Which.
        what: &'static str,
        /// What it should hold.
        expected: &'static str,
        /// Why not.
        source: rustls::pki_types::pem::Error,
    },
    /// A certificate names no node.
    #[error(
        "the certificate names no node: {reason} (hint: it must have the one URI spiffe://fogline/node/NAME)"
    )]
    Nameless {
        /// What is wrong with it.
        reason: String,
    },
    /// What should be the authority's certificate serves to verify nobody.
    #[error("the authority's certificate cannot be used: {reason} (hint: see `fogline authority new`)")]
    Authority {
        /// What is wrong with it.
        reason: String,
    },
    /// The authority's files do not go together.
    #[error(
        "authority.crt and authority.key in {path} do not go together, or are not on P-256 (hint: take both from \
         what `fogline authority new` has made)"
    )]
    Unfit {
        /// Their folder.
        path: PathBuf,
    },
    /// TLS does not take the certificate, or not with this key.
    #[error("using the node's certificate (hint: it, its key and the authority go together)")]
    Unusable(#[source] rustls::Error),
    /// The authority has issued a certificate that was not asked for.
    #[error("node {node} got a certificate for the name or key of another, {found} (hint: ask another peer)")]
    Foreign {
        /// Who asked.
        node: NodeName,
        /// Whose the certificate is.
        found: NodeName,
    },
    /// What was kept as the network's secret is none.
    #[error(
        "what is kept in {file} is not 64 hexadecimal digits (hint: remove it, and peers tell the node again)"
    )]
    Secret {
        /// The file, in the folder of the node's certificate.
        file: &'static str,
    },
    /// A file cannot be read or written.
    #[error("{doing} {path}")]
    File {
        /// `reading` or `writing`.
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Why a node cannot listen to its peers.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// The certificate does not serve.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// An option is outside what QUIC allows.
    #[error("{what} is outside what QUIC allows (hint: at most {limit})")]
    Option {
        /// Which.
        what: &'static str,
        /// The limit.
        limit: &'static str,
    },
    /// The socket does not work.
    #[error("listening for peers")]
    Socket(#[from] io::Error),
}

/// Why a machine did not become a node, or a node was not revoked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EnrolError {
    /// A certificate or key cannot be made or used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The application cannot be signed.
    #[error("signing with the token's key")]
    Apply {
        /// Why not.
        source: rcgen::Error,
    },
    /// There is no socket.
    #[error("making a socket")]
    Socket {
        /// What the system said.
        source: io::Error,
    },
    /// No peer could be asked.
    #[error("no peer answers for the network: {tried}")]
    NoPeer {
        /// What each was tried with.
        tried: String,
    },
    /// A peer said no.
    #[error("{peer} refused: {refusal}")]
    Refused {
        /// Where it is.
        peer: SocketAddr,
        /// Why.
        refusal: Refusal,
    },
    /// A peer answered another question.
    #[error("a peer answered what was not asked\nhint: update the older node")]
    Confused,
}

/// Why a peer did not answer.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum CallError {
    /// Nobody has said where the peer is.
    #[error("calling {peer}: no address of it is known (hint: list it among the node's peers)")]
    Unknown {
        /// Whom we called.
        peer: NodeName,
    },
    /// The message is larger than what a peer accepts; nothing was sent.
    #[error("calling {peer}: {what} of {size}, over the limit of {limit}")]
    TooLarge {
        /// Whom we called.
        peer: NodeName,
        /// Which part, and its unit.
        what: &'static str,
        /// How large it is.
        size: u64,
        /// How large it may be.
        limit: u64,
    },
    /// There is no connection to the peer; nothing was sent.
    #[error("connecting to {peer} at {address}: {cause}; tried again no sooner than in {retry_in:?}")]
    Unreachable {
        /// Whom we called.
        peer: NodeName,
        /// Where.
        address: SocketAddr,
        /// What the last attempt ended with.
        cause: String,
        /// Until then calls fail at once.
        retry_in: Duration,
    },
    /// The time was over.
    #[error("calling {peer}: the deadline passed while {doing}")]
    Deadline {
        /// Whom we called.
        peer: NodeName,
        /// What we were doing.
        doing: &'static str,
        /// Whether the peer may have had the request.
        sent: bool,
        /// Whether nothing at all was heard of the peer meanwhile, for long enough.
        silent: bool,
    },
    /// The connection broke while the request was under way.
    #[error("calling {peer}: the connection was lost while {doing}: {cause}")]
    Lost {
        /// Whom we called.
        peer: NodeName,
        /// What we were doing.
        doing: &'static str,
        /// What ended it.
        cause: String,
        /// Whether the peer may have had the request.
        sent: bool,
    },
    /// The peer gave the call up: its handler failed, or it does not take such frames.
    #[error("calling {peer}: it gave up while {doing}: {cause}")]
    GaveUp {
        /// Whom we called.
        peer: NodeName,
        /// What we were doing.
        doing: &'static str,
        /// What it said.
        cause: String,
    },
}

impl CallError {
    /// Whether the peer may have carried the request out: then only its id tells (R2).
    #[must_use]
    pub fn may_have_run(&self) -> bool {
        match self {
            Self::Unknown { .. } | Self::TooLarge { .. } | Self::Unreachable { .. } => false,
            Self::Deadline { sent, .. } | Self::Lost { sent, .. } => *sent,
            Self::GaveUp { .. } => true,
        }
    }

    /// Whether the peer seems to be down, or the way to it: nothing was heard of it.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        match self {
            Self::Unknown { .. } | Self::Unreachable { .. } | Self::Lost { .. } => true,
            Self::Deadline { silent, .. } => *silent,
            Self::TooLarge { .. } | Self::GaveUp { .. } => false,
        }
    }
}
