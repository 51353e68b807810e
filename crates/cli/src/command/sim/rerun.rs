//! `fogline sim rerun`.

use std::path::PathBuf;

use fogline_manifest::Source;
use fogline_manifest::scenario::Scenario;

use crate::failure::Failure;
use crate::output;
use crate::study::{Provenance, Request, conclude_run, execute, hash_files};
use crate::threads;

/// The arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The manifest.json of a folder of results
    #[arg(value_name = "MANIFEST")]
    manifest: PathBuf,
    #[command(flatten)]
    threads: threads::Args,
}

/// Runs again and compares.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let earlier = Provenance::read(&args.manifest)?;
    let name = args.manifest.display().to_string();
    if earlier.fogline != env!("CARGO_PKG_VERSION") {
        output::note(&format!(
            "note: the results are of version {}, this is {}",
            earlier.fogline,
            env!("CARGO_PKG_VERSION")
        ));
    }
    let paths: Vec<PathBuf> = earlier.inputs.iter().map(|input| input.path.clone()).collect();
    let now = hash_files(std::path::Path::new(""), &paths)?;
    if let Some(changed) = earlier
        .inputs
        .iter()
        .zip(&now)
        .find(|(before, now)| before != now)
    {
        return Err(Failure::Check {
            problem: format!("the input {} is no longer what it was", changed.0.path.display()),
            hint: "restore it, or run the scenario anew".to_owned(),
        });
    }
    let folder = tempfile::tempdir().map_err(|source| Failure::System {
        doing: "creating a temporary folder".to_owned(),
        hint: "set TMPDIR to a folder with room".to_owned(),
        source,
    })?;
    let request = Request {
        scenario: Scenario::parse(&Source {
            name: format!("{name} (scenario)"),
            text: earlier.scenario.clone(),
        })?,
        base: earlier.base.clone(),
        tasks: earlier.tasks.clone(),
        shard: None,
        out: folder.path().to_owned(),
        command: earlier.command.clone(),
    };
    let again = args.threads.install(|| {
        conclude_run(&request, execute(&request)?)?;
        Provenance::read(&folder.path().join(crate::study::MANIFEST)).map_err(Failure::from)
    })?;
    compare(&earlier, &again)
}

fn compare(earlier: &Provenance, again: &Provenance) -> Result<(), Failure> {
    let differing: Vec<String> = earlier
        .outputs
        .iter()
        .filter(|file| !again.outputs.contains(file))
        .map(|file| file.path.display().to_string())
        .collect();
    if differing.is_empty() && earlier.outputs.len() == again.outputs.len() {
        return output::data(&format!(
            "identical: all {} files, bit for bit\n",
            earlier.outputs.len()
        ));
    }
    Err(Failure::Check {
        problem: format!("not identical: {}", differing.join(", ")),
        hint: format!(
            "the results were made by fogline {}: use that version",
            earlier.fogline
        ),
    })
}
