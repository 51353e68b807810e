//! A run whose steps call each other: what each does with its output, and what the record of the run still needs.
//!
//! An output goes straight to a successor that waits for nothing else, and to the record of the run where several
//! outputs are joined or the result is made (R16):
//! ```text
//!   a ──▶ b ──▶ d (join)      a sends to b and to c, which send to the record;
//!   └───▶ c ────┘             the record fires d, once, and d sends it the result
//! ```
//! Where ways part, the record gets the output too: one of them may come to it long before another, which must not have
//! what came before both executed again.
//!
//! The record does not see what passes by it. When nothing has come for a while it fires again what it does not have:
//! steps have the same ids, so what was executed is not executed again (R2).

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{ReadyStep, Run, Step};
use crate::model::StepName;

/// Where the output of a step goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Onward {
    /// The steps that it makes ready by itself.
    pub next: Vec<ReadyStep>,
    /// Whether the record of the run needs it.
    pub to_record: bool,
}

impl Run {
    /// The run without its input and outputs: what travels from step to step.
    #[must_use]
    pub fn plan(&self) -> Self {
        let step = |step: &Step| Step {
            output: None,
            ..step.clone()
        };
        Self {
            id: self.id,
            input: Bytes::new(),
            steps: self.steps.iter().map(step).collect(),
        }
    }

    /// Where the output of a step goes; nowhere if it is no step of this run.
    #[must_use]
    pub fn onward(&self, name: &StepName, output: &Bytes) -> Onward {
        let next = self.successors(name).filter(|step| !step.is_join());
        let ready = |step: &Step| ReadyStep {
            name: step.name.clone(),
            function: step.function.clone(),
            input: output.clone(),
        };
        Onward {
            next: next.map(ready).collect(),
            to_record: self.is_recorded(name),
        }
    }

    /// Takes up the output of a step that the record of the run needs, and gives the joins that this makes ready. A step
    /// finishes once, as in [`Run::finish`].
    #[must_use = "what is ready now must be executed"]
    pub fn arrive(&mut self, name: &StepName, output: Bytes) -> Vec<ReadyStep> {
        let ready = self.finish(name, output);
        let is_join = |ready: &ReadyStep| self.steps.iter().any(|it| it.name == ready.name && it.is_join());
        ready.into_iter().filter(is_join).collect()
    }

    /// The steps to be fired so that the record gets all that it does not have: those at the beginning, and, later,
    /// those behind the outputs that it has.
    #[must_use]
    pub fn missing(&self) -> Vec<ReadyStep> {
        let mut wanted: BTreeSet<&StepName> = BTreeSet::new();
        // Backwards: a step is wanted if its output is, and is not here.
        for step in self.steps.iter().rev() {
            let for_others = self
                .successors(&step.name)
                .any(|next| wanted.contains(&next.name));
            if step.output.is_none() && (for_others || self.is_last(&step.name)) {
                wanted.insert(&step.name);
            }
        }
        let ready = self.ready().into_iter();
        ready.filter(|step| wanted.contains(&step.name)).collect()
    }

    /// A step with this input; none if it is no step of this run.
    #[must_use]
    pub fn step(&self, name: &StepName, input: Bytes) -> Option<ReadyStep> {
        let step = self.steps.iter().find(|step| step.name == *name)?;
        Some(ReadyStep {
            name: step.name.clone(),
            function: step.function.clone(),
            input,
        })
    }

    /// Whether the record may yet get something of what was fired, after some steps have failed.
    #[must_use]
    pub fn is_awaited(&self, fired: &BTreeSet<StepName>, failed: &BTreeSet<StepName>) -> bool {
        let mut coming: BTreeSet<&StepName> = BTreeSet::new();
        for step in &self.steps {
            let by_hop = matches!(&step.after[..], [before] if coming.contains(before));
            if (by_hop || fired.contains(&step.name)) && !failed.contains(&step.name) {
                coming.insert(&step.name);
            }
        }
        let mut coming = self.steps.iter().filter(|step| coming.contains(&step.name));
        coming.any(|step| step.output.is_none() && self.is_recorded(&step.name))
    }

    /// The place of a step in the order of the workflow.
    #[must_use]
    pub fn position(&self, name: &StepName) -> Option<u32> {
        let at = self.steps.iter().position(|step| step.name == *name)?;
        u32::try_from(at).ok()
    }

