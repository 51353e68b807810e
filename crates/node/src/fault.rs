//! Why a request is not answered as asked, inside a node: the problem, and what the client must take with it.

use std::collections::BTreeMap;

use bytes::Bytes;
use fogline_core::model::{RunId, StateName};
use fogline_core::session::Refusal;
use fogline_core::workflow::JoinTooLarge;
use fogline_protocol::problem::{Kind, Problem};
use fogline_runtime::{Busy, ExecuteError, Fault as GuestFault, GuestError};
use fogline_state::StoreError;

use crate::peers::CallError;

/// A problem on its way to the caller. Boxed, because answers are far more frequent.
#[derive(Clone, Debug)]
pub(crate) struct Fault(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    problem: Problem,
    take: Vec<(StateName, Bytes)>,
    run: Option<RunId>,
}

impl Inner {
    fn new(problem: Problem, take: Vec<(StateName, Bytes)>) -> Self {
        Self {
            problem,
            take,
            run: None,
        }
    }
}

impl Fault {
    pub(crate) fn new(kind: Kind, title: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::from(Problem::new(kind, title, hint))
    }

    /// The session is on its way to the client, which must take these states and ask again.
    pub(crate) fn moving_to_client(take: Vec<(StateName, Bytes)>) -> Self {
        let problem = Problem::new(
            Kind::MovingToClient,
            "the session is moving to its client",
            "keep the envelopes of this answer, and send the request again with them",
        );
        Self::with_envelopes(problem, take)
    }

    pub(crate) fn with_envelopes(problem: Problem, take: Vec<(StateName, Bytes)>) -> Self {
        Self(Box::new(Inner::new(problem, take)))
    }

    pub(crate) fn problem(&self) -> &Problem {
        &self.0.problem
    }

    /// Envelopes that the client must take.
    pub(crate) fn envelopes(&self) -> &[(StateName, Bytes)] {
        &self.0.take
    }

    /// The run that it is of, if its caller waited for one.
    pub(crate) fn run(&self) -> Option<RunId> {
        self.0.run
    }

    pub(crate) fn of_run(mut self, run: RunId) -> Self {
        self.0.run = Some(run);
        self
    }

    /// After these envelopes were made by what went before: the client must take them too.
    pub(crate) fn after(mut self, mut made: BTreeMap<StateName, Bytes>) -> Self {
        made.extend(std::mem::take(&mut self.0.take));
        self.0.take = made.into_iter().collect();
        self
    }

    /// The same, of a version that is about to be replaced here: what it cannot do, the next one may.
    pub(crate) fn until_rolled_out(&self) -> Self {
        let title = format!(
            "{}; another version is on its way to this node",
            self.problem().title
        );
        Self::new(
            Kind::RollingOut,
            title,
            "try again in a moment, or ask another node",
        )
    }

    pub(crate) fn in_step(mut self, step: impl ToString) -> Self {
        self.0.problem.step = Some(step.to_string());
        self
    }

    pub(crate) fn deadline() -> Self {
        Self::new(
            Kind::DeadlineExceeded,
            "the deadline has passed",
            "send the request again under the same key: if it was executed, its reply is kept",
        )
    }

    pub(crate) fn overloaded(title: impl Into<String>) -> Self {
        Self::new(
            Kind::Overloaded,
            title,
            "try again in a moment, or raise the limit",
        )
    }

    pub(crate) fn internal(title: impl Into<String>) -> Self {
        Self::new(
            Kind::Internal,
            title,
            "this is a fault of Fogline; please report it",
        )
    }

