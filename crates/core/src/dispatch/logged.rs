//! A decision as a log keeps it, so that it can be made again.

use serde::{Deserialize, Serialize};

use super::record::{DecisionRecord, replay};
use crate::model::{NodeName, Seconds, Timestamp};

/// A decision as a log keeps it: one line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoggedDecision {
    /// When the invocation was admitted.
    pub at_unix_ms: Timestamp,
    /// The node that decided.
    pub by: NodeName,
    /// The node that it chose, and what the policy went by; none if no node could execute the function.
    pub choice: Option<Choice>,
    /// What it rested on.
    pub record: DecisionRecord,
}

/// A node, and what the policy went by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Which.
    pub node: NodeName,
    /// Its score.
    pub score_seconds: Seconds,
}

impl LoggedDecision {
    /// The choice that this version makes of the same record.
    #[must_use]
    pub fn again(&self) -> Option<Choice> {
        let decision = replay(&self.record);
        let chosen = decision.chosen?;
        let candidate = decision.candidates.into_iter().find(|it| it.node == chosen)?;
        Some(Choice {
            node: chosen,
            score_seconds: candidate.score?,
        })
    }
}
