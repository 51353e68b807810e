//! Runs of workflows that this node executes (R16, R21): the shell around [`Run`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fogline_core::application::Application;
use fogline_core::model::limits::MAX_SESSION_QUEUE;
use fogline_core::model::{RunId, SessionId, StateName, StepName, Timestamp};
use fogline_core::session::{Refusal, Seen, SessionKey};
use fogline_core::workflow::{ReadyStep, Run};
use fogline_protocol::api::{self, RunBy, RunStatus};
use fogline_protocol::peer::Shown;
use fogline_protocol::problem::Kind;
use fogline_protocol::trace::TraceContext;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sha2::{Digest, Sha256};

use crate::admit::{self, Scope};
use crate::fault::Fault;
use crate::homes::Turns;
use crate::node::Node;
use crate::sessions;

mod gather;
mod hops;
mod inbox;
mod later;
mod record;
mod steps;

use hops::Hops;
pub(crate) use hops::{arrive, take};
use inbox::Inboxes;
use later::execute_later;
use record::{Progress, Record, Replaced, begin, decode, keep, stored, unfinished};
pub(crate) use record::{forget_app, forget_old};
use steps::Common;

/// The runs that this node executes.
pub(crate) struct Runs {
    /// Whoever sends a run again waits for the one under way.
    turns: Turns<RunId>,
    /// Accepted runs of one session are executed in the order of their coming.
    inboxes: Arc<Inboxes>,
    /// Steps that call each other.
    hops: Hops,
    /// As [`crate::Limits::fire_again_after`].
    fire_again_after: Duration,
}

impl Runs {
    pub(crate) fn new(fire_again_after: Duration) -> Self {
        Self {
            turns: Turns::new(MAX_SESSION_QUEUE),
            inboxes: Arc::default(),
            hops: Hops::default(),
            fire_again_after,
        }
    }

    /// How many runs were left to this node and have not ended.
    pub(crate) fn accepted(&self) -> usize {
        self.inboxes.places()
    }
}

/// A run as it was asked for.
pub(crate) struct Asked {
    pub(crate) scope: Scope,
    /// The client's name for it, if it has one.
    pub(crate) key: Option<String>,
    pub(crate) input: Bytes,
    pub(crate) envelopes: BTreeMap<StateName, Bytes>,
    pub(crate) seen: Option<Seen>,
    pub(crate) holder: Option<fogline_core::model::ClientId>,
    pub(crate) by: RunBy,
    pub(crate) timeout: Duration,
    /// Of which trace it is, if that is recorded.
    pub(crate) trace: Option<TraceContext>,
}

/// What came of a run, or of a step of it.
pub(crate) struct Ran {
    pub(crate) output: Bytes,
    /// Those that the client must keep.
    pub(crate) envelopes: Vec<(StateName, Bytes)>,
    /// The newest that was shown of the session's primary part.
    pub(crate) shown: Option<Shown>,
    /// Whether it had ended before.
    pub(crate) replayed: bool,
}

impl Asked {
    /// Each time another, if it has no name.
    pub(crate) fn id(&self) -> RunId {
        match &self.key {
            Some(key) => RunId(admit::id_of_key(&self.scope, &format!("run {key}")).0),
            None => RunId(crate::random::bytes()),
        }
    }

    fn session(&self) -> Result<&SessionId, Fault> {
        self.scope
            .session
            .as_ref()
            .ok_or_else(|| Refusal::NoSession.into())
    }

    /// Refuses steps that write one state at once of a session whose client has sent it (R14): the session may have been born, or
    /// gone there, under a version without them.
    fn check_with_client(&self, app: &Application) -> Result<(), Fault> {
        let session = self.session()?;
        for part in session.parts() {
            let states = sessions::states_of(app, session, *part);
            if self.envelopes.keys().any(|state| states.contains(state)) {
                sessions::check_with_client(app, session, *part)?;
            }
        }
        Ok(())
    }

    fn of_session(&self) -> Result<SessionKey, Fault> {
        Ok(SessionKey {
            tenant: self.scope.tenant.clone(),
            app: self.scope.app.clone(),
            session: self.session()?.clone(),
        })
    }
}

/// Executes a run of this id, and gives its result.
pub(crate) async fn run(node: &Arc<Node>, id: RunId, asked: Asked) -> Result<Ran, Fault> {
    let app = node.apps.get(&asked.scope.tenant, &asked.scope.app)?;
    let run = Run::start(id, &app.spec.workflow, asked.input.clone()).map_err(|error| no_workflow(&error))?;
    asked.check_with_client(&app.spec)?;
    if asked.key.is_none() {
        return Executing::new(node, &asked, None).end(run).await;
    }
    let _turn = node.runs.turns.take(&run.id()).await?;
    let record = match begun(node, &asked, run.id())? {
        Some(record) => {
            check_not_gone(node, &asked.scope).await?;
            record
        }
        // What a client holds comes with each request, so its runs are executed anew; their steps are not (R2).
        None if !asked.envelopes.is_empty() => return Executing::new(node, &asked, None).end(run).await,
        None => {
            let record = new_record(node, &asked, &run)?;
            begin(&node.store, &record).await?;
            record
        }
    };
    finish(node, &asked, record).await
}

