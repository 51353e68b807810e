//! The invocations that a run is made of.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fogline_core::model::{ClientId, NodeName, StateName, StepName, Timestamp};
use fogline_core::session::{Origin, Refusal, Seen};
use fogline_core::workflow::{ReadyStep, Run};
use fogline_protocol::peer::{Invoked, Shown, Target};
use fogline_protocol::problem::Kind;
use fogline_protocol::trace::TraceContext;

use super::Ran;
use crate::admit::{self, Scope};
use crate::fault::Fault;
use crate::invoke::parts::Parts;
use crate::invoke::{Answer, Job, Task, dispatch, dispatch_at};
use crate::node::Node;
use crate::trace;

/// First and longest pause before a step that found no room is tried again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(2));

/// What the invocations of a run have in common.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) scope: Scope,
    pub(super) seen: Option<Seen>,
    pub(super) holder: Option<ClientId>,
    pub(super) deadline: Timestamp,
    /// When the run was first admitted, and how long whoever asked for it waits from then on: the same in every attempt (R18).
    pub(super) as_of: Timestamp,
    pub(super) timeout: Duration,
    /// Of which trace it is.
    pub(super) trace: Option<TraceContext>,
}

/// The invocation that a step is, with those of these envelopes that it declares.
pub(super) fn job<'a>(
    node: &Node,
    common: &Common,
    run: &Run,
    step: &ReadyStep,
    envelopes: impl Iterator<Item = (&'a StateName, &'a Bytes)>,
) -> Result<Job, Fault> {
    let Common { scope, deadline, .. } = common;
    let target = Target::Function(step.function.clone());
    let id = (admit::id_of_key(scope, &run.key(&step.name)), Origin::Opaque);
    let mut call = admit::named(node, scope, target, &step.input, common.timeout, id);
    (call.holder, call.as_of, call.deadline, call.step) = (common.holder, common.as_of, *deadline, true);
    call.trace.clone_from(&common.trace);
    let app = node.apps.get(&scope.tenant, &scope.app)?;
    let (reads, writes) = Task::of(&app, &call.target)?.states();
    // What the client has seen is of the primary part.
    let session = scope.session.as_ref().ok_or(Refusal::NoSession)?;
    let main = Parts::of(&app.spec, &reads, &writes, session)?.main;
    call.seen = common
        .seen
        .filter(|_| main.is_some_and(|(part, _)| part == session.primary()));
    let declared = |state: &StateName| reads.contains(state) || writes.contains(state);
    let envelopes = envelopes.filter(|(state, _)| declared(state));
    let envelopes: BTreeMap<StateName, Bytes> = envelopes
        .map(|(state, sealed)| (state.clone(), sealed.clone()))
        .collect();
    Ok(Job {
        call,
        input: step.input.clone(),
        envelopes,
    })
}

/// One step, again and again while there is no room for it, under the same id; at first at a node, if one is given, and
/// wherever the session's states are. `all` are the envelopes that the run has.
pub(super) async fn execute(
    node: &Arc<Node>,
    mut job: Job,
    all: BTreeMap<StateName, Bytes>,
    step: &StepName,
    at: Option<&NodeName>,
) -> Result<Ran, Fault> {
    let mut span = node.tracer.of(&mut job.call, trace::Kind::Internal, "step");
    span.about(step);
    let with_all = (job.envelopes.len() < all.len()).then(|| Job {
        envelopes: all,
        ..job.clone()
    });
    let ran = match (persist(node, job, at).await, with_all) {
        // What it declares was not used for long; by the others its session may have been. Or none of it was ever there.
        (Err(fault), Some(with_all))
            if matches!(fault.problem().kind, Kind::Gone | Kind::EnvelopeMissing) =>
        {
            persist(node, with_all, at).await
        }
        (ran, _) => ran,
    };
    span.gave(&ran);
    ran
}

async fn persist(node: &Arc<Node>, job: Job, at: Option<&NodeName>) -> Result<Ran, Fault> {
    let mut pause = PAUSE.0;
    let mut answer = match at {
        Some(at) => dispatch_at(node, job.clone(), at).await,
        None => dispatch(node, job.clone()).await,
    };
    loop {
        match answer {
            Ok(Answer::Invoked(invoked, output, envelopes)) => {
                let shown = shown(node, &job, &invoked);
                return Ok(Ran {
                    output,
                    envelopes,
                    shown,
                    replayed: invoked.replayed,
                });
            }
            Ok(_) => return Err(Fault::internal("a dispatched invocation has no answer")),
            // Why it did not end says more than that the time is over.
            Err(fault)
                if fault.problem().kind.retriable() && node.clock.now().after(pause) < job.call.deadline =>
            {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE.1);
            }
            Err(fault) => return Err(fault),
        }
        answer = dispatch(node, job.clone()).await;
    }
}

/// What an invocation has shown of its session's primary part, if it worked on that.
fn shown(node: &Node, job: &Job, invoked: &Invoked) -> Option<Shown> {
    let app = node.apps.get(&job.call.tenant, &job.call.app).ok()?;
    let (part, _) = Parts::main_of(&app, job).ok()??;
    let is_primary = job.call.session.as_ref()?.primary() == part;
    let (seen, model) = (invoked.seen?, invoked.model?);
    is_primary.then_some(Shown { seen, model })
}
