//! A decision, written down so that it can be explained, and made again.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::choose::legs;
use super::request::Request;
use super::service::missing;
use super::standing::Standing;
use super::view::{View, backlog};
use crate::cost::{Flow, Peer, Purpose};
use crate::model::{Bytes, NodeName, Seconds};
use crate::network::Path;
use crate::policy::{Placement, Situation, least_impedance, local_first};
use crate::telemetry::FunctionKey;

/// All that a decision rested on: [`replay`] makes it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// The policy.
    pub placement: Placement,
    /// The function.
    pub function: FunctionKey,
    /// The random bits.
    pub draw: u64,
    /// The turn.
    pub turn: u64,
    /// The transfers that count: what for, to the node, from the node.
    pub legs: Vec<(Purpose, Flow, Flow)>,
    /// All nodes that run functions, by name.
    pub candidates: Vec<CandidateRecord>,
}

/// What was known of a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CandidateRecord {
    /// Which.
    pub node: NodeName,
    /// Whether it is the one that decides.
    pub here: bool,
    /// Executions there, at work or waiting.
    pub pending: u32,
    /// Executions at once there.
    pub slots: u32,
    /// How long one execution takes there.
    pub service: Seconds,
    /// By leg: the way to the node, and back.
    pub ways: Vec<(Way, Way)>,
    /// The time to an answer as it was measured, and how long ago.
    pub answer: Option<(Seconds, Seconds)>,
    /// How long ago the node last said something of itself, if ever.
    pub age: Option<Seconds>,
    /// Why it is no candidate.
    pub excluded: Option<Excluded>,
}

/// One direction of a path.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Way {
    /// Time of an empty message.
    pub latency: Seconds,
    /// Seconds for each byte.
    pub seconds_per_byte: f64,
}

/// Why a node is no candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Excluded {
    /// It does not answer.
    Away,
    /// It is being emptied.
    Draining,
    /// The function requires what it does not have.
    Lacks(String),
    /// A worker would not fit.
    Memory {
        /// What the function may take.
        needed: Bytes,
        /// What the node has left.
        free: Bytes,
    },
}

impl fmt::Display for Excluded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away => f.write_str("does not answer"),
            Self::Draining => f.write_str("is being emptied"),
            Self::Lacks(label) => write!(f, "lacks {label}"),
            Self::Memory { needed, free } => write!(f, "has {free} of memory left, of {needed}"),
        }
    }
}

/// What running an invocation on a node is reckoned to take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// Waiting for a slot.
    pub queue: Seconds,
    /// Executing.
    pub processing: Seconds,
    /// Bringing the arguments.
    pub arguments: Seconds,
    /// Bringing the results back.
    pub results: Seconds,
    /// Reading and writing states, wherever they are.
    pub states: Seconds,
}

impl Terms {
    /// All together.
    #[must_use]
    pub fn total(&self) -> Seconds {
        self.queue + self.processing + self.arguments + self.results + self.states
    }
}

/// A decision, and what it rested on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The policy.
    pub placement: Placement,
    /// The node; `None` if none can run the function.
    pub chosen: Option<NodeName>,
    /// All nodes that run functions, by name.
    pub candidates: Vec<Candidate>,
}

/// A node, as a policy saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Which.
    pub node: NodeName,
    /// What counted, also of one that is out.
    pub terms: Terms,
    /// What the policy went by: the terms together, or what was measured in their place. None of one that is out.
    pub score: Option<Seconds>,
    /// How old what the node said of itself was; none if it never said anything.
    pub age: Option<Seconds>,
    /// Why it is out.
    pub excluded: Option<Excluded>,
}

/// What [`super::choose()`] would choose, with every candidate and all terms of its score.
///
/// `None` for a function that no workflow can hold, which the manifest does not let through.
#[must_use]
pub fn place(view: &mut View, placement: Placement, request: &Request<'_>) -> Option<Decision> {
    record(view, placement, request).map(|record| replay(&record))
}