/// Accepts a run to be executed later.
pub(crate) async fn accept_run(node: &Arc<Node>, asked: Asked) -> Result<api::Run, Fault> {
    let app = node.apps.get(&asked.scope.tenant, &asked.scope.app)?;
    let run = Run::start(asked.id(), &app.spec.workflow, asked.input.clone())
        .map_err(|error| no_workflow(&error))?;
    asked.check_with_client(&app.spec)?;
    let id = run.id();
    let begun = begun(node, &asked, id)?;
    // Nobody waits here for one that is executed for the inbox.
    if begun.is_none_or(|record| is_given_up(node, &record)) {
        leave_to_inbox(node, &asked, run).await?;
    }
    describe(node, &asked.scope, id)
}

/// A session that has ended answers for none of its runs (R3). One that is out of reach for now is not known to have.
pub(crate) async fn check_not_gone(node: &Node, scope: &Scope) -> Result<(), Fault> {
    let session = scope.session.as_ref().ok_or(Refusal::NoSession)?;
    let mut gone = Ok(());
    for part in session.parts() {
        match sessions::find(node, &scope.tenant, &scope.app, session, *part).await {
            // A part that nobody used has ended by itself.
            Err(fault) if fault.problem().kind == Kind::Gone => gone = Err(fault),
            _ => return Ok(()),
        }
    }
    gone
}

/// What is known of a run that was asked for before.
fn begun(node: &Node, asked: &Asked, id: RunId) -> Result<Option<Record>, Fault> {
    let record = stored(&node.store, id)?;
    record.map(|record| record.of(asked)).transpose()
}

/// Whether nobody executes a run that has not ended, unless somebody has its turn: whoever did stopped waiting.
fn is_given_up(node: &Node, record: &Record) -> bool {
    let waits = |number| node.runs.inboxes.holds(&record.of_session(), number);
    !record.has_ended() && !record.inbox.is_some_and(waits)
}

async fn leave_to_inbox(node: &Arc<Node>, asked: &Asked, run: Run) -> Result<(), Fault> {
    let id = run.id();
    let _turn = node.runs.turns.take(&id).await?;
    let begun = begun(node, asked, id)?;
    if begun.as_ref().is_some_and(|record| !is_given_up(node, record)) {
        return Ok(());
    }
    check_session(node, &asked.scope).await?;
    let mut place = node
        .runs
        .inboxes
        .reserve(&asked.of_session()?, node.clock.now())?;
    let mut record = new_record(node, asked, &run)?;
    record.inbox = Some(place.number);
    if let Some(begun) = begun {
        record.changed = begun.changes(&asked.envelopes);
        record.shown = begun.shown;
        (record.progress, record.made_by) = (begun.progress, begun.made_by);
        record.replaced = begun.replaced;
    }
    begin(&node.store, &record).await?;
    place.is_recorded(id);
    execute_later(node, record, place);
    Ok(())
}

/// Nothing is accepted for a session that this node keeps and that is not there; one that is kept elsewhere may be
/// out of reach for now.
async fn check_session(node: &Node, scope: &Scope) -> Result<(), Fault> {
    let session = scope.session.as_ref().ok_or(Refusal::NoSession)?;
    let home = node.forwards.home(session, session.primary());
    if home.node() == Some(&node.name) {
        sessions::describe(node, &scope.tenant, &scope.app, session).await?;
    }
    Ok(())
}

/// How a run is.
pub(crate) fn describe(node: &Node, scope: &Scope, id: RunId) -> Result<api::Run, Fault> {
    let record = record_of(node, scope, id)?;
    let problem = record.problem();
    let (finished, status) = match record.progress {
        Progress::UnderWay(run) => {
            let finished = decode(&run)?.finished().cloned().collect();
            (finished, RunStatus::Accepted)
        }
        Progress::Done { finished, .. } => (finished, RunStatus::Done),
    };
    Ok(api::Run {
        run: id,
        node: node.name.clone(),
        status: problem.as_ref().map_or(status, |_| RunStatus::Failed),
        finished,
        problem,
    })
}

