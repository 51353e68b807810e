//! Executing runs that were accepted (R21), and writing down what comes of them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::inbox::Place;
use super::record::{Record, stored};
use super::{fail, finish};
use crate::fault::Fault;
use crate::node::Node;
use crate::trace;

/// Before the end of a run is tried to be written down again; then twice as long, and so on.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

pub(super) fn execute_later(node: &Arc<Node>, record: Record, place: Place) {
    let (node, tasks) = (Arc::clone(node), node.tasks.clone());
    let stopping = node.stopping.clone();
    tasks.spawn(async move {
        tokio::select! {
            () = execute_for_inbox(&node, &record, &place) => {}
            // It stays accepted, and goes on when the node does.
            () = stopping.cancelled() => {}
        }
    });
}

/// Whoever has the turn of a run writes down what comes of it.
async fn execute_for_inbox(node: &Arc<Node>, record: &Record, place: &Place) {
    let left = record.deadline.since(node.clock.now());
    let asked = record.asked(left);
    let in_turn = async {
        place.turn().await;
        // Somebody may wait for it by now, and have it executed.
        let _turn = node.runs.turns.take(&record.id).await?;
        let stored = stored(&node.store, record.id)?;
        // Its client sent it again while the node began to go on with it: then it is queued twice.
        if stored.as_ref().is_some_and(Record::has_ended) {
            return Ok(());
        }
        match finish(node, &asked, stored.unwrap_or_else(|| record.clone())).await {
            Ok(_) => Ok(()),
            // Once it can be written down, why it failed is, with what it has changed.
            Err(fault) => fail(node, record, &fault).await.map_err(|error| {
                tracing::debug!(problem = %error.problem(), run = %record.id, "the end of a run was not recorded yet");
                fault
            }),
        }
    };
    let in_turn = trace::within(record.trace.clone(), in_turn);
    let recorded = match tokio::time::timeout(left, in_turn).await {
        Ok(recorded) => recorded,
        Err(_) => match node.runs.turns.take(&record.id).now_or_never() {
            Some(Ok(_turn)) => fail(node, record, &Fault::deadline()).await,
            _ => Ok(()),
        },
    };
    if let Err(fault) = recorded {
        fail_at_last(node, record, &fault).await;
    }
}

/// Tries to write down that a run has failed until that is done: a client that has lent it its states waits for its end.
async fn fail_at_last(node: &Node, record: &Record, fault: &Fault) {
    let mut pause = FIRST_PAUSE;
    let mut last = fault.clone();
    loop {
        tracing::error!(problem = %last.problem(), run = %record.id, "the end of a run was not recorded");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        let failed = async {
            let _turn = node.runs.turns.take(&record.id).await?;
            fail(node, record, fault).await
        };
        match failed.await {
            Ok(()) => return,
            Err(again) => last = again,
        }
    }
}
