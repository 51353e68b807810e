//! Prolonging a part of a session that an invocation reads beside the one that it works on (R20).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use fogline_core::session::{Head, Home};
use fogline_protocol::peer::Target;

use super::place::Place;
use super::{Job, ask};
use crate::admit;
use crate::fault::Fault;
use crate::node::Node;

/// Prolongs a part that was just read. If it does not come to that, the next reader does it.
pub(super) async fn prolong(
    node: &Arc<Node>,
    job: &Job,
    mut place: Place,
    home: &Home,
    head: &Head,
    ttl: Duration,
) {
    let now = job.call.now;
    let prolonged = match (&mut place, home) {
        (Place::Owner(_, key, ..), _) => {
            let key = key.clone();
            async {
                // Whoever brings a session into its owner's memory has its turn.
                let _turn = node.turns.take(&key).await?;
                if let Some(found) = place.load(&BTreeSet::new()).await? {
                    place.prolong(&found.head, now, ttl).await;
                }
                Ok(())
            }
            .await
        }
        // Its record is written by its owner only, who does it when the session is read there.
        (_, Home::InFunction(owner)) => match head.states.keys().next() {
            Some(state) => ask(node, owner, &reading(job, Target::Get(state.clone()), home))
                .await
                .map(drop)
                .map_err(Fault::from),
            None => Ok(()),
        },
        _ => {
            place.prolong(head, now, ttl).await;
            Ok(())
        }
    };
    if let Err::<(), Fault>(fault) = prolonged {
        tracing::debug!(problem = %fault.problem(), "a part that is read is not prolonged");
    }
}

/// Another invocation, within the time of this one.
fn reading(job: &Job, target: Target, home: &Home) -> Job {
    let mut call = job.call.clone();
    call.target = target;
    call.seen = None;
    call.home = Some(home.clone());
    call.envelopes = Vec::new();
    admit::renew(&mut call);
    Job::bare(call)
}
