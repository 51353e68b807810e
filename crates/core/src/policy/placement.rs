//! The policies that an application may ask for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{
    Load, LoadNet, ModelAware, PlacementPolicy, local_first, lowest, power_of_two_choices, round_robin,
    weighted_random,
};

/// How a dispatcher chooses among the nodes that can run a function.
///
/// A policy says two things: which transfers count in a node's score ([`Self::costs`]), and which node is taken,
/// given all scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// The lowest time to wait and to execute, as if the network were free.
    Load,
    /// The same and the transfers, as if states travelled with the arguments.
    #[default]
    LoadNet,
    /// The same and the transfers of the execution model in force: states count by where they are.
    ModelAware,
    /// The lowest answer time, as measured; predicted where nothing was measured lately.
    LeastImpedance,
    /// The better of two that are drawn.
    PowerOfTwoChoices,
    /// One after the other.
    RoundRobin,
    /// This node, until its queue is long; then as load-net.
    LocalFirst,
    /// Drawn, the more likely the lower the score.
    WeightedRandom,
}

/// What a policy may go by besides the scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Situation {
    /// The candidate that decides, if it is one.
    pub here: Option<usize>,
    /// Whether the queue of that candidate is long ([`local_first::is_long`]).
    pub long: bool,
    /// 64 random bits.
    pub draw: u64,
    /// One more than that of the invocation of the function before.
    pub turn: u64,
}

impl Placement {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Load,
        Self::LoadNet,
        Self::ModelAware,
        Self::LeastImpedance,
        Self::PowerOfTwoChoices,
        Self::RoundRobin,
        Self::LocalFirst,
        Self::WeightedRandom,
    ];

    /// The name in files, on the command line and in figures.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::LoadNet => "load-net",
            Self::ModelAware => "model-aware",
            Self::LeastImpedance => "least-impedance",
            Self::PowerOfTwoChoices => "power-of-two-choices",
            Self::RoundRobin => "round-robin",
            Self::LocalFirst => "local-first",
            Self::WeightedRandom => "weighted-random",
        }
    }

    /// The transfers that count in a node's score.
    #[must_use]
    pub fn costs(self) -> &'static dyn PlacementPolicy {
        const LOAD_NET: LoadNet = LoadNet {
            states: super::CountedStates::Declared,
        };
        match self {
            Self::Load => &Load,
            Self::LoadNet | Self::LocalFirst => &LOAD_NET,
            Self::ModelAware
            | Self::LeastImpedance
            | Self::PowerOfTwoChoices
            | Self::RoundRobin
            | Self::WeightedRandom => &ModelAware,
        }
    }

    /// The candidate that is taken, given the scores of all, infinite for those that are out; `None` if all are. The
    /// scores of least-impedance are what [`super::least_impedance::impedance`] makes of them.
    #[must_use]
    pub fn choose(self, scores: &[f64], situation: Situation) -> Option<usize> {
        match self {
            Self::Load | Self::LoadNet | Self::ModelAware | Self::LeastImpedance => lowest(scores),
            Self::PowerOfTwoChoices => power_of_two_choices::choose(scores, situation.draw),
            Self::RoundRobin => round_robin::choose(scores, situation.turn),
            Self::LocalFirst => local_first::choose(scores, situation.here, situation.long),
            Self::WeightedRandom => weighted_random::choose(scores, situation.draw),
        }
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Placement {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|placement| placement.name() == name);
        known.ok_or_else(|| {
            let all = Self::ALL.map(Self::name).join(", ");
            format!("unknown placement policy \"{name}\", expected one of {all}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Placement;

    #[test]
    fn names_are_those_of_files() {
        for placement in Placement::ALL {
            assert_eq!(placement.name().parse(), Ok(placement));
            let written = serde_json::to_string(&placement).unwrap();
            assert_eq!(written, format!("\"{placement}\""));
        }
        assert!("least-loaded".parse::<Placement>().is_err());
    }
}
