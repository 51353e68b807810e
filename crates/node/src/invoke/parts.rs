//! The states of a function, by the part of the session that holds them.

use std::collections::{BTreeMap, BTreeSet};

use fogline_core::application::Application;
use fogline_core::model::{AppName, Birth, SessionId, StateName, TenantName};
use fogline_core::session::{Home, RecordKey};
use fogline_protocol::peer::Target;
use fogline_protocol::problem::Kind;

use super::{Job, Task};
use crate::apps::Deployed;
use crate::fault::Fault;

/// What a function declares of one session: the part that it works on, and what it reads elsewhere.
pub(crate) struct Parts {
    /// The part whose head is replaced by the commit: that of the states that the function writes (R15), else of the
    /// first by name that it reads; `None` if it declares none.
    pub(crate) main: Option<(Birth, BTreeSet<StateName>)>,
    /// Parts that it only reads, each a snapshot of its own.
    pub(crate) others: BTreeMap<Birth, BTreeSet<StateName>>,
}

impl Parts {
    pub(crate) fn of(
        app: &Application,
        reads: &BTreeSet<StateName>,
        writes: &BTreeSet<StateName>,
        session: &SessionId,
    ) -> Result<Self, Fault> {
        let part = |state: &StateName| session.part_of(app.states.get(state).and_then(|state| state.model));
        let mut parts: BTreeMap<Birth, BTreeSet<StateName>> = BTreeMap::new();
        for state in reads.union(writes) {
            parts.entry(part(state)).or_default().insert(state.clone());
        }
        if let Some((one, other)) = writes
            .iter()
            .zip(writes.iter().skip(1))
            .find(|(one, other)| part(one) != part(other))
        {
            return Err(apart(session, one, other));
        }
        // Clients reckon likewise, and say of this part what they have seen (R12).
        let main = writes.first().or(reads.first()).map(part);
        let main = main.and_then(|part| Some((part, parts.remove(&part)?)));
        Ok(Self { main, others: parts })
    }

    /// The part of its session on which a job works, with its states that the job's target declares.
    pub(crate) fn main_of(app: &Deployed, job: &Job) -> Result<Option<(Birth, BTreeSet<StateName>)>, Fault> {
        let (reads, writes) = Task::of(app, &job.call.target)?.states();
        let session = job.call.session.as_ref();
        let parts = session.map(|session| Self::of(&app.spec, &reads, &writes, session));
        Ok(parts.transpose()?.and_then(|parts| parts.main))
    }
}

/// One commit cannot write states of two heads (R15). The manifest was checked; the session is of an earlier one.
fn apart(session: &SessionId, one: &StateName, other: &StateName) -> Fault {
    Fault::new(
        Kind::Conflict,
        format!(
            "session {session} was born with {one} and {other} under two models: no function can write both"
        ),
        "invoke the function in a new session, or deploy a version whose functions write one of them each",
    )
}

/// The key of a part's record in a home.
pub(crate) fn record_key(
    tenant: &TenantName,
    app: &AppName,
    session: &SessionId,
    part: Birth,
    home: &Home,
) -> RecordKey {
    RecordKey {
        tenant: tenant.clone(),
        app: app.clone(),
        model: home.model(),
        session: session.clone(),
        part,
    }
}

/// Without a session there are no states.
pub(crate) fn check_stateless(
    target: &Target,
    reads: &BTreeSet<StateName>,
    writes: &BTreeSet<StateName>,
) -> Result<(), Fault> {
    if reads.is_empty() && writes.is_empty() {
        return Ok(());
    }
    Err(Fault::new(
        Kind::BadRequest,
        format!("{target} declares states, and there is no session"),
        "create one with POST …/sessions and invoke the function in it",
    ))
}
