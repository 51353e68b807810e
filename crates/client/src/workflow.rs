//! Workflows that the client runs itself, as in the paper's Fig. 3: every step is an invocation of its own.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use fogline_core::application::WorkflowStep;
use fogline_core::model::{AppName, RunId, SessionId, StepName};
use fogline_core::workflow::{ReadyStep, Run};
use fogline_protocol::api::App;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use crate::call::{Key, Lost};
use crate::client::{Client, lock};
use crate::journal::{Held, Kept, Record};
use crate::reply::{RunReply, Target};
use crate::{Error, random};

impl Client {
    /// Runs an application's workflow for a session: steps that are ready at once, each under an id that follows from
    /// the run. What has finished is kept with the states that it made, and never executed again (R16).
    ///
    /// # Errors
    /// An error that names its step is the end of the run. [`Error::Interrupted`] is not: it can be resumed.
    pub async fn run_workflow(
        &self,
        app: &App,
        session: &SessionId,
        input: impl Into<Bytes>,
    ) -> Result<RunReply, Error> {
        let deadline = self.deadline();
        let step = |step: &fogline_protocol::api::AppStep| WorkflowStep {
            name: step.name.clone(),
            function: step.function.clone(),
            after: step.after.clone(),
        };
        let steps: Vec<_> = app.workflow.iter().map(step).collect();
        let id = RunId(random::bytes());
        let run = Run::start(id, &steps, input.into()).map_err(|source| Error::Workflow {
            app: app.name.clone(),
            source,
        })?;
        lock(&self.inner.apps).insert(app.name.clone(), Arc::new(app.clone()));
        let held = self.held(&app.name, session, deadline).await?;
        let bytes = run.encode();
        held.update(move |record| {
            record.runs.insert(id, Kept::Inline(bytes.into()));
        })
        .await?;
        self.go_on(&held, run, deadline).await
    }

    /// The runs of a session that have not ended and were interrupted, by this client's end or by an error.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn pending_workflows(&self, app: &AppName, session: &SessionId) -> Result<Vec<RunId>, Error> {
        let held = self.held(app, session, self.deadline()).await?;
        Ok(held.look(|record| record.runs.keys().copied().collect()))
    }

    /// Goes on with a run that was interrupted. Not to be called while it goes on elsewhere.
    ///
    /// # Errors
    /// As [`Client::run_workflow`]; [`Error::NothingPending`] when there is no such run.
    pub async fn resume_workflow(
        &self,
        app: &AppName,
        session: &SessionId,
        run: RunId,
    ) -> Result<RunReply, Error> {
        let deadline = self.deadline();
        let held = self.held(app, session, deadline).await?;
        let nothing = || Error::NothingPending {
            session: session.clone(),
            what: format!("run {run}"),
        };
        let kept = held
            .look(|record| record.runs.get(&run).cloned())
            .ok_or_else(nothing)?;
        let bytes = held.read(kept).await?;
        let run = Run::decode(&bytes).map_err(|source| Error::Workflow {
            app: app.clone(),
            source,
        })?;
        self.go_on(&held, run, deadline).await
    }

    /// Gives a run up. What its steps have done stays done; but if it has the session's states, these are again what was
    /// sent with it, and what it made of them is lost.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn abandon_workflow(
        &self,
        app: &AppName,
        session: &SessionId,
        run: RunId,
    ) -> Result<(), Error> {
        let held = self.held(app, session, self.deadline()).await?;
        held.update(move |record| record.lent.take_if(|lent| *lent == run))
            .await?;
        end(&held, run).await
    }

    async fn go_on(&self, held: &Arc<Held>, run: Run, deadline: Instant) -> Result<RunReply, Error> {
        let id = run.id();
        let ready = run.ready();
        let run = Arc::new(Mutex::new(Written::new(run)));
        let mut steps = FuturesUnordered::new();
        let (mut refused, mut unanswered) = (None, None);
        steps.extend(
            ready
                .into_iter()
                .map(|step| self.step(held, &run, step, deadline)),
        );
        // After an error, what is under way is awaited: its answer may hold states.
        while let Some(finished) = steps.next().await {
            match finished {
                Ok(_) if refused.is_some() || unanswered.is_some() => {}
                Ok(ready) => steps.extend(
                    ready
                        .into_iter()
                        .map(|step| self.step(held, &run, step, deadline)),
                ),
                Err(Lost::Refused(error)) => refused = refused.or(Some(error)),
                Err(Lost::Unsent(error) | Lost::Open(error)) => unanswered = unanswered.or(Some(error)),
            }
        }
        match (unanswered, refused) {
            // Also where another step's error is to end the run: what this one has changed can be asked for only as a step
            // of it.
            (Some(error), _) => Err(Error::Interrupted {
                session: held.session().clone(),
                run: id,
                source: Box::new(error),
            }),
            (None, Some(error)) => {
                end(held, id).await?;
                Err(error)
            }
            (None, None) => {
                let output = held
                    .look(|record| lock(&run).as_in(record).result())
                    .expect("a run with nothing ready or under way has finished");
                end(held, id).await?;
                Ok(RunReply { run: id, output })
            }
        }
    }

    /// Executes a step, and writes down its output together with its states. Gives the steps that are now ready.
    async fn step(
        &self,
        held: &Arc<Held>,
        run: &Arc<Mutex<Written>>,
        step: ReadyStep,
        deadline: Instant,
    ) -> Result<Vec<ReadyStep>, Lost> {
        let key = lock(run).run.key(&step.name);
        let target = Target::Function(step.function);
        let ready = Arc::new(Mutex::new(Vec::new()));
        let settle = {
            let (run, name, ready) = (Arc::clone(run), step.name.clone(), Arc::clone(&ready));
            move |record: &mut Record, output: Bytes| {
                // Under the record's lock: of two steps that finish at once, the later one writes both down.
                *lock(&ready) = lock(&run).finish(record, &name, output);
            }
        };
        let key = Key::Step(key);
        match self
            .exchange(held, &key, &target, step.input, Box::new(settle), deadline)
            .await
        {
            Ok(_) => Ok(std::mem::take(&mut *lock(&ready))),
            Err(Lost::Refused(Error::Problem { mut problem })) => {
                problem.step.get_or_insert_with(|| step.name.to_string());
                Err(Lost::Refused(Error::Problem { problem }))
            }
            Err(lost) => Err(lost),
        }
    }
}