    /// The places of the steps from which a step follows, by itself or joined with others.
    #[must_use]
    pub fn before(&self, name: &StepName) -> BTreeSet<u32> {
        let mut reached: BTreeSet<&StepName> = BTreeSet::new();
        for step in self.steps.iter().rev() {
            if step.name == *name || reached.contains(&step.name) {
                reached.extend(&step.after);
            }
        }
        reached
            .into_iter()
            .filter_map(|step| self.position(step))
            .collect()
    }

    /// The functions of a step and of all that follow from it, by itself or joined with others.
    #[must_use]
    pub fn from_here_on(&self, name: &StepName) -> BTreeSet<&crate::model::FunctionName> {
        let mut reached: BTreeSet<&StepName> = BTreeSet::new();
        for step in &self.steps {
            if step.name == *name || step.after.iter().any(|after| reached.contains(after)) {
                reached.insert(&step.name);
            }
        }
        let of = self.steps.iter().filter(|step| reached.contains(&step.name));
        of.map(|step| &step.function).collect()
    }

    fn successors<'a>(&'a self, name: &'a StepName) -> impl Iterator<Item = &'a Step> {
        self.steps.iter().filter(|step| step.after.contains(name))
    }

    pub(super) fn is_last(&self, name: &StepName) -> bool {
        self.successors(name).next().is_none()
    }

    fn is_recorded(&self, name: &StepName) -> bool {
        self.is_last(name) || self.is_fork(name) || self.successors(name).any(Step::is_join)
    }

    fn is_fork(&self, name: &StepName) -> bool {
        self.successors(name).nth(1).is_some()
    }
}

impl Step {
    /// Whether its input is made of several outputs.
    fn is_join(&self) -> bool {
        self.after.len() > 1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{figure_3, names, start, step};
    use super::*;
    use crate::application::WorkflowStep;

    fn output(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    #[test]
    fn an_output_goes_straight_to_who_needs_nothing_else_and_to_the_record_for_joins() {
        let mut run = start(&figure_3());
        assert_eq!(names(&run.missing()), ["f1"]);
        let onward = run.onward(&"f1".parse().unwrap(), &output("one"));
        assert_eq!((names(&onward.next), onward.to_record), (vec!["f2"], true));
        assert_eq!(onward.next[0].input, "one");
        let onward = run.onward(&"f2".parse().unwrap(), &output("two"));
        assert_eq!((onward.next.len(), onward.to_record), (0, true));
        // f2 was fired by f1, and is fired again only when something was lost.
        assert!(run.arrive(&"f1".parse().unwrap(), output("one")).is_empty());
        assert_eq!(names(&run.missing()), ["f2"]);
        let ready = run.arrive(&"f2".parse().unwrap(), output("two"));
        assert_eq!(names(&ready), ["f3"]);
        assert!(
            run.arrive(&"f2".parse().unwrap(), output("other")).is_empty(),
            "a join fires once"
        );
        assert_eq!(run.result(), None);
        assert!(run.arrive(&"f3".parse().unwrap(), output("end")).is_empty());
        assert_eq!(run.result().unwrap(), "end");
        assert!(run.missing().is_empty());
    }

    #[test]
    fn what_came_before_something_that_has_come_is_not_fired_again() {
        let chain = [step("a", &[]), step("b", &["a"]), step("c", &["b"])];
        let mut run = start(&chain);
        assert_eq!(names(&run.missing()), ["a"]);
        assert!(run.arrive(&"c".parse().unwrap(), output("end")).is_empty());
        assert_eq!((run.missing(), run.result()), (Vec::new(), Some(output("end"))));
        assert_eq!(run.plan().missing()[0].input, "", "a plan holds nothing");
        assert_eq!(run.from_here_on(&"b".parse().unwrap()).len(), 2);
    }

    #[test]
    fn after_a_failure_what_was_fired_beside_it_is_awaited() {
        let fork = [
            step("a", &[]),
            step("b", &["a"]),
            step("c", &["a"]),
            step("d", &["b", "c"]),
        ];
        let mut run = start(&fork);
        let set = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
        let (fired, failed) = (set(&["a"]), set(&["b"]));
        assert!(run.is_awaited(&fired, &failed), "c may come");
        assert!(run.arrive(&"a".parse().unwrap(), output("a")).is_empty());
        assert!(run.is_awaited(&fired, &failed), "c may still come");
        assert!(run.arrive(&"c".parse().unwrap(), output("c")).is_empty());
        assert!(!run.is_awaited(&fired, &failed), "and d never will");
        assert!(!start(&fork).is_awaited(&fired, &set(&["a"])));
    }

    #[test]
    fn what_came_before_a_fork_is_not_fired_again_when_one_way_is_longer() {
        let fork = [step("a", &[]), step("b", &["a"]), step("c", &["a"])];
        let mut run = start(&fork);
        let onward = run.onward(&"a".parse().unwrap(), &output("a"));
        assert_eq!((names(&onward.next), onward.to_record), (vec!["b", "c"], true));
        assert!(run.arrive(&"a".parse().unwrap(), output("a")).is_empty());
        assert!(run.arrive(&"b".parse().unwrap(), output("b")).is_empty());
        assert_eq!(names(&run.missing()), ["c"]);
    }

    #[test]
    fn a_step_follows_from_those_on_every_way_to_it() {
        let steps = [
            step("a", &[]),
            step("b", &["a"]),
            step("c", &[]),
            step("d", &["a"]),
            step("e", &["b", "c"]),
        ];
        let run = start(&steps);
        let before = |name: &str| run.before(&name.parse().unwrap());
        assert_eq!(before("e"), [0, 1, 2].into());
        assert_eq!(before("d"), [0].into());
        assert!(before("a").is_empty());
    }

    /// Some directed acyclic graph.
    fn workflow() -> impl Strategy<Value = Vec<WorkflowStep>> {
        prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..3), 1..8).prop_map(
            |all| {
                let name = |at: usize| format!("s{at}");
                let steps = all.into_iter().enumerate().map(|(at, after)| {
                    let mut before: Vec<usize> =
                        after.iter().filter(|_| at > 0).map(|it| it.index(at)).collect();
                    before.sort_unstable();
                    before.dedup();
                    let before: Vec<String> = before.into_iter().map(name).collect();
                    step(&name(at), &before.iter().map(String::as_str).collect::<Vec<_>>())
                });
                steps.collect()
            },
        )
    }

