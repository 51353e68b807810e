//! What three nodes serve, beside one: a function that waits takes as long on any of them, and none of the processor.

use std::time::Duration;

use fogline_bench::{Load, Pace, Row, Same, deploy_files, run};

use super::Site;
use crate::goals::Goal;
use crate::{Args, Findings, Outcome, note};

/// Answers 40 ms after it was asked.
const WAIT: &[u8] = include_bytes!("wait.py");
const MANIFEST: &str = r#"fogline = 1
[application]
name = "waiting"
version = "1"
model = "in-edge"
[functions.wait]
process = ["python3", "wait.py"]
"#;
/// What each node executes at once.
const SLOTS: usize = 4;

pub(crate) async fn measure(args: &Args, findings: &mut Findings) -> Outcome<()> {
    let one = serve(args, &["one"], 2 * SLOTS).await?;
    let three = serve(args, &["one", "two", "three"], 6 * SLOTS).await?;
    findings.goals.extend([
        Goal::stated("one node, 4 slots of 40 ms", one.per_second, "req/s"),
        Goal::at_least(
            "three nodes, asked at one, over one",
            three.per_second / one.per_second,
            2.7,
            "times",
        ),
    ]);
    findings.rows.extend([one, three]);
    Ok(())
}

/// Load at the first of these nodes, twice as much as they have slots.
async fn serve(args: &Args, names: &[&str], connections: usize) -> Outcome<Row> {
    let name = format!("waiting function, {} of 4 slots", names.len());
    note(&name);
    let site = Site::start(args, names, &format!("slots = {SLOTS}\n"), None).await?;
    let entry = site.server(names[0])?;
    deploy_files(
        &mut entry.connect().await?,
        MANIFEST.to_owned(),
        &[("wait.py", WAIT)],
    )
    .await?;
    let load = Load {
        pace: Pace::Closed,
        // Until the nodes know each other's load.
        warm_up: Duration::from_secs(3),
        lasts: Duration::from_secs(4),
    };
    let script = Same::post("/v1/apps/waiting/functions/wait", "x");
    let row = run(&name, &entry, &load, vec![script; connections]).await?;
    match &row.first_failure {
        Some(failure) => Err(format!("{name}: {} requests failed, as: {failure}", row.failed).into()),
        None => Ok(row),
    }
}
