//! What goes wrong with membership.

use thiserror::Error;

/// Why a node does not take part in gossip, or no longer.
#[derive(Debug, Error)]
pub enum MembershipError {
    /// An option cannot be used: whoever wrote it must act.
    #[error("{option} of the membership cannot be {value}: {hint}")]
    Option {
        /// Which.
        option: &'static str,
        /// What it was.
        value: String,
        /// What it must be.
        hint: &'static str,
    },
    /// Gossip could not begin.
    #[error("starting gossip of node {node}")]
    Start {
        /// The node.
        node: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Gossip has ended, and the view of the members no longer changes: the node should stop, or begin anew
    /// with a higher incarnation.
    #[error("gossip of node {node} has ended: {reason}")]
    Ended {
        /// The node.
        node: String,
        /// Why.
        reason: String,
    },
}
