//! Conversions that an operator has asked for, of sessions that are with their clients: done at the client's next
//! request (R14).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use fogline_core::model::{ExecutionModel, SessionId};

/// How many wait; an operator who asks for more is told so.
const MAX: usize = 65_536;

/// Wanted models by session.
#[derive(Default)]
pub(crate) struct Requested {
    models: Mutex<HashMap<SessionId, ExecutionModel>>,
}

impl Requested {
    /// The model that the session is wanted under, if any.
    pub(crate) fn of(&self, session: &SessionId) -> Option<ExecutionModel> {
        let models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        if models.is_empty() {
            None
        } else {
            models.get(session).copied()
        }
    }

    /// Asks for a session under a model; `false` if too many wait. That it be with its client it is already.
    pub(crate) fn ask(&self, session: &SessionId, model: ExecutionModel) -> bool {
        if model == ExecutionModel::InClient {
            self.done(session);
            return true;
        }
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = models.len() < MAX || models.contains_key(session);
        if fits {
            models.insert(session.clone(), model);
        }
        fits
    }

    /// It is done; `false` if nobody asked.
    pub(crate) fn done(&self, session: &SessionId) -> bool {
        self.models
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(session)
            .is_some()
    }
}
