//! What is counted in every invocation: one handle each, so that counting looks nothing up.

use std::time::Duration;

use fogline_core::model::{Bytes, ExecutionModel};
use fogline_runtime::{ExecuteError, Execution, Fault};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::{Times, of_requests, of_steps};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TenantLabel {
    tenant: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModelLabel {
    tenant: String,
    model: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AccessLabel {
    tenant: String,
    model: &'static str,
    access: &'static str,
}

/// The counters of all tenants, by name.
pub(super) struct Families {
    invocations: Family<TenantLabel, Counter>,
    errors: Family<TenantLabel, Counter>,
    timeouts: Family<TenantLabel, Counter>,
    cold: Family<TenantLabel, Counter>,
    preparations: Times<TenantLabel>,
    durations: Times<TenantLabel>,
    queued: Times<TenantLabel>,
    accesses: Times<AccessLabel>,
    commits: Family<ModelLabel, Counter>,
    commit_bytes: Family<ModelLabel, Counter>,
    conflicts: Family<ModelLabel, Counter>,
    rebases: Family<ModelLabel, Counter>,
    moved: Family<ModelLabel, Counter>,
}

impl Families {
    pub(super) fn new() -> Self {
        Self {
            invocations: Family::default(),
            errors: Family::default(),
            timeouts: Family::default(),
            cold: Family::default(),
            preparations: Times::new_with_constructor(of_requests),
            durations: Times::new_with_constructor(of_requests),
            queued: Times::new_with_constructor(of_steps),
            accesses: Times::new_with_constructor(of_steps),
            commits: Family::default(),
            commit_bytes: Family::default(),
            conflicts: Family::default(),
            rebases: Family::default(),
            moved: Family::default(),
        }
    }

    /// Under the names of the semantic conventions of OpenTelemetry, as Prometheus writes them, where they have one.
    pub(super) fn register(&self, registry: &mut Registry) {
        let faas = registry.sub_registry_with_prefix("faas");
        let help = "Executions of functions that succeeded";
        faas.register("invocations", help, self.invocations.clone());
        let help = "Executions that failed: the function said so, broke off, or went over a limit";
        faas.register("errors", help, self.errors.clone());
        let help = "Executions that took longer than their limit; errors, too";
        faas.register("timeouts", help, self.timeouts.clone());
        let help = "Executions for which a worker was made, those that failed included";
        faas.register("coldstarts", help, self.cold.clone());
        let help = "How long it took to get functions ready at a deployment or start: compiling, or loading what was compiled, and making a worker";
        faas.register_with_unit("init_duration", help, Unit::Seconds, self.preparations.clone());
        let help = "How long executions took that ended by themselves, the worker's making included";
        faas.register_with_unit("invoke_duration", help, Unit::Seconds, self.durations.clone());
        let fogline = registry.sub_registry_with_prefix("fogline");
        let help = "How long executions waited for one of the node's slots";
        fogline.register_with_unit("queue_wait", help, Unit::Seconds, self.queued.clone());
        let help = "How long loads and commits of heads and states took, by model";
        fogline.register_with_unit("state_access", help, Unit::Seconds, self.accesses.clone());
        let help = "Heads replaced, by model";
        fogline.register("commits", help, self.commits.clone());
        let help = "Bytes of heads and blobs that commits wrote, by model";
        fogline.register_with_unit("commit", help, Unit::Bytes, self.commit_bytes.clone());
        let help = "Commits that found another head, by model";
        fogline.register("conflicts", help, self.conflicts.clone());
        let help = "Conflicts after which an execution was committed on the new head as it was, by model";
        fogline.register("rebases", help, self.rebases.clone());
        let help = "Bytes of states read or carried for executions, by model";
        fogline.register_with_unit("state_moved", help, Unit::Bytes, self.moved.clone());
    }

    /// The counters of one tenant.
    pub(super) fn of(&self, tenant: &str) -> OfTenant {
        let label = TenantLabel {
            tenant: tenant.to_owned(),
        };
        OfTenant {
            invocations: self.invocations.get_or_create_owned(&label),
            errors: self.errors.get_or_create_owned(&label),
            timeouts: self.timeouts.get_or_create_owned(&label),
            cold: self.cold.get_or_create_owned(&label),
            preparations: self.preparations.get_or_create_owned(&label),
            durations: self.durations.get_or_create_owned(&label),
            queued: self.queued.get_or_create_owned(&label),
            models: ExecutionModel::PAPER.map(|model| self.of_model(tenant, model)),
        }
    }

    fn of_model(&self, tenant: &str, model: ExecutionModel) -> OfModel {
        let access = |access| {
            self.accesses.get_or_create_owned(&AccessLabel {
                tenant: tenant.to_owned(),
                model: model.name(),
                access,
            })
        };
        let label = ModelLabel {
            tenant: tenant.to_owned(),
            model: model.name(),
        };
        OfModel {
            loads: access("load"),
            writes: access("commit"),
            commits: self.commits.get_or_create_owned(&label),
            commit_bytes: self.commit_bytes.get_or_create_owned(&label),
            conflicts: self.conflicts.get_or_create_owned(&label),
            rebases: self.rebases.get_or_create_owned(&label),
            moved: self.moved.get_or_create_owned(&label),
        }
    }
}

/// What is counted of a tenant's invocations.
pub(crate) struct OfTenant {
    invocations: Counter,
    errors: Counter,
    timeouts: Counter,
    cold: Counter,
    preparations: Histogram,
    durations: Histogram,
    queued: Histogram,
    models: [OfModel; 4],
}

impl OfTenant {
    /// What came of an execution.
    pub(crate) fn executed(&self, executed: &Result<Execution, ExecuteError>) {
        match executed {
            Ok(execution) => {
                match execution.outcome {
                    Ok(_) => self.invocations.inc(),
                    Err(_) => self.errors.inc(),
                };
                self.cold.inc_by(u64::from(execution.cold));
                self.durations.observe(execution.took.as_secs_f64());
            }
            Err(ExecuteError::Guest { fault, cold, .. }) => {
                self.errors.inc();
                self.cold.inc_by(u64::from(*cold));
                if matches!(fault, Fault::TimeLimit(_)) {
                    self.timeouts.inc();
                }
            }
            // It was not executed, or nobody knows: the caller is told.
            Err(_) => {}
        }
    }

    /// A function was made ready.
    pub(crate) fn prepared(&self, took: Duration) {
        self.preparations.observe(took.as_secs_f64());
    }

    /// It waited for a slot for so long.
    pub(crate) fn queued(&self, wait: Duration) {
        self.queued.observe(wait.as_secs_f64());
    }

    /// What is counted under one of the four models that nodes have.
    pub(crate) fn under(&self, model: ExecutionModel) -> &OfModel {
        match model {
            ExecutionModel::External => &self.models[0],
            ExecutionModel::InEdge => &self.models[1],
            ExecutionModel::InFunction => &self.models[2],
            // The others are the simulator's: their states go along with the invocation, too.
            _ => &self.models[3],
        }
    }
}

/// What is counted of a tenant's invocations under one model.
pub(crate) struct OfModel {
    loads: Histogram,
    writes: Histogram,
    commits: Counter,
    commit_bytes: Counter,
    conflicts: Counter,
    rebases: Counter,
    moved: Counter,
}

impl OfModel {
    /// Head and states were read.
    pub(crate) fn loaded(&self, took: Duration) {
        self.loads.observe(took.as_secs_f64());
    }

    /// A head was to be replaced, with success or without.
    pub(crate) fn wrote(&self, took: Duration) {
        self.writes.observe(took.as_secs_f64());
    }

    /// A head was replaced.
    pub(crate) fn committed(&self, bytes: Bytes) {
        self.commits.inc();
        self.commit_bytes.inc_by(bytes.0);
    }

    /// Another head stood there.
    pub(crate) fn conflicted(&self) {
        self.conflicts.inc();
    }

    /// After a conflict, what had been executed is committed on the new head (R4).
    pub(crate) fn rebased(&self) {
        self.rebases.inc();
    }

    /// States were given to an execution.
    pub(crate) fn moved(&self, bytes: Bytes) {
        self.moved.inc_by(bytes.0);
    }
}