/// A run as the record has it. A step whose answer could not be written down has not finished: its states are not here
/// either, so no later step may write down that it has.
struct Written {
    run: Run,
    /// What the record had before the last step that finished, and what it has after, if that could be written.
    last: Option<(Option<Kept>, Run)>,
}

impl Written {
    fn new(run: Run) -> Self {
        Self { run, last: None }
    }

    fn as_in(&mut self, record: &Record) -> &Run {
        if let Some((before, after)) = self.last.take()
            && record.runs.get(&after.id()) != before.as_ref()
        {
            self.run = after;
        }
        &self.run
    }

    /// Finishes a step in the record, which is then to be written. Gives the steps that are now ready.
    fn finish(&mut self, record: &mut Record, step: &StepName, output: Bytes) -> Vec<ReadyStep> {
        let mut run = self.as_in(record).clone();
        let ready = run.finish(step, output);
        let kept = Kept::Inline(run.encode().into());
        let before = record.runs.insert(run.id(), kept);
        self.last = Some((before, run));
        ready
    }
}

async fn end(held: &Held, run: RunId) -> Result<(), Error> {
    held.update(move |record| {
        record.runs.remove(&run);
    })
    .await
}

#[cfg(test)]
mod tests {
    use fogline_core::model::{Birth, NodeName};

    use super::*;

    fn step(name: &str, after: &[&str]) -> WorkflowStep {
        WorkflowStep {
            name: name.parse().unwrap(),
            function: "f".parse().unwrap(),
            after: after.iter().map(|name| name.parse().unwrap()).collect(),
        }
    }

    /// Two steps at once, and one after both: what a record has finished, as the next client would find it.
    #[test]
    fn a_step_that_was_not_written_down_has_not_finished() {
        let steps = [step("a", &[]), step("b", &[]), step("c", &["a", "b"])];
        let run = Run::start(RunId([1; 16]), &steps, Bytes::from_static(b"in")).unwrap();
        let home: NodeName = "edge-1".parse().unwrap();
        let session = SessionId::mint(home, vec![Birth::InClient], [7; 16]).unwrap();
        for is_written in [false, true] {
            let mut record = Record::new("shop".parse().unwrap(), &session);
            record.runs.insert(run.id(), Kept::Inline(run.encode().into()));
            let mut written = Written::new(run.clone());
            let mut next = record.clone();
            let none = written.finish(&mut next, &"a".parse().unwrap(), Bytes::new());
            assert!(none.is_empty());
            if is_written {
                record = next;
            }
            let ready = written.finish(&mut record, &"b".parse().unwrap(), Bytes::new());
            assert_eq!(ready.len(), usize::from(is_written), "written: {is_written}");
            let Some(Kept::Inline(kept)) = record.runs.get(&run.id()) else {
                panic!("the run is in the record");
            };
            let found: Vec<_> = Run::decode(kept)
                .unwrap()
                .ready()
                .into_iter()
                .map(|step| step.name.to_string())
                .collect();
            assert_eq!(found, if is_written { ["c"] } else { ["a"] });
        }
    }
}
