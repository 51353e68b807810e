use bytes::Bytes;
use proptest::prelude::*;

use super::{BadRun, ReadyStep, Run};
use crate::application::WorkflowStep;
use crate::model::RunId;
use crate::model::limits::MAX_BODY;

const ID: RunId = RunId([0xab; 16]);

pub(super) fn step(name: &str, after: &[&str]) -> WorkflowStep {
    WorkflowStep {
        name: name.parse().unwrap(),
        function: format!("do-{name}").parse().unwrap(),
        after: after.iter().map(|name| name.parse().unwrap()).collect(),
    }
}

pub(super) fn start(steps: &[WorkflowStep]) -> Run {
    Run::start(ID, steps, Bytes::from_static(b"in")).unwrap()
}

/// The workflow of the paper's Fig. 3.
pub(super) fn figure_3() -> [WorkflowStep; 3] {
    [step("f1", &[]), step("f2", &["f1"]), step("f3", &["f2", "f1"])]
}

fn finish(run: &mut Run, name: &str, output: &'static [u8]) -> Vec<ReadyStep> {
    run.finish(&name.parse().unwrap(), Bytes::from_static(output))
}

pub(super) fn names(steps: &[ReadyStep]) -> Vec<&str> {
    steps.iter().map(|step| step.name.as_str()).collect()
}

#[test]
fn a_chain_hands_each_output_on_as_it_is() {
    let mut run = start(&[step("a", &[]), step("b", &["a"])]);
    let ready = run.ready();
    assert_eq!((names(&ready), &ready[0].input[..]), (vec!["a"], &b"in"[..]));
    let ready = finish(&mut run, "a", b"one");
    assert_eq!(
        ready,
        [ReadyStep {
            name: "b".parse().unwrap(),
            function: "do-b".parse().unwrap(),
            input: Bytes::from_static(b"one")
        }]
    );
    assert_eq!(run.result(), None);
    assert!(finish(&mut run, "b", b"two").is_empty());
    assert_eq!(run.result().unwrap(), "two");
}

#[test]
fn a_join_waits_for_all_and_gets_them_in_the_order_of_the_manifest() {
    let mut run = start(&figure_3());
    assert_eq!(names(&finish(&mut run, "f1", b"xy")), ["f2"]);
    let ready = finish(&mut run, "f2", b"z");
    assert_eq!(names(&ready), ["f3"]);
    assert_eq!(&ready[0].input[..], b"\x01\0\0\0z\x02\0\0\0xy");
}

#[test]
fn what_does_not_fit_into_a_join_is_told_before_it_is_recorded() {
    let half = Bytes::from(vec![0; MAX_BODY.0 as usize / 2]);
    let mut run = start(&[
        step("a", &[]),
        step("b", &[]),
        step("alone", &["a"]),
        step("both", &["a", "b"]),
    ]);
    let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
    run.fits(&a, &half).unwrap();
    assert_eq!(names(&run.finish(&a, half.clone())), ["alone"]);
    let error = run.fits(&b, &half).unwrap_err();
    assert_eq!((error.step.as_str(), error.size.0), ("both", MAX_BODY.0 + 8));
    let most = half.slice(8..);
    run.fits(&b, &most).unwrap();
    let ready = run.finish(&b, most);
    assert_eq!(ready[0].input.len() as u64, MAX_BODY.0);
}

#[test]
fn several_last_steps_are_joined_into_the_result() {
    let mut run = start(&[step("a", &[]), step("b", &["a"]), step("c", &["a"])]);
    assert_eq!(names(&finish(&mut run, "a", b"")), ["b", "c"]);
    assert!(finish(&mut run, "c", b"C").is_empty());
    assert!(finish(&mut run, "b", b"").is_empty());
    assert_eq!(&run.result().unwrap()[..], b"\0\0\0\0\x01\0\0\0C");
}

#[test]
fn a_step_finishes_once() {
    let mut run = start(&figure_3());
    assert_eq!(names(&finish(&mut run, "f1", b"first")), ["f2"]);
    assert!(finish(&mut run, "f1", b"second").is_empty());
    assert_eq!(&run.ready()[0].input[..], b"first");
    assert!(finish(&mut run, "f9", b"no step of this run").is_empty());
}

