//! `fogline sim ablate`.

use fogline_core::record::SeedRow;
use fogline_manifest::scenario::{Mode, PolicyName, Switches, Table};
use fogline_report::summary::SummaryOptions;
use fogline_report::terminal::{Ablation, AblationRow};
use fogline_sim::study::{Shard, Study, Units};

use super::pick::Scenario;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::study::Progress;
use crate::threads;

/// The arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    scenario: Scenario,
    /// Where to start from: `corrected`, and turn one switch at a time to the reference's side, or `reference`,
    /// and correct one at a time
    #[arg(long, value_enum, default_value_t)]
    from: From,
    #[command(flatten)]
    threads: threads::Args,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum From {
    /// All switches corrected.
    #[default]
    Corrected,
    /// All switches as in the reference.
    Reference,
}

/// The name of the choice between placing for the model in force and placing blindly, which is a policy rather
/// than a switch.
const ALLOCATION: &str = "allocation";

/// Turns the switches one by one and prints what each does to the paper's conclusions.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let mut request = args.scenario.request()?;
    request.scenario.run.modes = vec![Mode::Corrected];
    request.scenario.run.policies = PolicyName::DEFAULT.to_vec();
    request.scenario.output.tables = vec![Table::Seeds];
    let study = Study::load(request.scenario, &request.base, request.tasks.as_deref())?;
    output::note(&format!("workload: {}", study.origin));
    let ablation = args.threads.install(|| ablate(&study, args.from))?;
    match args.output {
        Format::Text => output::data(&ablation.text()),
        Format::Json => output::json(&ablation),
    }
}

fn ablate(study: &Study, from: From) -> Result<Ablation, Failure> {
    let (base, other, base_policy, other_policy) = match from {
        From::Corrected => (
            Switches::default(),
            Switches::REFERENCE,
            "model-aware",
            "load-net",
        ),
        From::Reference => (
            Switches::REFERENCE,
            Switches::default(),
            "load-net",
            "model-aware",
        ),
    };
    let options = SummaryOptions {
        confidence: study.scenario.statistics.confidence,
    };
    let turned = turned(&base, &other);
    let mut progress = Progress::new(study.unit_count(&units(study)) * (turned.len() + 1));
    let rows = seeds(&study.with_switches(base), &mut progress)?;
    let mut ablation = Ablation::new(base_row(from), &as_load_net(&rows, base_policy), options);
    let blind = if other_policy == "load-net" {
        "blind to the model"
    } else {
        "by the model's costs"
    };
    ablation.add(AblationRow::new(
        ALLOCATION,
        blind,
        &as_load_net(&rows, other_policy),
        options,
    ));
    for (name, value) in turned {
        let switches = base
            .with(&name, &value)
            .map_err(|error| Failure::usage(error.to_string(), ""))?;
        let rows = seeds(&study.with_switches(switches), &mut progress)?;
        ablation.add(AblationRow::new(
            &name,
            &value,
            &as_load_net(&rows, base_policy),
            options,
        ));
    }
    Ok(ablation)
}

fn base_row(from: From) -> &'static str {
    match from {
        From::Corrected => "corrected",
        From::Reference => "reference",
    }
}

/// Every switch with the other side's value, and the values that belong to neither side.
fn turned(base: &Switches, other: &Switches) -> Vec<(String, String)> {
    let mut turned: Vec<(String, String)> = base
        .values()
        .into_iter()
        .zip(other.values())
        .filter(|(a, b)| a != b)
        .map(|(_, b)| b)
        .collect();
    for (name, value) in [
        ("access", "warm"),
        ("speeds", "cpu-millis"),
        ("repository", "home"),
    ] {
        turned.push((name.to_owned(), value.to_owned()));
    }
    turned
}

/// All units of the scenario.
fn units(study: &Study) -> Units {
    let run = &study.scenario.run;
    Units {
        first_seed: run.first_seed,
        replications: run.replications,
        shard: Shard::ALL,
        tables: Vec::new(),
    }
}

fn seeds(study: &Study, progress: &mut Progress) -> Result<Vec<SeedRow>, Failure> {
    let mut rows = Vec::new();
    study.run(&units(study), |_, _, mut outcome| {
        rows.append(&mut outcome.seeds);
        progress.step();
        Ok::<(), Failure>(())
    })?;
    Ok(rows)
}

/// The rows under `load`, and those under `policy` in the place of `load-net`: the paper's statements speak of
/// these two.
fn as_load_net(rows: &[SeedRow], policy: &str) -> Vec<SeedRow> {
    rows.iter()
        .filter(|row| row.condition.policy == "load" || row.condition.policy == policy)
        .cloned()
        .map(|mut row| {
            if row.condition.policy == policy {
                "load-net".clone_into(&mut row.condition.policy);
            }
            row
        })
        .collect()
}