    pub(crate) fn not_found(title: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, title, hint)
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self(Box::new(Inner::new(problem, Vec::new())))
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Unavailable { doing, problem, hint } => {
                Self::new(Kind::Unavailable, format!("{doing}: {problem}"), *hint)
            }
            StoreError::OverQuota { what } => Self::new(
                Kind::QuotaExceeded,
                what.clone(),
                "delete sessions or states that nobody needs, or have the quota raised",
            ),
            StoreError::TooLarge { .. } => Self::new(
                Kind::TooLarge,
                error.to_string(),
                "split the state, or make it smaller",
            ),
            StoreError::Damaged { source, .. } => Self::new(
                Kind::Unavailable,
                format!("{error}: {source}"),
                "restore the store from a backup; sessions beside this one are as they were",
            ),
            StoreError::DamagedLease { source, .. } => Self::new(
                Kind::Unavailable,
                format!("{error}: {source}"),
                "stop that node for a second, and delete its lease from the store",
            ),
        }
    }
}

impl From<CallError> for Fault {
    fn from(error: CallError) -> Self {
        match &error {
            CallError::Deadline { .. } => Self::deadline(),
            CallError::TooLarge { .. } => Self::new(
                Kind::TooLarge,
                error.to_string(),
                "split the state, or make it smaller",
            ),
            _ => Self::new(
                Kind::Unavailable,
                error.to_string(),
                "check the node and the link to it",
            ),
        }
    }
}

impl From<JoinTooLarge> for Fault {
    fn from(error: JoinTooLarge) -> Self {
        let hint = "let the steps before it give less, or pass it on in states";
        Self::new(Kind::TooLarge, error.to_string(), hint).in_step(&error.step)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoSession => Self::not_found(
                "there is no such session",
                "create one with POST …/sessions; only that makes a session",
            ),
            Refusal::Gone => Self::new(
                Kind::Gone,
                "the session was deleted or has expired",
                "create a new one; session-ttl in the manifest says how long they live",
            ),
            Refusal::Regressed { found } => Self::new(
                Kind::StateRegressed,
                format!("the session is at {found} here, which is behind what this client has seen"),
                "the owner lost updates that its durability did not promise to keep; send the request without \
                 fogline-seen to go on from here",
            ),
            Refusal::OtherBody => Self::new(
                Kind::KeyReused,
                "this idempotency key, or number, belongs to another request",
                "use a new key for each new request",
            ),
            Refusal::ReplyExpired => Self::new(
                Kind::ReplyExpired,
                "the reply to this number is no longer kept",
                "a client may have 32 requests of one session open at once",
            ),
        }
    }
}

/// Why an execution gave no output, as the caller is told.
pub(crate) fn of_guest(function: &str, error: &GuestError) -> Fault {
    match error {
        GuestError::InvalidInput(message) => Fault::new(
            Kind::InvalidInput,
            format!("{function} does not take this input: {message}"),
            "send what the function expects",
        ),
        GuestError::Failed(message) => Fault::new(
            Kind::FunctionFailed,
            format!("{function} failed: {message}"),
            "the function says so itself; look at its log",
        ),
    }
}

/// Why an execution did not end by itself, as the caller is told.
pub(crate) fn of_execution(function: &str, error: &ExecuteError) -> Fault {
    match error {
        ExecuteError::Guest { fault, .. } => {
            let (kind, hint) = match fault {
                GuestFault::Trap(_) | GuestFault::BadAnswer(_) => (Kind::FunctionTrapped, "look at its log"),
                GuestFault::TimeLimit(_)
                | GuestFault::MemoryLimit(_)
                | GuestFault::FuelExhausted(_)
                | GuestFault::OutputTooLarge { .. } => (
                    Kind::FunctionLimit,
                    "raise the limit in the manifest, or make the function smaller",
                ),
            };
            Fault::new(kind, format!("{function}: {fault}"), hint)
        }
        ExecuteError::Deadline => Fault::deadline(),
        ExecuteError::Busy(busy) => busy_fault(function, *busy),
        ExecuteError::Unavailable(_) => Fault::new(
            Kind::Unavailable,
            format!("{function}: {error}"),
            "look at the node's log",
        ),
        ExecuteError::Internal { source, .. } => Fault::internal(format!("{function}: {error}: {source}")),
    }
}

fn busy_fault(function: &str, busy: Busy) -> Fault {
    Fault::overloaded(format!("{function}: {busy}"))
}
