//! Why an invocation would run where it would: everything but its execution.

use std::sync::Arc;

use fogline_core::dispatch::Decision;
use fogline_core::model::{self, Birth, ExecutionModel};
use fogline_core::session::{Home, Refusal};
use fogline_protocol::api::{Candidate, Explanation, StateSize};

use super::dispatcher::{Sizes, Wanted};
use super::parts::{Parts, check_stateless};
use super::{Job, Task, missing, sizes_of};
use crate::fault::Fault;
use crate::node::Node;
use crate::sessions;

/// The choice of a node for a job, as this node would make it now, with all that it rests on.
pub(crate) async fn explain(node: &Arc<Node>, job: &Job) -> Result<Explanation, Fault> {
    let app = node.apps.get(&job.call.tenant, &job.call.app)?;
    let (reads, writes) = Task::of(&app, &job.call.target)?.states();
    let mut found = None;
    match &job.call.session {
        None => check_stateless(&job.call.target, &reads, &writes)?,
        Some(session) => {
            let main = Parts::of(&app.spec, &reads, &writes, session)?.main;
            if let Some((part, states)) = main {
                let held = states.iter().any(|state| job.envelopes.contains_key(state));
                let (home, sizes) = look(node, job, part, held).await?;
                node.dispatcher.measured(session, part, sizes.clone());
                found = Some((part, home, states, sizes));
            }
        }
    }
    let (part, home) = match &found {
        Some((part, home, ..)) => (Some(*part), Some(home)),
        None => (None, None),
    };
    let wanted = Wanted {
        job,
        app: &app.spec,
        part,
        home,
        behind: &[],
    };
    let (because, decision) = node.dispatcher.explain(&node.name, &wanted)?;
    let sizes = found.iter().flat_map(|(_, _, states, sizes)| {
        let declared = sizes.iter().filter(|(state, _)| states.contains(*state));
        declared.map(|(state, bytes)| StateSize {
            name: state.clone(),
            bytes: bytes.0,
        })
    });
    Ok(Explanation {
        node: node.name.clone(),
        policy: app.spec.placement,
        model: home.map(Home::model),
        home: home.and_then(Home::node).cloned(),
        input_bytes: job.input.len() as u64,
        states: sizes.collect(),
        because,
        chosen: decision.chosen.clone(),
        candidates: candidates(decision),
    })
}

/// Where a part is, and how large its states are.
async fn look(node: &Arc<Node>, job: &Job, part: Birth, held: bool) -> Result<(Home, Sizes), Fault> {
    if held {
        let states = sessions::held(node, job).await?.states;
        let sizes = states
            .into_iter()
            .map(|state| (state.name, model::Bytes(state.bytes)));
        return Ok((Home::InClient(None), sizes.collect()));
    }
    let session = job.call.session.as_ref().ok_or(Refusal::NoSession)?;
    let (home, head) = sessions::find(node, &job.call.tenant, &job.call.app, session, part).await?;
    match head {
        Some(head) if home.model() != ExecutionModel::InClient => {
            Ok((home, sizes_of(&head).into_iter().collect()))
        }
        _ => Err(missing()),
    }
}

fn candidates(decision: Decision) -> Vec<Candidate> {
    let candidate = |it: fogline_core::dispatch::Candidate| Candidate {
        node: it.node,
        score_seconds: it.score,
        queue_seconds: it.terms.queue,
        processing_seconds: it.terms.processing,
        arguments_seconds: it.terms.arguments,
        results_seconds: it.terms.results,
        states_seconds: it.terms.states,
        heard_seconds_ago: it.age,
        excluded: it.excluded.map(|why| why.to_string()),
    };
    decision.candidates.into_iter().map(candidate).collect()
}
