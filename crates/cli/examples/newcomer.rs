//! Makes a new project in Rust, builds it, deploys it and uses it, as who has just installed the command does: `cargo run
//! --package fogline-cli --example newcomer -- FOLDER`.

use std::error::Error;
use std::path::{Path, PathBuf};

use fogline_build::{ProjectKind, build_project, new_project};
use fogline_client::{Client, Package};
use fogline_testbed::{Plan, Testbed};

#[tokio::main]
#[expect(
    clippy::print_stdout,
    reason = "the example's whole purpose is to say what it built"
)]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or("no folder was named")?;
    new_project(&folder, &"newcomer".parse()?, ProjectKind::Rust)?;
    for component in build_project(&folder)?.components {
        println!("{}", component.path.display());
    }
    println!("it has counted to {}", count(&folder).await?);
    Ok(())
}

/// Deploys the project to real nodes, and lets a session count; gives how far it came.
async fn count(project: &Path) -> Result<String, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let mut plan = Plan::demo(folder.path().to_owned())?;
    (plan.shaped, plan.paced) = (false, false);
    let network = Testbed::start(plan).await?;
    let entry = network.clients().first().and_then(|node| network.url(node));
    let client = Client::builder(entry.ok_or("no node takes requests")?).build()?;
    let app = client.deploy(&Package::read(project)?).await?;
    let session = client.create_session(&app.name, None).await?.session;
    let mut counted = String::new();
    for (input, total) in [("2", "2"), ("3", "5")] {
        let reply = client.invoke(&app.name, &session, &"add".parse()?, input).await?;
        counted = String::from_utf8(reply.output.to_vec())?;
        if counted != total {
            return Err(format!("it counts to {counted}, and not to {total}").into());
        }
    }
    network.stop().await;
    Ok(counted)
}
