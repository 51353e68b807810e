//! Where the functions went.

use std::collections::BTreeMap;

use fogline_core::record::{Placed, SeedRow};
use serde::Serialize;

use crate::summary::Setting;

/// Where the invocations of a setting went, over all models and replications.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Placement {
    /// Under what.
    pub setting: Setting,
    /// Share on the most powerful servers, 0 to 1.
    pub on_servers: f64,
    /// Share on clients, 0 to 1.
    pub on_clients: f64,
}

/// Counts where the invocations went. Ascending by setting.
#[must_use]
pub fn count_placements(rows: &[SeedRow]) -> Vec<Placement> {
    let mut settings: BTreeMap<Setting, Placed> = BTreeMap::new();
    for row in rows {
        let counts = settings.entry(Setting::of(&row.condition)).or_default();
        counts.servers = counts.servers.saturating_add(row.placed.servers);
        counts.clients = counts.clients.saturating_add(row.placed.clients);
        counts.others = counts.others.saturating_add(row.placed.others);
    }
    let counted = settings.into_iter().filter(|(_, counts)| counts.all() > 0);
    counted
        .map(|(setting, counts)| Placement {
            setting,
            on_servers: counts.servers as f64 / counts.all() as f64,
            on_clients: counts.clients as f64 / counts.all() as f64,
        })
        .collect()
}
