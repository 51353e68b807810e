//! Where the functions went.

use std::collections::BTreeMap;

use fogline_core::record::NodeRow;
use serde::Serialize;

use crate::summary::Setting;

/// What a node is to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// One of the most powerful servers, at the centre.
    Server,
    /// A device that owns sessions.
    Client,
    /// Anything between.
    Edge,
}

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

/// Counts where the invocations went, given the role of a node (network, name). Ascending by setting.
#[must_use]
pub fn count_placements(rows: &[NodeRow], role: impl Fn(&str, &str) -> Role) -> Vec<Placement> {
    #[derive(Default)]
    struct Counts {
        servers: u64,
        clients: u64,
        all: u64,
    }
    let mut settings: BTreeMap<Setting, Counts> = BTreeMap::new();
    for row in rows {
        let counts = settings.entry(Setting::of(&row.condition)).or_default();
        counts.all += row.invocations;
        match role(&row.condition.network, &row.node) {
            Role::Server => counts.servers += row.invocations,
            Role::Client => counts.clients += row.invocations,
            Role::Edge => {}
        }
    }
    let counted = settings.into_iter().filter(|(_, counts)| counts.all > 0);
    counted
        .map(|(setting, counts)| Placement {
            setting,
            on_servers: counts.servers as f64 / counts.all as f64,
            on_clients: counts.clients as f64 / counts.all as f64,
        })
        .collect()
}
