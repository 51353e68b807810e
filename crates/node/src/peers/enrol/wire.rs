//! What is asked for and answered: one request on one stream, each side one message that ends with the stream.

use fogline_state::seal::NetworkSecret;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::peers::trust::{Application, Signed};

/// Bytes of a request or an answer: the largest is a certificate, of less than 1 kB.
pub(super) const MAX_MESSAGE: usize = 16 << 10;

/// A request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// A machine wants to become a node.
    Enrol {
        /// Its name, its key and its right.
        application: Application,
        /// Whether a peer has passed it on; then it is not passed on again.
        forwarded: bool,
    },
    /// A node wants a new certificate for the name and key of this one, which is no use to anybody else: whoever
    /// may pass it on.
    Renew {
        /// The certificate, in DER.
        certificate: Vec<u8>,
        /// Whether a peer has passed it on; then it is not passed on again.
        forwarded: bool,
    },
    /// The authority says that a node is out.
    Revoke(Signed),
    /// A node wants to know what all nodes of the network have in common. A peer that does not know this request yet
    /// finds it malformed.
    Secret {
        /// Whether a peer has passed it on; then it is not passed on again.
        forwarded: bool,
    },
}

/// An answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// The certificate, in DER.
    Issued(Vec<u8>),
    /// The revocation is known here.
    Done,
    /// No.
    Refused(Refusal),
    /// What all nodes of the network have in common.
    Secret(NetworkSecret),
}

/// Why a peer does not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It has not the authority's key, and reaches nobody who has.
    #[error("no node with the authority's key can be reached\nhint: start one, or ask another peer")]
    NoIssuer,
    /// Too much is asked at once.
    #[error("too many requests at once\nhint: try again in a few seconds")]
    Busy,
    /// It is not the authority's.
    #[error("it is not signed by this network's authority\nhint: make it with this network's authority")]
    Foreign,
    /// The token is over.
    #[error("the token is over\nhint: make a new one with `fogline authority token`")]
    Over,
    /// The token is for another node.
    #[error(
        "the token is for another node\nhint: make one for this node with `fogline authority token --node`"
    )]
    OtherNode,
    /// The token is for any node, and there is one of this name with another key.
    #[error(
        "there is a node of this name already, with another key\nhint: choose another name, or make a token for \
         this one with `fogline authority token --node`"
    )]
    Taken,
    /// The node was revoked.
    #[error(
        "the node was revoked\nhint: to have it back, make a new token with `fogline authority token --node`"
    )]
    Revoked,
    /// The certificate that is to be renewed is another network's, revoked or over.
    #[error("the certificate cannot be renewed\nhint: enrol the node anew, with a new token")]
    Unfit,
    /// The request makes no sense.
    #[error("the request is malformed\nhint: update the older node")]
    Malformed,
    /// The issuing node has a fault, and has logged it.
    #[error("the node with the authority's key failed\nhint: look at its log")]
    Failed,
}
