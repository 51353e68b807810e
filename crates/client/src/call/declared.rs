//! Which states a request is about.

use std::collections::BTreeMap;

use fogline_core::model::{Birth, FunctionName, SessionId, StateName};
use fogline_protocol::api::App;

use crate::reply::Target;

/// Which envelopes a request carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Those of some states, if they are here; `true` for those that come back.
    Some(BTreeMap<StateName, bool>),
    /// All.
    All,
}

/// What a request declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Declared {
    /// The states.
    pub(crate) wanted: Wanted,
    /// The part of the session that it reads first or writes.
    pub(crate) part: Birth,
}

impl Declared {
    /// What a request declares; `None` when the application has no such function or state.
    pub(crate) fn of(app: &App, session: &SessionId, target: &Target) -> Option<Self> {
        let mut wanted = BTreeMap::new();
        match target {
            Target::Function(function) => add(&mut wanted, app, function)?,
            Target::Run | Target::Hops => {
                for step in &app.workflow {
                    add(&mut wanted, app, &step.function)?;
                }
            }
            Target::Put(state) | Target::Remove(state) => {
                app.states.iter().find(|declared| declared.name == *state)?;
                return Some(Self {
                    wanted: Wanted::All,
                    part: part_of(app, session, state),
                });
            }
        }
        let written = wanted
            .iter()
            .find(|(_, writes)| **writes)
            .or(wanted.first_key_value());
        let part = match (target, written) {
            (Target::Function(_), Some((state, _))) => part_of(app, session, state),
            // A run may write several parts; what its answer says is of the primary one.
            _ => session.primary(),
        };
        Some(Self {
            wanted: Wanted::Some(wanted),
            part,
        })
    }

    /// A single state, read.
    pub(crate) fn state(app: &App, session: &SessionId, state: &StateName) -> Self {
        let wanted = Wanted::Some([(state.clone(), false)].into());
        Self {
            wanted,
            part: part_of(app, session, state),
        }
    }
}

/// The part that a state is in.
pub(crate) fn part_of(app: &App, session: &SessionId, state: &StateName) -> Birth {
    let declared = app.states.iter().find(|declared| declared.name == *state);
    session.part_of(declared.and_then(|declared| declared.own_model.then_some(declared.model)))
}

fn add(wanted: &mut BTreeMap<StateName, bool>, app: &App, function: &FunctionName) -> Option<()> {
    let function = app.functions.iter().find(|declared| declared.name == *function)?;
    for state in &function.reads {
        wanted.entry(state.clone()).or_insert(false);
    }
    for state in &function.writes {
        wanted.insert(state.clone(), true);
    }
    Some(())
}
