//! From rows to conclusions: summaries, figures, the paper's statements, the report.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use fogline_manifest::scenario::{Mode, Scenario, Switches};
use fogline_report::figure::{Figure, FigureOptions};
use fogline_report::html::{
    Command, Fact, FigureBlock, InputFile, ReportData, StatementLine, Switch, render, results, winners,
};
use fogline_report::paper::{Compared, compare, count_placements, statements};
use fogline_report::summary::{Metric, Setting, Summary, SummaryOptions, Verdict, summarise};
use fogline_report::terminal;
use serde::Serialize;

use super::execute::{Results, Seeds};
use super::provenance::{Provenance, hash_files};
use super::request::Request;
use crate::atomic_file;
use crate::failure::Failure;
use crate::output::{self, Format};

/// What the rows say.
#[derive(Debug, Serialize)]
pub(crate) struct Conclusions {
    /// What the jobs came from.
    pub(crate) workload: String,
    /// Per mode.
    pub(crate) modes: BTreeMap<&'static str, Summary>,
    /// The paper's statements, held against both modes.
    pub(crate) statements: Vec<Compared>,
    /// The files that were written, relative to the folder of results.
    pub(crate) files: Vec<PathBuf>,
}

impl Conclusions {
    /// For people.
    fn text(&self) -> String {
        let mut text = format!("workload: {}\n", self.workload);
        for (mode, summary) in &self.modes {
            let _ = write!(text, "\n== {mode} mode ==\n\n{}", terminal::summary(summary));
        }
        text.push_str(&terminal::statements(&self.statements));
        text
    }

    /// Prints it.
    pub(crate) fn print(&self, format: Format) -> Result<(), Failure> {
        match format {
            Format::Text => output::data(&self.text()),
            Format::Json => output::json(self),
        }
    }
}

/// Draws the conclusions of a run that is complete, and writes what belongs to them.
pub(crate) fn conclude_run(request: &Request, results: Results) -> Result<Conclusions, Failure> {
    let mut scenario = request.scenario.clone();
    scenario.run.replications = results.replications;
    scenario.statistics.confidence = results.confidence;
    let workload = results.study.origin.to_string();
    conclude(
        &scenario,
        &workload,
        &results.seeds,
        results.provenance,
        &request.out,
        results.files,
    )
}

/// Draws the conclusions of a run and writes its figures, its report and its manifest into a folder. `files` are
/// those that the run has written there.
pub(crate) fn conclude(
    scenario: &Scenario,
    workload: &str,
    seeds: &Seeds,
    mut provenance: Provenance,
    folder: &Path,
    files: Vec<PathBuf>,
) -> Result<Conclusions, Failure> {
    let options = SummaryOptions {
        confidence: scenario.statistics.confidence,
    };
    let summaries: BTreeMap<Mode, Summary> = seeds
        .iter()
        .map(|(mode, rows)| (*mode, summarise(rows, &options)))
        .collect();
    let of = |mode| match (summaries.get(&mode), seeds.get(&mode)) {
        (Some(summary), Some(rows)) => statements(summary, &count_placements(rows)),
        _ => Vec::new(),
    };
    let compared = compare(&of(Mode::Compat), &of(Mode::Corrected));
    let mut files: Vec<PathBuf> = files
        .into_iter()
        .map(|file| file.strip_prefix(folder).unwrap_or(&file).to_owned())
        .collect();
    if scenario.output.report {
        let figures = draw(&summaries, folder, &mut files)?;
        let report = report(scenario, workload, &summaries, &compared, &provenance, figures);
        atomic_file::write(&folder.join("report.html"), render(&report).as_bytes())?;
        files.push(PathBuf::from("report.html"));
    }
    provenance.outputs = hash_files(folder, &files)?;
    let manifest = serde_json::to_string_pretty(&provenance)
        .map_err(|error| Failure::usage(error.to_string(), "use file names in UTF-8"))?;
    atomic_file::write(
        &folder.join(super::provenance::FILE),
        (manifest + "\n").as_bytes(),
    )?;
    files.push(PathBuf::from(super::provenance::FILE));
    let modes = summaries
        .into_iter()
        .map(|(mode, summary)| (mode.name(), summary))
        .collect();
    Ok(Conclusions {
        workload: workload.to_owned(),
        modes,
        statements: compared,
        files,
    })
}