/// The result of a run, if it has one, with the envelopes that the client must keep.
pub(crate) fn result(node: &Node, scope: &Scope, id: RunId) -> Result<Ran, Fault> {
    let record = record_of(node, scope, id)?;
    let problem = record.problem();
    let changed = record.changed.into_iter().collect();
    match (problem, record.progress) {
        (Some(problem), _) => Err(Fault::with_envelopes(problem, changed)),
        (None, Progress::Done { result, .. }) => Ok(Ran {
            output: result,
            envelopes: changed,
            shown: record.shown,
            replayed: true,
        }),
        (None, Progress::UnderWay(_)) => Err(Fault::new(
            Kind::Conflict,
            "the run has not ended",
            "ask again later; its description says how it is",
        )),
    }
}

/// The record of a run of this session, and of no other.
fn record_of(node: &Node, scope: &Scope, id: RunId) -> Result<Record, Fault> {
    let record = stored(&node.store, id)?.filter(|record| {
        record.tenant == scope.tenant
            && record.app == scope.app
            && Some(&record.session) == scope.session.as_ref()
    });
    record.ok_or_else(|| {
        Fault::not_found(
            format!("{} knows of no run {id} of this session", node.name),
            "the node that accepted a run keeps its record for a day; runs without a name have none",
        )
    })
}

/// Goes on with the runs that had been accepted when the node stopped, and forgets old ones.
pub(crate) async fn resume(node: &Arc<Node>) -> Result<(), Fault> {
    forget_old(&node.store, node.clock.now()).await?;
    let mut waiting = Vec::new();
    // Each has its place before the first is executed.
    for record in unfinished(&node.store).await? {
        if let Some(number) = record.inbox {
            let inboxes = &node.runs.inboxes;
            let place = inboxes.restore(&record.of_session(), number, record.id);
            waiting.push((record, place));
        }
    }
    for (record, place) in waiting {
        execute_later(node, record, place);
    }
    Ok(())
}

async fn finish(node: &Arc<Node>, asked: &Asked, record: Record) -> Result<Ran, Fault> {
    let run = match &record.progress {
        Progress::Done { result, .. } => {
            let changed = record.changes(&asked.envelopes);
            return Ok(Ran {
                output: result.clone(),
                envelopes: changed.into_iter().collect(),
                shown: record.shown,
                replayed: true,
            });
        }
        Progress::UnderWay(run) => decode(run)?,
    };
    // Whoever asks for a run that has failed has it go on; until it is done, it has failed.
    Executing::new(node, asked, Some(record)).end(run).await
}

async fn fail(node: &Node, record: &Record, fault: &Fault) -> Result<(), Fault> {
    let mut record = stored(&node.store, record.id)?.unwrap_or_else(|| record.clone());
    if record.has_ended() {
        return Ok(());
    }
    // What its client was to get with the refusal.
    record.changed.extend(fault.envelopes().iter().cloned());
    record.problem = serde_json::to_string(fault.problem()).ok();
    keep(&node.store, &record).await
}

fn new_record(node: &Node, asked: &Asked, run: &Run) -> Result<Record, Fault> {
    let now = node.clock.now();
    Ok(Record {
        id: run.id(),
        tenant: asked.scope.tenant.clone(),
        app: asked.scope.app.clone(),
        session: asked.session()?.clone(),
        accepted: now,
        deadline: now.after(asked.timeout),
        input: Sha256::digest(&asked.input).into(),
        progress: Progress::of(run),
        inbox: None,
        holder: asked.holder,
        envelopes: asked.envelopes.clone(),
        changed: BTreeMap::new(),
        made_by: BTreeMap::new(),
        replaced: BTreeMap::new(),
        by: asked.by,
        shown: None,
        problem: None,
        trace: asked.trace.clone(),
    })
}

fn no_workflow(error: &fogline_core::workflow::BadRun) -> Fault {
    Fault::new(
        Kind::Conflict,
        error.to_string(),
        "name its steps as [[workflow.steps]] in the manifest",
    )
}

/// A run under way.
struct Executing<'a> {
    node: &'a Arc<Node>,
    asked: &'a Asked,
    record: Option<Record>,
    /// What the next step works on; where steps call each other, what the first did.
    envelopes: BTreeMap<StateName, Bytes>,
    changed: BTreeMap<StateName, Bytes>,
    /// Which step made each of these, where steps call each other.
    made_by: BTreeMap<StateName, u32>,
    /// As in [`Record`].
    replaced: Replaced,
    shown: Option<Shown>,
    /// As in [`Common`].
    as_of: Timestamp,
    timeout: Duration,
}