/// What a decision rests on.
///
/// `None` as in [`place`].
#[must_use]
pub fn record(view: &mut View, placement: Placement, request: &Request<'_>) -> Option<DecisionRecord> {
    let mut counted = Vec::new();
    legs(view, placement, request, &mut counted)?;
    let mut ways: Vec<Vec<(Way, Way)>> = vec![Vec::new(); view.nodes.len()];
    for leg in &counted {
        if let Peer::At(peer) = leg.peer {
            view.prepare_row(peer);
        }
        for (at, ways) in ways.iter_mut().enumerate() {
            let (to, from) = leg.peer.paths(|peer| view.rows[&peer].get(at));
            ways.push((to.into(), from.into()));
        }
    }
    let candidates = ways.into_iter().enumerate();
    let candidates = candidates
        .map(|(at, ways)| candidate(view, request, at, ways))
        .collect();
    Some(DecisionRecord {
        placement,
        function: request.key.clone(),
        draw: request.draw,
        turn: request.turn,
        legs: counted
            .iter()
            .map(|leg| (leg.purpose, leg.to_worker, leg.from_worker))
            .collect(),
        candidates,
    })
}

fn candidate(view: &View, request: &Request<'_>, at: usize, ways: Vec<(Way, Way)>) -> CandidateRecord {
    let (machine, seen, service) = (
        &view.map.machines()[at],
        &view.nodes[at],
        &view.services[request.key],
    );
    let answer = &service.answers[at];
    let ago = |at| Seconds(request.now.saturating_sub(at).as_secs_f64());
    let needed = request.function.limits.memory;
    let lacks = missing(machine, request.function).map(|label| Excluded::Lacks(label.to_owned()));
    let excluded = match (seen.standing, lacks, seen.free_memory) {
        (Standing::Away, ..) => Some(Excluded::Away),
        (Standing::Draining, ..) => Some(Excluded::Draining),
        (Standing::Up, Some(lacks), _) => Some(lacks),
        (Standing::Up, None, Some(free)) if free < needed.max(Bytes(1)) => {
            Some(Excluded::Memory { needed, free })
        }
        (Standing::Up, None, _) => None,
    };
    CandidateRecord {
        node: machine.name.clone(),
        here: view.local == Some(at),
        pending: seen.pending(),
        slots: seen.slots,
        service: Seconds(service.seconds[at]),
        ways,
        answer: answer.mean().map(Seconds).zip(answer.last().map(ago)),
        age: seen.heard.map(ago),
        excluded,
    }
}

/// Makes a decision again. The same record gives the same decision, to the last bit.
#[must_use]
pub fn replay(record: &DecisionRecord) -> Decision {
    let candidates: Vec<Candidate> = record.candidates.iter().map(|it| weigh(record, it)).collect();
    let score = |it: &Candidate| it.score.map_or(f64::INFINITY, |score| score.0);
    let scores: Vec<f64> = candidates.iter().map(score).collect();
    let here = record.candidates.iter().position(|it| it.here);
    let long = here.is_some_and(|at| {
        let it = &record.candidates[at];
        local_first::is_long(it.pending.saturating_sub(it.slots), it.slots)
    });
    let situation = Situation {
        here,
        long,
        draw: record.draw,
        turn: record.turn,
    };
    let chosen = record.placement.choose(&scores, situation);
    Decision {
        placement: record.placement,
        chosen: chosen.map(|at| candidates[at].node.clone()),
        candidates,
    }
}

fn weigh(record: &DecisionRecord, of: &CandidateRecord) -> Candidate {
    let mut terms = Terms {
        queue: of.service * backlog(of.pending, of.slots),
        processing: of.service,
        ..Terms::default()
    };
    for ((purpose, to_node, from_node), (to, from)) in record.legs.iter().zip(&of.ways) {
        let (there, back) = (to.time(*to_node), from.time(*from_node));
        match purpose {
            Purpose::Arguments => {
                terms.arguments += there;
                terms.results += back;
            }
            Purpose::States => {
                terms.states += there;
                terms.states += back;
            }
        }
    }
    let total = terms.total();
    let score = match of.answer {
        Some((answer, age)) if record.placement == Placement::LeastImpedance => {
            Seconds(least_impedance::impedance(total.0, answer.0, age.0))
        }
        _ => total,
    };
    Candidate {
        node: of.node.clone(),
        terms,
        score: of.excluded.is_none().then_some(score),
        age: of.age,
        excluded: of.excluded.clone(),
    }
}

impl Way {
    fn time(self, flow: Flow) -> Seconds {
        self.latency * f64::from(flow.messages) + Seconds(self.seconds_per_byte * flow.bytes.as_f64())
    }
}

impl From<Path> for Way {
    fn from(path: Path) -> Self {
        Self {
            latency: path.latency,
            seconds_per_byte: path.seconds_per_byte,
        }
    }
}
