//! What is known of one function: which nodes can run it, and how long each takes.

use std::collections::BTreeMap;
use std::time::Duration;

use super::map::Machine;
use super::request::Request;
use crate::application::{Application, Function};
use crate::cost::{Cloud, CostOptions, Invocation, Leg, Repository};
use crate::estimate::FadingMean;
use crate::model::limits::MAX_STATES;
use crate::model::{Bytes, FunctionId, StateIndex, StateName, Step, StepIndex, Workflow};
use crate::policy::Placement;

/// An observation counts half as much when it is so old: long enough to average over a hundred executions of a busy
/// function, short enough to follow a node that slows down.
pub const HALF_LIFE: Duration = Duration::from_secs(10);

/// A function, by machine of the map.
#[derive(Clone, Debug)]
pub(super) struct Service {
    /// As it was when this was made.
    function: Function,
    /// An invocation of it, which is what the legs of a cost model are reckoned for.
    workflow: Workflow,
    /// The states that it declares, with the sizes that the manifest says, in the order of the workflow's.
    declared: Vec<(StateName, Bytes)>,
    /// Whether the machine has what the function requires.
    pub(super) capable: Vec<bool>,
    /// How long one execution takes, in seconds: as learnt, if that is known of all that can run it; or else as the map
    /// says, because what some have measured is not to be compared with what the map says of others.
    pub(super) seconds: Vec<f64>,
    /// What the map says.
    mapped: Vec<f64>,
    own: Vec<FadingMean>,
    /// Whether the machine's own executions were heard of; until then those of its class count.
    observed: Vec<bool>,
    classes: BTreeMap<u32, FadingMean>,
    /// Time to an answer, as this node measured it.
    pub(super) answers: Vec<FadingMean>,
    /// What the next invocation has, if any had one.
    pub(super) next_turn: Option<u64>,
}

impl Service {
    /// What the map says of a function. `None` for one that has more states than fit into a workflow.
    pub(super) fn new(machines: &[Machine], request: &Request<'_>) -> Option<Self> {
        let function = request.function;
        let seconds = mapped(machines, function);
        Some(Self {
            workflow: invocation_of(request.app, function, request.input)?,
            declared: declared(request.app, function),
            capable: machines
                .iter()
                .map(|machine| missing(machine, function).is_none())
                .collect(),
            own: seconds.iter().map(|mean| prior(*mean, request.now)).collect(),
            observed: vec![false; machines.len()],
            classes: BTreeMap::new(),
            answers: vec![FadingMean::new(HALF_LIFE); machines.len()],
            next_turn: None,
            function: function.clone(),
            mapped: seconds.clone(),
            seconds,
        })
    }

    /// Goes on with other machines; `before` tells which of the old ones each was.
    pub(super) fn redraw(&mut self, machines: &[Machine], before: &[Option<usize>], classes: &[u32]) {
        self.mapped = mapped(machines, &self.function);
        self.capable = machines
            .iter()
            .map(|machine| missing(machine, &self.function).is_none())
            .collect();
        let seen: Vec<Option<usize>> = before
            .iter()
            .map(|from| from.filter(|from| self.observed[*from]))
            .collect();
        let own = seen.iter().zip(&self.mapped);
        let own = own
            .map(|(from, mapped)| from.map_or_else(|| prior(*mapped, Duration::ZERO), |from| self.own[from]));
        self.own = own.collect();
        self.observed = seen.iter().map(Option::is_some).collect();
        let answers = before.iter();
        let answers =
            answers.map(|from| from.map_or_else(|| FadingMean::new(HALF_LIFE), |from| self.answers[from]));
        self.answers = answers.collect();
        // Machines that are alike have other numbers now.
        self.classes.clear();
        self.settle(classes);
    }

    /// Whether this is still the function of a request.
    pub(super) fn fits(&self, request: &Request<'_>) -> bool {
        let size = |state: &StateName| request.app.states.get(state).map(|state| state.size);
        self.function == *request.function
            && self
                .declared
                .iter()
                .all(|(state, declared)| size(state) == Some(*declared))
    }

