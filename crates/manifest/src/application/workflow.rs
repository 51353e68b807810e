//! The workflow of an application.

use std::collections::BTreeMap;

use fogline_core::application::{Application, Contested, WorkflowStep};
use fogline_core::model::limits::MAX_STEPS;
use fogline_core::model::{BadInput, ExecutionModel, FunctionName, StateName, StepName};
use toml::Spanned;

use super::file::{StepSection, WorkflowSection};
use super::order::order;
use crate::source::Source;
use crate::suggest;

/// The steps in topological order, checked against the functions that the application declares.
pub(super) fn read(
    source: &Source,
    application: &Application,
    section: Spanned<WorkflowSection>,
) -> Result<Vec<WorkflowStep>, BadInput> {
    let at = section.span().start;
    let draft = Draft {
        source,
        application,
        steps: section.into_inner().steps,
    };
    draft.count(at)?;
    let names = draft.names()?;
    draft.functions()?;
    let after = draft.after(&names)?;
    let order = order(&after).map_err(|circle| draft.circle(&circle))?;
    let step = |index: usize| {
        let step = &draft.steps[index];
        WorkflowStep {
            name: step.name.get_ref().clone(),
            function: step.function.get_ref().clone(),
            after: after[index]
                .iter()
                .map(|before| draft.name(*before).clone())
                .collect(),
        }
    };
    draft.shared(order.into_iter().map(step).collect())
}

/// The steps as they are written.
struct Draft<'a> {
    source: &'a Source,
    application: &'a Application,
    steps: Vec<StepSection>,
}

impl Draft<'_> {
    fn name(&self, step: usize) -> &StepName {
        self.steps[step].name.get_ref()
    }

    fn count(&self, at: usize) -> Result<(), BadInput> {
        let count = self.steps.len();
        if count == 0 {
            let hint = "leave [workflow] out of an application that has none";
            return Err(self.source.fault(at, "the workflow has no step", hint));
        }
        let Some(beyond) = self.steps.get(MAX_STEPS) else {
            return Ok(());
        };
        let problem = format!("there are {count} steps, expected at most {MAX_STEPS}");
        Err(self
            .source
            .fault(beyond.name.span().start, problem, "let a step do more"))
    }

    fn names(&self) -> Result<BTreeMap<StepName, usize>, BadInput> {
        let mut names = BTreeMap::new();
        for (index, step) in self.steps.iter().enumerate() {
            let name = step.name.get_ref();
            if names.insert(name.clone(), index).is_some() {
                let problem = format!("the step \"{name}\" is there twice");
                let hint = "give each step a name of its own; several may name one function";
                return Err(self.source.fault(step.name.span().start, problem, hint));
            }
        }
        Ok(names)
    }

    fn functions(&self) -> Result<(), BadInput> {
        let declared = &self.application.functions;
        let unknown = |step: &&StepSection| !declared.contains_key(step.function.get_ref());
        let Some(step) = self.steps.iter().find(unknown) else {
            return Ok(());
        };
        let function = step.function.get_ref();
        let known = declared.keys().map(FunctionName::as_str);
        let declare = format!("declare it with a [functions.{function}] section");
        let hint = suggest::or(function.as_str(), known, &declare);
        let problem = format!("the function \"{function}\" is not declared");
        Err(self.source.fault(step.function.span().start, problem, hint))
    }

    /// For each step, those that it waits for, in the order in which it gets their outputs.
    fn after(&self, names: &BTreeMap<StepName, usize>) -> Result<Vec<Vec<usize>>, BadInput> {
        let previous = |index: usize| index.checked_sub(1).into_iter().collect();
        let before = |(index, step): (usize, &StepSection)| match &step.after {
            Some(after) => self.named(after, names),
            None => Ok(previous(index)),
        };
        self.steps.iter().enumerate().map(before).collect()
    }

    fn named(
        &self,
        after: &[Spanned<StepName>],
        names: &BTreeMap<StepName, usize>,
    ) -> Result<Vec<usize>, BadInput> {
        let mut steps = Vec::new();
        for name in after {
            let (at, name) = (name.span().start, name.get_ref());
            let Some(step) = names.get(name) else {
                let known = names.keys().map(StepName::as_str);
                let hint = suggest::or(name.as_str(), known, "name a step of this workflow");
                return Err(self
                    .source
                    .fault(at, format!("there is no step \"{name}\""), hint));
            };
            if steps.contains(step) {
                let problem = format!("the step \"{name}\" is there twice");
                return Err(self.source.fault(at, problem, "keep it once"));
            }
            steps.push(*step);
        }
        Ok(steps)
    }

    /// What is said about steps that wait for each other. At least one of them names the next in its `after`: one
    /// without `after` waits for the step above it, and they cannot all stand above each other.
    fn circle(&self, circle: &[usize]) -> BadInput {
        let next = |at: usize| self.name(circle[(at + 1) % circle.len()]);
        let names = |at: usize| {
            let mut after = self.steps[circle[at]].after.iter().flatten();
            let found = after.find(|name| name.get_ref() == next(at))?;
            Some(found.span().start)
        };
        let place = (0..circle.len()).find_map(names).unwrap_or_default();
        let way: Vec<_> = circle
            .iter()
            .chain(circle.first())
            .map(|step| self.name(*step).as_str())
            .collect();
        let problem = format!(
            "no step of this circle can begin, as each waits for the next: {}",
            way.join(" → ")
        );
        let hint = "take one out of an after; a step without after waits for the one above it";
        self.source.fault(place, problem, hint)
    }

    /// Refuses steps that may run at the same time and share an in-client state that one of them writes (R14).
    fn shared(&self, workflow: Vec<WorkflowStep>) -> Result<Vec<WorkflowStep>, BadInput> {
        let whole = Application {
            workflow,
            ..self.application.clone()
        };
        let with_client = |state: &StateName| whole.model_of(state) == ExecutionModel::InClient;
        if let Some(contested) = whole.contested(with_client) {
            let Contested { one, two, state } = contested;
            let place = self.steps.iter().find(|step| step.name.get_ref() == two);
            let place = place.map_or(0, |step| step.name.span().start);
            let hint = format!(
                "let one wait for the other, as after = [\"{one}\"], or give \"{state}\" another model"
            );
            return Err(self.source.fault(place, contested.to_string(), hint));
        }
        Ok(whole.workflow)
    }
}