#[test]
fn a_run_read_back_goes_on_where_it_was() {
    let mut run = start(&figure_3());
    let _ = finish(&mut run, "f1", b"xy");
    let mut back = Run::decode(&run.encode()).unwrap();
    assert_eq!(back, run);
    assert_eq!(names(&back.ready()), ["f2"]);
    assert_eq!(
        back.finished().map(|name| name.as_str()).collect::<Vec<_>>(),
        ["f1"]
    );
    assert_eq!(names(&finish(&mut back, "f2", b"z")), ["f3"]);
}

/// The first format's bytes: journals on disk hold them.
#[test]
fn the_first_format_is_read_for_ever() {
    let mut run = Run::start(
        ID,
        &[step("a", &[]), step("b", &["a"])],
        Bytes::from_static(b"in"),
    )
    .unwrap();
    let _ = finish(&mut run, "a", b"out");
    let mut golden = vec![1];
    golden.extend([0xab; 16]);
    golden.extend(b"\x02in\x02\x01a\x04do-a\x00\x01\x03out\x01b\x04do-b\x01\x01a\x00");
    assert_eq!(run.encode(), golden);
    assert_eq!(Run::decode(&golden).unwrap(), run);
}

#[test]
fn what_is_no_run_is_refused() {
    let refused = |steps: &[WorkflowStep]| Run::start(ID, steps, Bytes::new()).unwrap_err();
    assert_eq!(refused(&[]), BadRun::Empty);
    assert_eq!(
        refused(&[step("a", &[]), step("a", &[])]),
        BadRun::Twice("a".parse().unwrap())
    );
    assert!(matches!(
        refused(&[step("a", &["b"]), step("b", &[])]),
        BadRun::Order { .. }
    ));
    let many: Vec<_> = (0..65).map(|at| step(&format!("s{at}"), &[])).collect();
    assert_eq!(refused(&many), BadRun::TooManySteps(65));
    let good = start(&figure_3()).encode();
    assert_eq!(Run::decode(&[9, 9]).unwrap_err(), BadRun::Format(9));
    assert!(Run::decode(&good[..good.len() - 1]).is_err());
    assert!(Run::decode(&[&good[..], b"x"].concat()).is_err());
}

/// Any graph whose steps come after earlier ones.
fn graphs() -> impl Strategy<Value = Vec<WorkflowStep>> {
    prop::collection::vec(any::<u32>(), 1..12).prop_map(|masks| {
        let name = |at: usize| format!("s{at}");
        let steps = masks.iter().enumerate().map(|(at, mask)| {
            let after: Vec<_> = (0..at)
                .filter(|before| mask & (1 << before) != 0)
                .map(name)
                .collect();
            step(&name(at), &after.iter().map(String::as_str).collect::<Vec<_>>())
        });
        steps.collect()
    })
}

proptest! {
    /// In whatever order the steps that are ready finish, with restarts anywhere between.
    #[test]
    fn every_step_is_handed_out_once_and_after_its_predecessors(
        steps in graphs(),
        order in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 12),
    ) {
        let mut run = start(&steps);
        let mut ready = run.ready();
        let mut done: Vec<String> = Vec::new();
        for (pick, restart) in order {
            if ready.is_empty() {
                break;
            }
            let step = ready.swap_remove(pick.index(ready.len()));
            let declared = steps.iter().find(|other| other.name == step.name).unwrap();
            prop_assert!(declared.after.iter().all(|name| done.contains(&name.to_string())));
            prop_assert!(!done.contains(&step.name.to_string()));
            done.push(step.name.to_string());
            ready.extend(run.finish(&step.name, Bytes::from(step.name.to_string())));
            if restart {
                run = Run::decode(&run.encode()).unwrap();
                let mut again = run.ready();
                again.sort_by(|a, b| a.name.cmp(&b.name));
                ready.sort_by(|a, b| a.name.cmp(&b.name));
                prop_assert_eq!(&again, &ready);
            }
        }
        prop_assert_eq!(done.len(), steps.len());
        prop_assert!(run.result().is_some());
    }
}