    /// Writes the legs that a placement policy counts behind those in `out`.
    pub(super) fn legs(
        &mut self,
        placement: Placement,
        request: &Request<'_>,
        repository: Repository,
        cloud: Option<Cloud>,
        out: &mut Vec<Leg>,
    ) {
        let step = StepIndex(0);
        self.workflow.set_input(step, request.input);
        for (at, (state, declared)) in self.declared.iter().enumerate() {
            let size = request.states.get(state).unwrap_or(declared);
            self.workflow.set_state(StateIndex(at as u32), *size);
        }
        let invocation = Invocation {
            workflow: &self.workflow,
            step,
            client: request.client,
            repository,
            cloud: cloud.unwrap_or(Cloud::At(request.home)),
            cloud_from_client: None,
            workers: &[],
            homes: &[None; MAX_STATES][..self.workflow.states().len()],
        };
        placement
            .costs()
            .legs(request.model, &invocation, CostOptions::default(), out);
    }

    /// Takes up how long an execution took on a machine. `classes` tells which machines are alike.
    pub(super) fn executed(&mut self, machine: usize, classes: &[u32], seconds: f64, now: Duration) {
        self.own[machine].add(seconds, now);
        self.share(machine, classes, seconds, now);
    }

    /// Takes up what a machine says of itself, which is the mean of much that was not seen from here.
    pub(super) fn told(&mut self, machine: usize, classes: &[u32], seconds: f64, now: Duration) {
        self.own[machine] = prior(seconds, now);
        self.share(machine, classes, seconds, now);
    }

    fn share(&mut self, machine: usize, classes: &[u32], seconds: f64, now: Duration) {
        self.observed[machine] = true;
        let class = self.classes.entry(classes[machine]);
        let class = class.or_insert_with(|| FadingMean::new(HALF_LIFE));
        class.add(seconds, now);
        self.settle(classes);
    }

    fn settle(&mut self, classes: &[u32]) {
        let learnt = |at: usize| {
            let of_class = || self.classes.get(&classes[at]);
            let mean = if self.observed[at] {
                Some(&self.own[at])
            } else {
                of_class()
            };
            mean.and_then(FadingMean::mean)
        };
        let known = |at: usize| learnt(at).or((!self.capable[at]).then_some(self.mapped[at]));
        let all: Option<Vec<f64>> = (0..self.mapped.len()).map(known).collect();
        self.seconds = all.unwrap_or_else(|| self.mapped.clone());
    }
}

/// How long one execution takes on each of these machines, in seconds, as the map says.
fn mapped(machines: &[Machine], function: &Function) -> Vec<f64> {
    let seconds = |machine: &Machine| function.operations.0 as f64 / machine.speed(function.class);
    machines.iter().map(seconds).collect()
}

/// What is taken for true until something is observed; it counts as one observation.
fn prior(seconds: f64, now: Duration) -> FadingMean {
    let mut mean = FadingMean::new(HALF_LIFE);
    mean.add(seconds, now);
    mean
}

/// The first thing that a function requires and a machine does not have.
pub(super) fn missing<'a>(machine: &Machine, function: &'a Function) -> Option<&'a str> {
    let required = function.requires.iter();
    required.map(String::as_str).find(|it| !machine.has(it))
}

/// The states that a function declares, by name, with the sizes that the manifest says.
fn declared(app: &Application, function: &Function) -> Vec<(StateName, Bytes)> {
    let states = function.reads.union(&function.writes);
    states
        .map(|state| (state.clone(), app.states[state].size))
        .collect()
}

/// One invocation of a function as a workflow of one step, which is what the legs of a cost model are reckoned for.
/// `None` if it declares more states than an application may have.
pub(super) fn invocation_of(app: &Application, function: &Function, input: Bytes) -> Option<Workflow> {
    let sizes: Vec<Bytes> = declared(app, function)
        .into_iter()
        .map(|(_, size)| size)
        .collect();
    let step = Step {
        function: FunctionId(0),
        operations: function.operations,
        input,
        after: Vec::new(),
        states: (0..sizes.len() as u32).map(StateIndex).collect(),
    };
    (sizes.len() <= MAX_STATES)
        .then(|| Workflow::new(vec![step], sizes, function.output).ok())
        .flatten()
}
