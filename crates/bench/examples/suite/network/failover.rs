//! How long the owner of a session is missed when it is killed, with the records of the site in etcd.

use std::time::{Duration, Instant};

use fogline_bench::{Connection, Kind, create, deploy};
use fogline_core::application::Durability;
use fogline_core::model::ExecutionModel;
use http::{Request, StatusCode};
use http_body_util::Full;

use super::cluster::Cluster;
use super::{Site, at};
use crate::goals::Goal;
use crate::{Args, Findings, Outcome, note};

const KIND: Kind = Kind {
    durability: Durability::EveryCommit,
};
/// Whoever is refused asks again after this.
const AGAIN: Duration = Duration::from_millis(20);
/// Longest that an owner may be missed.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn measure(args: &Args, findings: &mut Findings) -> Outcome<()> {
    let cluster = Cluster::start(3, &[]).ok_or("no etcd here\nhint: apt-get install etcd-server")?;
    let servers = cluster.options().servers;
    let mut site = Site::start(args, &["one", "two"], "", Some(&servers)).await?;
    let mut client = site.connect("two").await?;
    deploy(&mut client, KIND).await?;
    let mut missed = Vec::new();
    for kill in 0..args.kills.get() {
        note("an owner is killed");
        let mut owner = site.connect("one").await?;
        let session = create(&mut owner, KIND.app(), ExecutionModel::InFunction).await?;
        let path = format!(
            "/v1/apps/{}/sessions/{}/functions/add",
            KIND.app(),
            session.session
        );
        // Spread over the time between two renewals of its lease.
        let until = Instant::now() + Duration::from_millis(500 + 37 * kill as u64 % 200);
        let mut total = 0;
        while Instant::now() < until {
            total += 1;
            add(&mut client, &path, total).await?;
        }
        let killed = Instant::now();
        site.network.kill("one");
        add(&mut client, &path, total + 1).await?;
        missed.push(killed.elapsed().as_secs_f64() * 1e3);
        site.network.start_again("one");
    }
    missed.sort_by(f64::total_cmp);
    for (what, share) in [("p50", 0.5), ("p90", 0.9), ("longest", 1.0)] {
        let what = format!("owner killed: next good write, {what}");
        findings.goals.push(Goal::stated(what, at(&missed, share), "ms"));
    }
    let what = format!("owner killed: next good write, p99 of {}", args.kills);
    findings
        .goals
        .push(Goal::at_most(&what, at(&missed, 0.99), 1500.0, "ms"));
    Ok(())
}

/// Adds one, under one key until it is done, and compares the total.
async fn add(client: &mut Connection, path: &str, total: u64) -> Outcome<()> {
    let ends = Instant::now() + PATIENCE;
    loop {
        let request = Request::post(path).header("idempotency-key", total.to_string());
        let answer = client.send(request.body(Full::new("1".into()))?).await?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        match answer.status {
            StatusCode::OK if text == total.to_string() => return Ok(()),
            StatusCode::SERVICE_UNAVAILABLE if Instant::now() < ends => tokio::time::sleep(AGAIN).await,
            status => return Err(format!("{total} expected, and not {status}: {text}").into()),
        }
    }
}
