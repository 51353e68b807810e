//! From a file to an application.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use fogline_core::application::Application;
use fogline_core::model::limits::{MAX_DEADLINE, MAX_FUNCTIONS};
use fogline_core::model::{BadInput, ExecutionModel, FunctionName};
use toml::Spanned;

use super::file::{File, FunctionSection, Header};
use super::{function, state, workflow};
use crate::amount::{Time, excerpt};
use crate::bounds::Bounds;
use crate::source::Source;
use crate::suggest;

/// The number that tells the format.
const VERSION: i64 = 1;
/// The page that describes the file.
const MANUAL: &str = "docs/src/manifest.md";
/// How long a session that nobody uses is kept, unless the manifest says otherwise.
const DEFAULT_TTL: Duration = Duration::from_secs(30 * 24 * 3600);
/// The shortest: below it, a session could end between two invocations of one run.
const LEAST_TTL: Duration = MAX_DEADLINE;
/// The longest version, in characters: it becomes part of paths and metrics.
const MAX_VERSION: usize = 63;

/// Reads an application's manifest.
///
/// # Errors
/// When the file cannot be read, or at the first thing in it that is not as expected.
pub fn read(path: &Path) -> Result<Application, BadInput> {
    parse(&Source::read(path)?)
}

/// The application that a text describes. Its workflow is in topological order, otherwise as written.
///
/// # Errors
/// At the first thing that is not as expected.
pub fn parse(source: &Source) -> Result<Application, BadInput> {
    source.is_by_hand()?;
    header(source)?;
    let file: File = source.parse(MANUAL)?;
    let section = file.application;
    let ttl = Bounds {
        least: Time(LEAST_TTL),
        most: None,
    }
    .check(source, "session-ttl", section.session_ttl)?;
    let mut application = Application {
        name: section.name,
        version: version(source, section.version)?,
        model: model(source, &section.model)?,
        durability: section.durability,
        guard: section.guard,
        placement: section.placement,
        migrate: section.migrate,
        session_ttl: ttl.map_or(DEFAULT_TTL, |ttl| ttl.0),
        functions: BTreeMap::new(),
        states: state::all(source, file.states)?,
        workflow: Vec::new(),
    };
    count(source, &file.functions)?;
    for (name, section) in file.functions {
        let function = function::read(source, &application, name.get_ref(), name.span().start, section)?;
        application.functions.insert(name.into_inner(), function);
    }
    if let Some(section) = file.workflow {
        application.workflow = workflow::read(source, &application, section)?;
    }
    Ok(application)
}

/// Refuses no function, and more than there may be.
fn count(
    source: &Source,
    functions: &BTreeMap<Spanned<FunctionName>, FunctionSection>,
) -> Result<(), BadInput> {
    let count = functions.len();
    // Of those that are one too many, the one that was written last.
    let Some(last) = functions.keys().map(|name| name.span().start).max() else {
        let hint = "add a [functions.NAME] section";
        return Err(BadInput::whole(&source.name, "there is no function", hint));
    };
    if count <= MAX_FUNCTIONS {
        return Ok(());
    }
    let problem = format!("there are {count} functions, expected at most {MAX_FUNCTIONS}");
    Err(source.fault(last, problem, "make two applications of it"))
}

fn header(source: &Source) -> Result<(), BadInput> {
    let header: Header = source.parse(MANUAL)?;
    let hint = format!("write fogline = {VERSION} on the first line");
    match header.fogline {
        Some(version) if *version.get_ref() == VERSION => Ok(()),
        Some(version) => {
            let problem = format!(
                "this is a manifest of format {}, expected {VERSION}",
                version.get_ref()
            );
            Err(source.fault(version.span().start, problem, hint))
        }
        None => Err(source.fault(0, "the manifest does not say its format", hint)),
    }
}

fn version(source: &Source, version: Spanned<String>) -> Result<String, BadInput> {
    let allowed = |it: char| it.is_ascii_alphanumeric() || ".-+_".contains(it);
    let text = version.get_ref();
    if (1..=MAX_VERSION).contains(&text.len()) && text.chars().all(allowed) {
        return Ok(version.into_inner());
    }
    let problem = format!(
        "the version is not 1 to {MAX_VERSION} letters, digits, dots, hyphens, pluses or underscores"
    );
    Err(source.fault(version.span().start, problem, "write one as \"0.1.0\""))
}

/// An execution model that functions can run under: one of the paper's four.
pub(super) fn model(source: &Source, name: &Spanned<String>) -> Result<ExecutionModel, BadInput> {
    let known = ExecutionModel::PAPER.map(ExecutionModel::name);
    let text = name.get_ref();
    if let Some(at) = known.iter().position(|known| known == text) {
        return Ok(ExecutionModel::PAPER[at]);
    }
    let all = known.join(", ");
    let problem = match text.parse::<ExecutionModel>() {
        Ok(model) => format!("the execution model {model} is simulated only, expected one of {all}"),
        Err(_) => format!(
            "unknown execution model \"{}\", expected one of {all}",
            excerpt(text)
        ),
    };
    let hint = suggest::or(text, known, "in-edge keeps states on the edge nodes");
    Err(source.fault(name.span().start, problem, hint))
}
