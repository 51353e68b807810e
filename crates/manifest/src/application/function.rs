//! The functions of an application.

use std::collections::BTreeSet;

use fogline_core::application::{Application, Function, Instance, RuntimeKind};
use fogline_core::model::{BadInput, Bytes, FunctionClass, FunctionName, Operations, StateName};
use toml::Spanned;

use super::file::FunctionSection;
use super::files;
use super::limits::limits;
use crate::amount::{Size, excerpt};
use crate::source::Source;
use crate::suggest;

/// What an output is taken to measure until it has been seen, unless the manifest says otherwise.
const USUAL_OUTPUT: Bytes = Bytes(1 << 10);
/// What a function is taken to compute until it has been measured: a millisecond on one core.
const USUAL_OPERATIONS: Operations = Operations(1_000_000);

/// A function, checked against the states that the application declares. `at` is where its name stands.
pub(super) fn read(
    source: &Source,
    application: &Application,
    name: &FunctionName,
    at: usize,
    section: FunctionSection,
) -> Result<Function, BadInput> {
    let runtime = runtime(
        source,
        name,
        at,
        section.component,
        section.process,
        section.files,
    )?;
    let writes = declared(source, application, &section.writes)?;
    one_model(source, application, name, &section.writes)?;
    let mut reads = declared(source, application, &section.reads)?;
    reads.extend(writes.iter().cloned());
    let limits = limits(source, &runtime, section.limits)?;
    let output = match section.output {
        Some(output) if output.get_ref().0 > limits.output => {
            let (usual, limit) = (output.get_ref(), Size(limits.output));
            let problem = format!("its usual output of {usual} is above its limit of {limit}");
            return Err(source.fault(output.span().start, problem, "write what it usually returns"));
        }
        Some(output) => output.into_inner().0,
        None => USUAL_OUTPUT.min(limits.output),
    };
    let instance = instance(source, &runtime, section.instance)?;
    Ok(Function {
        runtime,
        reads,
        writes,
        instance,
        limits,
        operations: section.operations.map_or(USUAL_OPERATIONS, Operations),
        class: section.class.unwrap_or(FunctionClass::Generic),
        requires: requires(source, section.requires)?,
        output,
    })
}

fn runtime(
    source: &Source,
    name: &FunctionName,
    at: usize,
    component: Option<Spanned<String>>,
    process: Option<Spanned<Vec<String>>>,
    files: Vec<Spanned<String>>,
) -> Result<RuntimeKind, BadInput> {
    match (component, process) {
        (Some(path), None) if files::is_plain(path.get_ref()) => {
            files::none(source, &files)?;
            Ok(RuntimeKind::Component(path.into_inner()))
        }
        (Some(path), None) => {
            let found = excerpt(path.get_ref());
            let problem = format!("the component \"{found}\" is not a path inside the manifest's folder");
            let hint = "write a path relative to the manifest, with / between folders, without . and ..";
            Err(source.fault(path.span().start, problem, hint))
        }
        (None, Some(command)) if command.get_ref().first().is_some_and(|it| !it.is_empty()) => {
            Ok(RuntimeKind::Process {
                command: command.into_inner(),
                files: files::files(source, files)?,
            })
        }
        (None, Some(command)) => {
            let hint = "write the program and its arguments, as process = [\"python3\", \"add.py\"]";
            Err(source.fault(command.span().start, "the process names no program", hint))
        }
        (None, None) => {
            let problem = format!("the function \"{name}\" has neither component nor process");
            let hint = "write component = \"FILE.wasm\", or process = [\"PROGRAM\", \"ARGUMENT\"]";
            Err(source.fault(at, problem, hint))
        }
        (Some(_), Some(command)) => {
            let problem = format!("the function \"{name}\" has both component and process");
            Err(source.fault(command.span().start, problem, "keep one of the two"))
        }
    }
}

fn instance(
    source: &Source,
    runtime: &RuntimeKind,
    instance: Option<Spanned<Instance>>,
) -> Result<Instance, BadInput> {
    let Some(instance) = instance else {
        return Ok(Instance::default());
    };
    if *instance.get_ref() == Instance::PerSession && matches!(runtime, RuntimeKind::Process { .. }) {
        let problem = "a process is of all sessions, and cannot be kept for one";
        let hint = "leave instance out; what a process keeps in its memory it may key by session";
        return Err(source.fault(instance.span().start, problem, hint));
    }
    Ok(instance.into_inner())
}

fn declared(
    source: &Source,
    application: &Application,
    names: &[Spanned<StateName>],
) -> Result<BTreeSet<StateName>, BadInput> {
    let mut states = BTreeSet::new();
    for name in names {
        let (at, state) = (name.span().start, name.get_ref());
        if !application.states.contains_key(state) {
            let known = application.states.keys().map(StateName::as_str);
            let declare = format!("declare it with a [states.{state}] section");
            let hint = suggest::or(state.as_str(), known, &declare);
            return Err(source.fault(at, format!("the state \"{state}\" is not declared"), hint));
        }
        if !states.insert(state.clone()) {
            return Err(source.fault(
                at,
                format!("the state \"{state}\" is there twice"),
                "keep it once",
            ));
        }
    }
    Ok(states)
}

/// Refuses writes under two models (R15): one invocation commits in one place, or not at all.
fn one_model(
    source: &Source,
    application: &Application,
    function: &FunctionName,
    writes: &[Spanned<StateName>],
) -> Result<(), BadInput> {
    let Some((first, others)) = writes.split_first() else {
        return Ok(());
    };
    let (first, model) = (first.get_ref(), application.model_of(first.get_ref()));
    let elsewhere = |state: &&Spanned<StateName>| application.model_of(state.get_ref()) != model;
    let Some(other) = others.iter().find(elsewhere) else {
        return Ok(());
    };
    let (state, its_model) = (other.get_ref(), application.model_of(other.get_ref()));
    let problem = format!(
        "the function \"{function}\" writes \"{first}\" under {model} and \"{state}\" under {its_model}; it may \
         write under one model only"
    );
    let hint = "give both states one model, or write them from two functions";
    Err(source.fault(other.span().start, problem, hint))
}

fn requires(source: &Source, labels: Vec<Spanned<String>>) -> Result<Vec<String>, BadInput> {
    let mut required = Vec::with_capacity(labels.len());
    for label in labels {
        let text = label.get_ref();
        if !is_capability(text) {
            let hint = "write it as a node declares it, as \"gpu\" or \"arch=aarch64\"";
            return Err(source.fault(label.span().start, "this is not a capability", hint));
        }
        required.push(label.into_inner());
    }
    Ok(required)
}

/// Whether a text can be a capability of a node.
pub(crate) fn is_capability(text: &str) -> bool {
    !text.is_empty() && !text.contains(|it: char| it.is_whitespace() || it.is_control())
}
