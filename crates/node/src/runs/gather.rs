//! The record of a run whose steps call each other (R16): what arrives is written down before anything follows from it,
//! joins are fired once, and what does not come is fired again until the deadline.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fogline_core::model::{StateName, StepName, Timestamp};
use fogline_core::workflow::{ReadyStep, Run};
use fogline_protocol::peer::Shown;

use super::hops::{Arrived, Desk, Envelope, Errand, fire};
use super::{Executing, Ran};
use crate::fault::Fault;

/// How often the time doubles for which a record waits before it fires again.
const MAX_DOUBLED: u32 = 10;

impl Executing<'_> {
    /// Has the steps of a run call each other, and waits for the result.
    pub(super) async fn gather(mut self, mut run: Run, deadline: Timestamp) -> Result<Ran, Fault> {
        let mut desk = self.node.runs.hops.open(&self.node.name);
        let plan = Arc::new(run.plan());
        let (mut fired, mut failed_steps) = (BTreeSet::new(), BTreeSet::new());
        let mut failed: Option<Fault> = None;
        let mut silences = 0_u32;
        let mut ready = run.missing();
        loop {
            for step in ready.drain(..) {
                fired.insert(step.name.clone());
                match self.errand(&run, &plan, &desk, &step, deadline) {
                    Ok(errand) => fire(self.node, errand),
                    Err(fault) => {
                        failed.get_or_insert(fault.in_step(&step.name));
                        failed_steps.insert(step.name);
                    }
                }
            }
            match failed.take() {
                Some(fault) if run.is_awaited(&fired, &failed_steps) => failed = Some(fault),
                Some(fault) => return Err(fault.after(self.changed)),
                None => {
                    if let Some(result) = run.result() {
                        return Ok(self.ran(result));
                    }
                }
            }
            let Some(arrived) = next(&mut desk, self.patience(silences)).await else {
                silences += 1;
                let again = run.missing().into_iter();
                ready = again.filter(|step| !failed_steps.contains(&step.name)).collect();
                continue;
            };
            silences = 0;
            ready = self
                .take_up(&mut run, arrived, &mut failed, &mut failed_steps)
                .await;
        }
    }

    fn patience(&self, silences: u32) -> Duration {
        self.node.runs.fire_again_after * (1 << silences.min(MAX_DOUBLED))
    }

    /// Writes down what has arrived; gives the joins that are ready now.
    async fn take_up(
        &mut self,
        run: &mut Run,
        arrived: Arrived,
        failed: &mut Option<Fault>,
        failed_steps: &mut BTreeSet<StepName>,
    ) -> Vec<ReadyStep> {
        // What comes once more of a step that has finished is not what others have gone on from.
        if !run.finished().any(|step| *step == arrived.step) {
            for (state, by, sealed) in arrived.envelopes {
                self.take_envelope(state, by, sealed);
            }
        }
        self.shown = Shown::newest(self.shown, arrived.shown);
        let output = arrived.output.map_err(Fault::from);
        let output = output.and_then(|output| Ok(run.fits(&arrived.step, &output).map(|()| output)?));
        let ready = match output {
            Ok(output) => run.arrive(&arrived.step, output),
            Err(fault) => {
                failed_steps.insert(arrived.step);
                failed.get_or_insert(fault);
                Vec::new()
            }
        };
        if let Err(fault) = self.write_down(run).await {
            failed.get_or_insert(fault);
        }
        if failed.is_none() { ready } else { Vec::new() }
    }

    /// Of two envelopes of a state that come on different ways, the client gets the one that was made later.
    fn take_envelope(&mut self, state: StateName, by: u32, sealed: Bytes) {
        let latest = self.made_by.get(&state).copied();
        if latest.is_some_and(|latest| latest > by) {
            self.replaced.entry(state).or_default().insert(by, sealed);
            return;
        }
        self.made_by.insert(state.clone(), by);
        let before = self.changed.insert(state.clone(), sealed);
        if let (Some(latest), Some(before)) = (latest.filter(|latest| *latest < by), before) {
            self.replaced.entry(state).or_default().insert(latest, before);
        }
    }

    /// The envelopes that a step works on: of each state what was made last before it, and never what came of the step
    /// itself, which may be fired again.
    fn before(&self, run: &Run, step: &StepName) -> BTreeMap<StateName, Bytes> {
        let before = run.before(step);
        let mut envelopes = self.envelopes.clone();
        for (state, latest) in &self.made_by {
            let newest = self.changed.get(state).filter(|_| before.contains(latest));
            let replaced = self.replaced.get(state).into_iter().flatten();
            let older = replaced
                .filter(|(by, _)| before.contains(by))
                .map(|(_, made)| made);
            if let Some(made) = newest.or_else(|| older.last()) {
                envelopes.insert(state.clone(), made.clone());
            }
        }
        envelopes
    }

    /// What is here need not come back: envelopes leave as if the client had sent them.
    fn errand(
        &self,
        run: &Run,
        plan: &Arc<Run>,
        desk: &Desk,
        step: &ReadyStep,
        deadline: Timestamp,
    ) -> Result<Errand, Fault> {
        let envelopes = self.before(run, &step.name).into_iter();
        let envelopes = envelopes.map(|(state, sealed)| (state, Envelope { sealed, by: None }));
        let errand = Errand {
            common: self.common(deadline),
            ticket: desk.ticket.clone(),
            plan: Arc::clone(plan),
            step: step.clone(),
            shown: self.shown,
            envelopes: envelopes.collect(),
        };
        errand.onto(self.node, step.clone())
    }
}

/// What arrives next, if something does in time.
async fn next(desk: &mut Desk, patience: Duration) -> Option<Arrived> {
    tokio::time::timeout(patience, desk.arrivals.recv())
        .await
        .ok()
        .flatten()
}
