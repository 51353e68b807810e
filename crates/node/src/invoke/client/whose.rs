//! Whose envelopes are opened and sealed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use fogline_core::application::Application;
use fogline_core::model::{AppName, Birth, ClientId, NodeName, SessionId, StateName, Timestamp};
use fogline_core::session::Head;
use fogline_state::seal::{Scope, Sealer};

use crate::fault::Fault;
use crate::invoke::Job;
use crate::invoke::envelopes::{Envelopes, of_seal};

/// Whose envelopes, and where the mark is.
pub(super) struct Whose {
    pub(super) sealer: Arc<Sealer>,
    pub(super) app: AppName,
    pub(super) session: SessionId,
    pub(super) part: Birth,
    pub(super) holder: Option<ClientId>,
    pub(super) mark: Option<NodeName>,
    pub(super) states: BTreeSet<StateName>,
}

impl Whose {
    pub(super) fn scope(&self) -> Scope<'_> {
        Scope {
            app: &self.app,
            session: &self.session,
            part: self.part,
            holder: self.holder,
            mark: self.mark.as_ref(),
        }
    }

    /// Adds the states of another version of the application: this one declares them nowhere, but their envelopes say that
    /// they are of this part.
    pub(super) fn add_undeclared(&mut self, app: &Application, job: &Job) {
        for (state, sealed) in &job.envelopes {
            let alone = || BTreeMap::from([(state.clone(), sealed.clone())]);
            if !app.states.contains_key(state) && self.sealer.open(&self.scope(), alone()).is_ok() {
                self.states.insert(state.clone());
            }
        }
    }

    pub(super) fn seal(
        &self,
        head: &Head,
        states: &BTreeSet<StateName>,
        values: &BTreeMap<StateName, Bytes>,
        now: Timestamp,
    ) -> Result<Envelopes, Fault> {
        let sealed = self.sealer.seal(&self.scope(), head, states, values, now);
        Ok(sealed.map_err(|error| of_seal(&error))?.into_iter().collect())
    }
}