    /// What a step gives: all that it got, and its name.
    fn execute(step: &ReadyStep) -> Bytes {
        let mut text = step.input.to_vec();
        text.extend_from_slice(step.name.as_str().as_bytes());
        text.into()
    }

    proptest! {
        /// Messages are lost, doubled and late, in any order: the result is that of a run by one node, and no join has
        /// been fired with two inputs.
        #[test]
        fn hops_that_are_lost_and_doubled_give_the_result_of_a_run_by_one_node(
            steps in workflow(),
            fate in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8), 0..60),
        ) {
            let mut alone = start(&steps);
            let mut ready = alone.ready();
            while let Some(step) = ready.pop() {
                ready.extend(alone.finish(&step.name, execute(&step)));
            }
            let mut record = start(&steps);
            let mut inputs = std::collections::BTreeMap::new();
            let mut fate = fate.into_iter();
            let mut under_way = record.missing();
            for _ in 0..10_000 {
                if record.result().is_some() {
                    break;
                }
                if under_way.is_empty() {
                    under_way = record.missing();
                    prop_assert!(!under_way.is_empty(), "nothing to do, and no result");
                }
                let (at, what) = fate.next().map_or((0, 3), |(at, what)| (at.index(under_way.len()), what));
                let step = under_way.swap_remove(at);
                let before = inputs.entry(step.name.clone()).or_insert_with(|| step.input.clone());
                prop_assert_eq!(&*before, &step.input, "{} is one invocation", step.name);
                match what {
                    0 => continue,
                    1 => under_way.push(step.clone()),
                    _ => {}
                }
                let output = execute(&step);
                let onward = record.onward(&step.name, &output);
                // An answer that is late or lost: what it would have made ready is fired again.
                if what != 2 {
                    under_way.extend(onward.next);
                }
                if onward.to_record {
                    under_way.extend(record.arrive(&step.name, output));
                }
            }
            prop_assert_eq!(record.result(), alone.result());
        }
    }
}
