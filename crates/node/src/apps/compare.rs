//! Comparing catalogues with other nodes, so that each hears of every change, wherever it was when that was made.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fogline_core::catalogue::Summary;
use fogline_core::model::NodeName;
use fogline_protocol::peer::{self, Entries, Request, Response};
use fogline_protocol::problem::Kind;

use super::rollout;
use crate::fault::Fault;
use crate::invoke;
use crate::node::Node;
use crate::random;

/// How often a node compares its catalogue with that of another. A change of which nobody was told reaches 100 nodes
/// in half a minute or so: whoever has heard of it doubles their number with each round.
const EVERY: Duration = Duration::from_secs(5);
/// How often it looks for others that it has not met yet.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Compares this node's catalogue with each other node's when that is met first, and with one of chance every few
/// seconds; ends when the task that runs it does.
pub(crate) async fn keep(node: &Arc<Node>) {
    let mut met = BTreeSet::new();
    let mut last = Instant::now();
    loop {
        let others = node.others();
        met.retain(|other| others.contains(other));
        let mut asked: Vec<&NodeName> = others.iter().filter(|other| !met.contains(*other)).collect();
        if last.elapsed() >= EVERY {
            last = Instant::now();
            let chance = u64::from_le_bytes(random::bytes());
            asked.extend(others.get(chance as usize % others.len().max(1)));
        }
        let comparing = asked
            .into_iter()
            .map(async |other| (other, with(node, other).await));
        for (other, outcome) in futures_util::future::join_all(comparing).await {
            match outcome {
                Ok(()) => drop(met.insert(other.clone())),
                Err(fault) => tracing::debug!(%other, problem = %fault.problem(), "catalogues not compared"),
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Takes in what another node knows better, and tells it what this one does.
async fn with(node: &Arc<Node>, other: &NodeName) -> Result<(), Fault> {
    let catalogue = &node.apps.catalogue;
    let request = Request::Compare(catalogue.summary());
    let answer = invoke::exchange(node, other, &request, Vec::new(), Instant::now() + PATIENCE).await;
    let (theirs, body) = match answer.map_err(Fault::from)? {
        (Response::Compared(theirs), body) => (theirs, body),
        (answer, _) => {
            return Err(Fault::internal(format!(
                "{other} answers a comparison with {answer:?}"
            )));
        }
    };
    let told = entries(body.first())?;
    let mut news = catalogue.differing(&theirs);
    news.retain(|(key, mine)| {
        let known = told.iter().find(|(of, _)| of == key);
        known.is_none_or(|(_, entry)| entry.stamp < mine.stamp)
    });
    for (key, entry) in told {
        catalogue.adopt(key, entry, node.clock.now()).await?;
    }
    if news.is_empty() {
        return Ok(());
    }
    let body = vec![Bytes::from(peer::encode(&news))];
    // It answers when it has done what it is told, which may take longer: then it goes on by itself.
    let _ = invoke::exchange(node, other, &Request::Adopt, body, Instant::now() + PATIENCE).await;
    Ok(())
}

/// What another node is answered that compares its catalogue with this one's.
pub(crate) fn answer(node: &Node, theirs: &Summary) -> (Response, Vec<Bytes>) {
    let catalogue = &node.apps.catalogue;
    let entries = catalogue.differing(theirs);
    let body = vec![Bytes::from(peer::encode(&entries))];
    (Response::Compared(catalogue.summary()), body)
}

/// The entries in a body part.
fn entries(part: Option<&Bytes>) -> Result<Entries, Fault> {
    let part = part.map(|part| &part[..]).unwrap_or_default();
    peer::decode(part)
        .map_err(|error| Fault::new(Kind::BadRequest, error.to_string(), "update the older node"))
}

/// What another node says it knows: it is answered when that is followed.
pub(crate) async fn told(node: &Arc<Node>, body: Option<&Bytes>) -> Result<(), Fault> {
    rollout::adopt(node, entries(body)?).await
}