impl<'a> Executing<'a> {
    fn new(node: &'a Arc<Node>, asked: &'a Asked, record: Option<Record>) -> Self {
        let changed = record.as_ref().map(|record| record.changes(&asked.envelopes));
        let changed = changed.unwrap_or_default();
        let mut envelopes = asked.envelopes.clone();
        envelopes.extend(changed.clone());
        let (mut made_by, mut replaced) = (BTreeMap::new(), Replaced::new());
        if let (Some(record), RunBy::Hops) = (&record, asked.by) {
            made_by.clone_from(&record.made_by);
            made_by.retain(|state, _| changed.contains_key(state));
            replaced.clone_from(&record.replaced);
            replaced.retain(|state, _| changed.contains_key(state));
            // The client may have what was made of them by now.
            for state in made_by.keys() {
                match record.envelopes.get(state) {
                    Some(first) => envelopes.insert(state.clone(), first.clone()),
                    None => envelopes.remove(state),
                };
            }
        }
        let since = record.as_ref().map(|record| (record.accepted, record.deadline));
        let (as_of, timeout) = match since {
            Some((accepted, deadline)) => (accepted, deadline.since(accepted)),
            None => (node.clock.now(), asked.timeout),
        };
        Self {
            node,
            asked,
            shown: record.as_ref().and_then(|record| record.shown),
            record,
            envelopes,
            changed,
            made_by,
            replaced,
            as_of,
            timeout,
        }
    }

    /// Has a run executed until there is a result.
    async fn end(self, run: Run) -> Result<Ran, Fault> {
        let deadline = self.node.clock.now().after(self.asked.timeout);
        match self.asked.by {
            RunBy::Node => self.all(run, deadline).await,
            RunBy::Hops => self.gather(run, deadline).await,
        }
    }

    /// Executes what is ready, side by side, until there is a result.
    async fn all(mut self, mut run: Run, deadline: Timestamp) -> Result<Ran, Fault> {
        let common = self.common(deadline);
        let mut under_way = FuturesUnordered::new();
        let mut ready = run.ready();
        // What is under way beside what fails may commit yet, and its client must get the envelopes.
        let mut failed: Option<Fault> = None;
        loop {
            for step in ready.drain(..) {
                if failed.is_some() {
                    break;
                }
                match self.step(&common, &run, &step) {
                    Ok(begun) => under_way.push(begun),
                    Err(fault) => failed = Some(fault.in_step(&step.name)),
                }
            }
            let Some((step, ended)) = under_way.next().await else {
                break;
            };
            let taken_up = match ended {
                Ok(ran) => self.take_up_step(&mut run, &step, ran).await,
                Err(fault) => Err(fault.in_step(&step)),
            };
            match taken_up {
                Ok(next) => ready = next,
                Err(fault) => failed = failed.or(Some(fault)),
            }
        }
        if let Some(fault) = failed {
            return Err(fault.after(self.changed));
        }
        let result = run
            .result()
            .ok_or_else(|| Fault::internal("a run ended without a result"))?;
        Ok(self.ran(result))
    }

    /// Takes up what has come of a step; gives those that are ready now.
    async fn take_up_step(
        &mut self,
        run: &mut Run,
        step: &StepName,
        ran: Ran,
    ) -> Result<Vec<ReadyStep>, Fault> {
        self.envelopes.extend(ran.envelopes.iter().cloned());
        self.changed.extend(ran.envelopes);
        self.shown = Shown::newest(self.shown, ran.shown);
        let fits = run.fits(step, &ran.output);
        let ready = fits.map(|()| run.finish(step, ran.output));
        // What it has changed has changed, whatever becomes of the run.
        let written = self.write_down(run).await;
        let ready = ready?;
        written.map(|()| ready)
    }

    /// Writes down how far a run is, if it has a record.
    async fn write_down(&mut self, run: &Run) -> Result<(), Fault> {
        let Some(record) = &mut self.record else {
            return Ok(());
        };
        record.advance(run);
        record.changed.clone_from(&self.changed);
        record.made_by.clone_from(&self.made_by);
        record.replaced.clone_from(&self.replaced);
        record.shown = self.shown;
        keep(&self.node.store, record).await
    }

    fn ran(self, result: Bytes) -> Ran {
        Ran {
            output: result,
            envelopes: self.changed.into_iter().collect(),
            shown: self.shown,
            replayed: false,
        }
    }

    /// Executes a step; gives its name, with what came of it.
    fn step(
        &self,
        common: &Common,
        run: &Run,
        step: &ReadyStep,
    ) -> Result<impl Future<Output = (StepName, Result<Ran, Fault>)> + use<'a>, Fault> {
        let job = steps::job(self.node, common, run, step, self.envelopes.iter())?;
        let (node, envelopes, name) = (self.node, self.envelopes.clone(), step.name.clone());
        Ok(async move {
            let ran = steps::execute(node, job, envelopes, &name, None).await;
            (name, ran)
        })
    }

    fn common(&self, deadline: Timestamp) -> Common {
        Common {
            scope: self.asked.scope.clone(),
            seen: self.asked.seen,
            holder: self.asked.holder,
            deadline,
            as_of: self.as_of,
            timeout: self.timeout,
            trace: self.asked.trace.clone(),
        }
    }
}