/// Draws the figures of every mode.
fn draw(
    summaries: &BTreeMap<Mode, Summary>,
    folder: &Path,
    files: &mut Vec<PathBuf>,
) -> Result<Vec<FigureBlock>, Failure> {
    let undrawable = |error: fogline_report::figure::FigureError| Failure::System {
        doing: error.to_string(),
        hint: "set report = false in [output]; the tables are complete".to_owned(),
        source: std::io::Error::other("the drawing library failed"),
    };
    let mut blocks = Vec::new();
    for (mode, summary) in summaries {
        for figure in Figure::all(summary, &FigureOptions::default()) {
            let figure = figure.labelled(&format!("{} mode", mode.name()));
            let block = FigureBlock::of(&figure).map_err(undrawable)?;
            let name = |ending| PathBuf::from(mode.name()).join(format!("{}.{ending}", figure.name));
            let (svg, png) = (name("svg"), name("png"));
            atomic_file::write(&folder.join(&svg), block.svg.as_bytes())?;
            atomic_file::write(&folder.join(&png), &figure.png().map_err(undrawable)?)?;
            files.extend([svg, png]);
            blocks.push(block);
        }
    }
    Ok(blocks)
}

fn report(
    scenario: &Scenario,
    workload: &str,
    summaries: &BTreeMap<Mode, Summary>,
    compared: &[Compared],
    provenance: &Provenance,
    figures: Vec<FigureBlock>,
) -> ReportData {
    let fact = |name: &str, value: String| Fact {
        name: name.to_owned(),
        value,
    };
    let tables = |make: fn(&Summary) -> Vec<fogline_report::html::TableBlock>| {
        let mut blocks = Vec::new();
        for (mode, summary) in summaries {
            for mut block in make(summary) {
                block.title = format!("{}, {} mode", block.title, mode.name());
                blocks.push(block);
            }
        }
        blocks
    };
    let seeds = format!(
        "{} of each load and topology, from seed {}; topologies: {}",
        scenario.run.replications, scenario.run.first_seed, scenario.run.topologies
    );
    ReportData {
        title: format!("Where function state should live: {}", scenario.name),
        findings: findings(summaries),
        run: vec![
            fact("version", format!("fogline {}", provenance.fogline)),
            fact("command", provenance.command.clone()),
            fact("workload", workload.to_owned()),
            fact("scenario", scenario.name.clone()),
            fact("replications", seeds),
        ],
        inputs: provenance
            .inputs
            .iter()
            .map(|input| InputFile {
                path: input.path.display().to_string(),
                sha256: input.sha256.clone(),
            })
            .collect(),
        figures,
        winners: tables(winners),
        results: tables(results),
        statements: compared.iter().map(StatementLine::of).collect(),
        switches: switches(&scenario.switches),
        rerun: vec![
            Command {
                purpose: "the same run again".to_owned(),
                line: provenance.command.clone(),
            },
            Command {
                purpose: "check that it comes out the same, bit for bit".to_owned(),
                line: format!("fogline sim rerun {}", super::provenance::FILE),
            },
        ],
    }
}

/// The switches in force, each against the reference's.
fn switches(switches: &Switches) -> Vec<Switch> {
    let reference = Switches::REFERENCE.values();
    switches
        .values()
        .into_iter()
        .zip(reference)
        .map(|((name, value), (_, reference))| Switch {
            meaning: if value == reference {
                "as the reference".to_owned()
            } else {
                format!("the reference has {reference}")
            },
            name,
            value,
        })
        .collect()
}

/// For each mode and network: who has the lowest latency and the least traffic at the highest load.
fn findings(summaries: &BTreeMap<Mode, Summary>) -> Vec<String> {
    let mut findings = Vec::new();
    for (mode, summary) in summaries {
        let at_most = |a: &Setting, b: &Setting| a.network != b.network || a.load <= b.load;
        let highest = |setting: &Setting| {
            summary
                .verdicts
                .iter()
                .all(|other| at_most(&other.setting, setting))
        };
        let shown: Vec<&Verdict> = summary
            .verdicts
            .iter()
            .filter(|verdict| matches!(verdict.metric, Metric::Latency | Metric::Traffic))
            .filter(|verdict| verdict.setting.policy != "load" && highest(&verdict.setting))
            .collect();
        for verdicts in shown.chunk_by(|a, b| a.setting.network == b.setting.network) {
            let setting = &verdicts[0].setting;
            let clauses: Vec<String> = verdicts.iter().map(|verdict| clause(verdict)).collect();
            findings.push(format!(
                "{}, {}, {} jobs: {}.",
                match mode {
                    Mode::Compat => "Compat mode",
                    Mode::Corrected => "Corrected mode",
                },
                setting.network,
                setting.load,
                clauses.join("; ")
            ));
        }
    }
    findings
}

fn clause(verdict: &Verdict) -> String {
    if !verdict.equals.is_empty() {
        return format!(
            "under {} nobody has the lowest {} alone",
            verdict.setting.policy, verdict.metric
        );
    }
    format!(
        "under {} {} has the lowest {}, {:.1} {} ahead of {} ({})",
        verdict.setting.policy,
        verdict.winner,
        verdict.metric,
        -verdict.difference.estimate,
        verdict.metric.unit(),
        verdict.runner_up,
        if verdict.certain { "certain" } else { "not certain" },
    )
}
