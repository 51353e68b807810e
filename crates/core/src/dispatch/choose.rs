//! The choice of a node, term by term over all candidates at once: what every invocation waits for.
//!
//! [`super::replay`] makes the same choice candidate by candidate, from what can be written down; both do the same
//! operations in the same order, so they agree to the last bit (property-tested).

use super::request::Request;
use super::view::View;
use crate::cost::{Cloud, Leg, Peer, Purpose};
use crate::model::{NodeName, Seconds};
use crate::policy::{Placement, Situation, least_impedance};

/// The node that was chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chosen<'a> {
    /// Which.
    pub node: &'a NodeName,
    /// What the policy went by.
    pub score: Seconds,
}

/// Room to work in, by candidate, so that a choice allocates nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Room {
    pub(super) legs: Vec<Leg>,
    scores: Vec<f64>,
    arguments: Vec<f64>,
    results: Vec<f64>,
    states: Vec<f64>,
}

/// The node for an invocation under a policy; `None` if no node can run it.
#[must_use]
pub fn choose<'a>(view: &'a mut View, placement: Placement, request: &Request<'_>) -> Option<Chosen<'a>> {
    let mut room = std::mem::take(&mut view.room);
    let taken = score(view, placement, request, &mut room).and_then(|()| {
        let situation = Situation {
            here: view.local,
            long: view.local.is_some_and(|at| view.nodes[at].is_long()),
            draw: request.draw,
            turn: request.turn,
        };
        placement.choose(&room.scores, situation)
    });
    let chosen = taken.map(|at| (at, room.scores[at]));
    view.room = room;
    let (at, score) = chosen?;
    Some(Chosen {
        node: &view.map.machines()[at].name,
        score: Seconds(score),
    })
}

fn score(view: &mut View, placement: Placement, request: &Request<'_>, room: &mut Room) -> Option<()> {
    legs(view, placement, request, &mut room.legs)?;
    let count = view.nodes.len();
    for times in [&mut room.arguments, &mut room.results, &mut room.states] {
        times.clear();
        times.resize(count, 0.0);
    }
    for leg in &room.legs {
        let (there, back) = match leg.purpose {
            Purpose::Arguments => (&mut room.arguments, Some(&mut room.results)),
            Purpose::States => (&mut room.states, None),
        };
        match leg.peer {
            Peer::At(peer) => {
                view.prepare_row(peer);
                let row = &view.rows[&peer];
                row.add_to(leg.to_worker, there);
                row.add_from(leg.from_worker, back.unwrap_or(there));
            }
            Peer::Apart {
                to_worker,
                from_worker,
            } => {
                let time = to_worker.time(leg.to_worker.messages, leg.to_worker.bytes).0;
                there.iter_mut().for_each(|sum| *sum += time);
                let time = from_worker
                    .time(leg.from_worker.messages, leg.from_worker.bytes)
                    .0;
                back.unwrap_or(there).iter_mut().for_each(|sum| *sum += time);
            }
        }
    }
    let service = &view.services[request.key];
    let need = request.function.limits.memory.0.max(1);
    room.scores.clear();
    room.scores.extend((0..count).map(|at| {
        let seconds = service.seconds[at];
        let network = (room.arguments[at], room.results[at], room.states[at]);
        let score = view.backlogs[at] * seconds + seconds + network.0 + network.1 + network.2;
        let able = service.capable[at] & (view.free[at] >= need);
        if able { score } else { f64::INFINITY }
    }));
    if placement == Placement::LeastImpedance {
        for (score, answer) in room.scores.iter_mut().zip(&service.answers) {
            if let (Some(mean), Some(at), true) = (answer.mean(), answer.last(), score.is_finite()) {
                let age = request.now.saturating_sub(at).as_secs_f64();
                *score = least_impedance::impedance(*score, mean, age);
            }
        }
    }
    Some(())
}

/// The legs that a policy counts for a request, into `out`.
pub(super) fn legs(
    view: &mut View,
    placement: Placement,
    request: &Request<'_>,
    out: &mut Vec<Leg>,
) -> Option<()> {
    view.prepare(request)?;
    let repository = view.map.repository(request.home, request.client);
    let cloud: Option<Cloud> = view.map.cloud();
    out.clear();
    let service = view.services.get_mut(request.key)?;
    service.legs(placement, request, repository, cloud, out);
    Some(())
}
