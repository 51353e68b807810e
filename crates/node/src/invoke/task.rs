//! What an invocation does: a function of the application, or one of the three that every state has.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use fogline_core::application::Instance;
use fogline_core::model::StateName;
use fogline_protocol::peer::Target;
use fogline_protocol::problem::Kind;
use fogline_runtime::{Call, ExecuteError, Execution, GuestError};

use crate::apps::{Deployed, DeployedFunction};
use crate::fault::Fault;

/// What an invocation does.
pub(crate) enum Task<'a> {
    Function(&'a DeployedFunction),
    Get(&'a StateName),
    Put(&'a StateName),
    Remove(&'a StateName),
}

impl<'a> Task<'a> {
    pub(crate) fn of(app: &'a Deployed, target: &'a Target) -> Result<Self, Fault> {
        let declared = |state: &'a StateName| {
            app.spec
                .states
                .contains_key(state)
                .then_some(state)
                .ok_or_else(|| {
                    Fault::not_found(
                        format!("{} has no state {state}", app.spec.name),
                        "`fogline describe` lists the states of an application",
                    )
                })
        };
        Ok(match target {
            Target::Function(name) => Self::Function(app.function(name)?),
            Target::Get(state) => Self::Get(declared(state)?),
            Target::Put(state) => Self::Put(declared(state)?),
            Target::Remove(state) => Self::Remove(declared(state)?),
            Target::List | Target::Convert(_) | Target::Migrate(..) | Target::Delete => {
                return Err(Fault::internal(format!("{target} is no invocation")));
            }
        })
    }

    /// The states that it declares: those that it reads, those that it writes.
    pub(crate) fn states(&self) -> (Cow<'a, BTreeSet<StateName>>, Cow<'a, BTreeSet<StateName>>) {
        let one = |state: &StateName| Cow::Owned(BTreeSet::from([state.clone()]));
        let none = Cow::Owned(BTreeSet::new());
        match self {
            Self::Function(function) => (
                Cow::Borrowed(&function.spec.reads),
                Cow::Borrowed(&function.spec.writes),
            ),
            Self::Get(state) => (one(state), none),
            Self::Put(state) | Self::Remove(state) => (none, one(state)),
        }
    }

    pub(crate) fn instance(&self) -> Instance {
        match self {
            Self::Function(function) => function.spec.instance,
            Self::Get(_) | Self::Put(_) | Self::Remove(_) => Instance::PerInvocation,
        }
    }

    pub(crate) async fn execute(&self, mut call: Call) -> Result<Execution, ExecuteError> {
        let (outcome, write) = match self {
            Self::Function(function) => return function.executor.execute(call).await,
            Self::Get(state) => match call.states.remove(*state) {
                Some(value) => (Ok(value.value), None),
                None => (
                    Err(GuestError::InvalidInput(format!("state {state} is not set"))),
                    None,
                ),
            },
            Self::Put(state) => (Ok(Bytes::new()), Some(((*state).clone(), Some(call.input)))),
            Self::Remove(state) => (Ok(Bytes::new()), Some(((*state).clone(), None))),
        };
        Ok(Execution {
            outcome,
            writes: write.into_iter().collect(),
            logs: Vec::new(),
            took: Duration::ZERO,
            cold: false,
            worker: None,
        })
    }

    /// Why there is no output, as the caller is told.
    pub(crate) fn fault(&self, name: &str, error: &GuestError) -> Fault {
        match self {
            Self::Function(_) => crate::fault::of_guest(name, error),
            Self::Get(_) | Self::Put(_) | Self::Remove(_) => {
                let (GuestError::InvalidInput(message) | GuestError::Failed(message)) = error;
                Fault::new(
                    Kind::NotFound,
                    message,
                    "`fogline state ls` lists the states that are set",
                )
            }
        }
    }
}
