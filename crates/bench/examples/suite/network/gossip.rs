//! What gossip costs, by the size of the network.

use std::time::{Duration, Instant};

use fogline_bench::Server;

use super::{Site, all_see_all, metric};
use crate::goals::Goal;
use crate::{Args, Findings, Outcome, note};

/// How long it is counted.
const COUNTED: Duration = Duration::from_secs(5);

pub(crate) async fn measure(args: &Args, findings: &mut Findings) -> Outcome<()> {
    // With the cloud, there is one node more than is named.
    let mut site = Site::start(args, &[], "slots = 1\n", None).await?;
    let mut nodes = vec![site.server("cloud")?];
    for size in &args.gossip {
        note(&format!("gossip among {size} nodes"));
        while nodes.len() < *size {
            let name = format!("edge-{}", nodes.len());
            site.network.join(&name);
            nodes.push(site.server(&name)?);
        }
        all_see_all(&nodes, nodes.len()).await?;
        let (before, began) = (sent(&nodes).await?, Instant::now());
        tokio::time::sleep(COUNTED).await;
        let bytes = sent(&nodes).await? - before;
        let rate = bytes / began.elapsed().as_secs_f64() / nodes.len() as f64 / 1e3;
        let what = format!("gossip sent by each of {} nodes", nodes.len());
        findings.goals.push(Goal::stated(what, rate, "kB/s"));
    }
    Ok(())
}

/// Bytes that all of them have sent.
async fn sent(nodes: &[Server]) -> Outcome<f64> {
    let mut all = 0.0;
    for node in nodes {
        all += metric(node, "fogline_gossip_bytes_total{direction=\"sent\"}").await?;
    }
    Ok(all)
}
