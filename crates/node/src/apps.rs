//! The applications that are deployed on this node.

mod catalogue;
pub(crate) mod compare;
mod folders;
mod package;
mod packages;
pub(crate) mod rollout;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Instant;

use bytes::Bytes;
use fogline_core::application::{self, Application, RuntimeKind};
use fogline_core::catalogue::AppKey;
use fogline_core::model::limits::MAX_SESSION_QUEUE;
use fogline_core::model::{
    AppName, BadInput, Digest, ExecutionModel, FunctionName, NodeName, StateName, TenantName,
};
use fogline_manifest::{Source, application as manifest};
use fogline_protocol::api;
use fogline_protocol::problem::Kind;
use fogline_runtime::{Artefact, Executor, PrepareError, Runtime, StateValue};
use fogline_state::{EmbeddedStore, StoreError};

use catalogue::Catalogue;
use folders::{Folder, Folders};
pub(crate) use package::Package;
use packages::Packages;

use crate::fault::Fault;
use crate::homes::Turns;
use crate::metrics::OfTenant;

/// An application, ready to be executed.
pub(crate) struct Deployed {
    pub(crate) spec: Application,
    pub(crate) digest: Digest,
    functions: BTreeMap<FunctionName, DeployedFunction>,
    /// Where its programs run.
    _folder: Arc<Folder>,
}

/// A function, ready to be executed.
pub(crate) struct DeployedFunction {
    pub(crate) spec: application::Function,
    pub(crate) executor: Arc<dyn Executor>,
}

/// The applications of a node: those that there are, and those that are here.
pub(crate) struct Apps {
    pub(crate) catalogue: Catalogue,
    pub(crate) packages: Packages,
    runtime: Arc<dyn Runtime>,
    folders: Folders,
    most: usize,
    /// Whose functions may be programs.
    processes: BTreeSet<TenantName>,
    /// Who changes what is served of an application does so in its turn, and waits for no other node meanwhile.
    pub(crate) changing: Turns<AppKey>,
    /// Who brings an application here does so in its turn.
    following: Turns<AppKey>,
    served: RwLock<BTreeMap<(TenantName, AppName), Arc<Deployed>>>,
}

impl Apps {
    /// Those that the store has kept; none is served yet. At most so many, of all tenants, and with programs those of
    /// some.
    pub(crate) fn open(
        node: &NodeName,
        store: &Arc<EmbeddedStore>,
        runtime: Arc<dyn Runtime>,
        folder: PathBuf,
        (most, processes): (usize, BTreeSet<TenantName>),
    ) -> Result<Self, StoreError> {
        Ok(Self {
            catalogue: Catalogue::open(node.clone(), Arc::clone(store))?,
            packages: Packages::new(Arc::clone(store)),
            runtime,
            folders: Folders::new(folder.join("apps")),
            most,
            processes,
            changing: Turns::new(MAX_SESSION_QUEUE),
            following: Turns::new(MAX_SESSION_QUEUE),
            served: RwLock::default(),
        })
    }

    /// Whether one more application is one too many.
    fn check_room(&self, others: usize) -> Result<(), Fault> {
        if others < self.most {
            return Ok(());
        }
        let title = format!("the node has {others} applications, the most that it keeps");
        let hint = "delete one that nobody needs, or raise limits.applications of the node";
        Err(Fault::new(Kind::NotDeployable, title, hint))
    }

    /// Refuses a program of a tenant that may not run any here.
    fn check_may_run(&self, tenant: &TenantName, function: &FunctionName) -> Result<(), Fault> {
        if self.processes.contains(tenant) {
            return Ok(());
        }
        let title = format!("{function} is a process, and {tenant} may not run processes at this node");
        let hint = "make a component of it; or have the operator set processes = true for the tenant, if it may do whatever the \
                    node's user may";
        Err(Fault::new(Kind::NotDeployable, title, hint))
    }

    /// The application that is served here.
    pub(crate) fn get(&self, tenant: &TenantName, app: &AppName) -> Result<Arc<Deployed>, Fault> {
        let key = (tenant.clone(), app.clone());
        if let Some(deployed) = self.served().get(&key) {
            return Ok(Arc::clone(deployed));
        }
        let (tenant, app) = key;
        let entry = self.catalogue.get(&AppKey {
            tenant,
            app: app.clone(),
        });
        if entry.is_some_and(|entry| entry.package().is_some()) {
            return Err(Fault::new(
                Kind::RollingOut,
                format!("the application {app} is deployed, and on its way to this node"),
                "try again in a moment, or ask another node",
            ));
        }
        Err(no_application(&app))
    }

    /// Refuses what cannot read what the version writes that it is to replace here (R19).
    fn check_reads(&self, key: &AppKey, next: &Deployed, forced: bool) -> Result<(), Fault> {
        let Ok(current) = self.get(&key.tenant, &key.app) else {
            return Ok(());
        };
        for (name, state) in current.spec.states.iter().filter(|_| !forced) {
            next.check_schema(
                name,
                state.schema,
                "deploy a version that can read it; or force it, and sessions that have it are refused",
            )?;
            next.check_model(name, state.model)?;
        }
        Ok(())
    }

    /// Why a version that is served here cannot read what is stored: if another one is on its way, the caller had
    /// better come again.
    pub(crate) fn is_replaced(&self, tenant: &TenantName, app: &Deployed) -> bool {
        let key = AppKey {
            tenant: tenant.clone(),
            app: app.spec.name.clone(),
        };
        let entry = self.catalogue.get(&key);
        entry
            .and_then(|entry| entry.package())
            .is_some_and(|package| package != app.digest)
    }

    /// All applications that are served here, with their tenants.
    pub(crate) fn all(&self) -> Vec<(TenantName, Arc<Deployed>)> {
        let served = self.served();
        let all = served.iter();
        all.map(|((tenant, _), app)| (tenant.clone(), Arc::clone(app)))
            .collect()
    }

    fn served(&self) -> RwLockReadGuard<'_, BTreeMap<(TenantName, AppName), Arc<Deployed>>> {
        self.served.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The package of an application that is served here.
    fn package(&self, key: &AppKey) -> Option<Digest> {
        let served = self.served();
        let app = served.get(&(key.tenant.clone(), key.app.clone()))?;
        Some(app.digest)
    }

    /// Serves an application from now on; one of the same name is replaced, its sessions stay.
    fn serve(&self, tenant: TenantName, app: Deployed) -> Arc<Deployed> {
        let app = Arc::new(app);
        let mut served = self.served.write().unwrap_or_else(PoisonError::into_inner);
        served.insert((tenant, app.spec.name.clone()), Arc::clone(&app));
        app
    }

    /// Removes the files of packages that were laid out for programs, of those that are not served any more.
    pub(crate) async fn remove_folders(&self) -> std::io::Result<()> {
        self.folders.remove_others().await
    }

    fn end(&self, key: &AppKey) {
        let mut served = self.served.write().unwrap_or_else(PoisonError::into_inner);
        served.remove(&(key.tenant.clone(), key.app.clone()));
    }

    /// Checks and compiles an application.
    async fn prepare(
        &self,
        tenant: &TenantName,
        package: &Package,
        digest: Digest,
        counts: &OfTenant,
    ) -> Result<Deployed, Fault> {
        let source = Source {
            name: "fogline.toml".to_owned(),
            text: package.manifest.clone(),
        };
        let spec = manifest::parse(&source).map_err(|fault| not_deployable(&fault))?;
        folders::check_paths(package)?;
        let folder = self.folders.hold(tenant, digest).await;
        if let Some(function) = process(&spec) {
            self.check_may_run(tenant, function)?;
            folders::lay_out(folder.path(), package).await?;
        }
        let mut functions = BTreeMap::new();
        for (name, function) in &spec.functions {
            let bytes = match &function.runtime {
                RuntimeKind::Process { files, .. } => {
                    check_sent(package, name, files)?;
                    Bytes::new()
                }
                RuntimeKind::Component(path) => package.files.get(path).cloned().ok_or_else(|| {
                    Fault::new(
                        Kind::NotDeployable,
                        format!("the component {path} of {name} was not sent"),
                        "send it as a part of that name; `fogline deploy` does",
                    )
                })?,
            };
            let artefact = Artefact {
                bytes,
                application: format!("{tenant}/{}", spec.name),
                folder: folder.path().to_owned(),
            };
            let since = Instant::now();
            let prepared = self.runtime.prepare(name, function, &spec.states, artefact).await;
            let executor = prepared.map_err(|error| of_preparation(&error))?;
            counts.prepared(since.elapsed());
            functions.insert(
                name.clone(),
                DeployedFunction {
                    spec: function.clone(),
                    executor,
                },
            );
        }
        Ok(Deployed {
            spec,
            digest,
            functions,
            _folder: folder,
        })
    }
}

impl Deployed {
    pub(crate) fn function(&self, name: &FunctionName) -> Result<&DeployedFunction, Fault> {
        self.functions.get(name).ok_or_else(|| {
            Fault::not_found(
                format!("{} has no function {name}", self.spec.name),
                "`fogline describe` lists the functions of an application",
            )
        })
    }

    /// Whether this version can read what is stored (R19).
    pub(crate) fn check_schemas(&self, states: &BTreeMap<StateName, StateValue>) -> Result<(), Fault> {
        for (name, value) in states {
            self.check_schema(name, value.schema, "deploy a version that can read it")?;
        }
        Ok(())
    }

    fn check_schema(&self, name: &StateName, schema: u32, hint: &str) -> Result<(), Fault> {
        let Some(state) = self.spec.states.get(name) else {
            return Ok(());
        };
        if (state.reads_schema_from..=state.schema).contains(&schema) {
            return Ok(());
        }
        Err(Fault::new(
            Kind::Conflict,
            format!(
                "state {name} has schema {schema}, version {} of {} reads {} to {}",
                self.spec.version, self.spec.name, state.reads_schema_from, state.schema
            ),
            hint,
        ))
    }

    /// Sessions are born with a part for each model that the manifest names, in which a state is looked for by the line of its
    /// own: it would not be found under another one.
    fn check_model(&self, name: &StateName, model: Option<ExecutionModel>) -> Result<(), Fault> {
        let Some(state) = self.spec.states.get(name) else {
            return Ok(());
        };
        if state.model == model {
            return Ok(());
        }
        let of = |model: Option<ExecutionModel>| {
            model.map_or("no model of its own".to_owned(), |it| format!("model {it}"))
        };
        Err(Fault::new(
            Kind::Conflict,
            format!(
                "state {name} has {} in the version that is served, and {} in version {} of {}: sessions that have it would not \
                 find it again",
                of(model),
                of(state.model),
                self.spec.version,
                self.spec.name
            ),
            "leave that line and convert sessions, or name the new state differently; or force it, and the state begins anew in them",
        ))
    }

    pub(crate) fn describe(&self) -> api::App {
        let spec = &self.spec;
        let functions = spec.functions.iter().map(|(name, function)| api::AppFunction {
            name: name.clone(),
            reads: function.reads.iter().cloned().collect(),
            writes: function.writes.iter().cloned().collect(),
        });
        let states = spec.states.iter().map(|(name, state)| api::AppState {
            name: name.clone(),
            model: spec.model_of(name),
            own_model: state.model.is_some(),
            schema: state.schema,
        });
        let steps = spec.workflow.iter().map(|step| api::AppStep {
            name: step.name.clone(),
            function: step.function.clone(),
            after: step.after.clone(),
        });
        api::App {
            name: spec.name.clone(),
            version: spec.version.clone(),
            digest: self.digest.to_string(),
            model: spec.model,
            durability: spec.durability,
            guard: spec.guard,
            functions: functions.collect(),
            states: states.collect(),
            workflow: steps.collect(),
            pending: Vec::new(),
        }
    }
}

fn no_application(app: &AppName) -> Fault {
    Fault::not_found(
        format!("there is no application {app}"),
        "deploy it with `fogline deploy`; `fogline get apps` lists those that are there",
    )
}

/// A function of an application that is a program, if there is one.
fn process(spec: &Application) -> Option<&FunctionName> {
    let mut functions = spec.functions.iter();
    let found = functions.find(|(_, function)| matches!(function.runtime, RuntimeKind::Process { .. }));
    found.map(|(name, _)| name)
}

/// Refuses a package without one of the files, or anything of one of the folders, that a function names.
fn check_sent(package: &Package, function: &FunctionName, files: &[String]) -> Result<(), Fault> {
    let was_sent = |name: &&String| {
        let below = format!("{name}/");
        let mut sent = package.files.keys();
        sent.any(|file| file == *name || file.starts_with(&below))
    };
    match files.iter().find(|name| !was_sent(name)) {
        None => Ok(()),
        Some(name) => Err(Fault::new(
            Kind::NotDeployable,
            format!("nothing was sent of {name}, which is among the files of {function}"),
            "send it as a part of its path, a folder as a part for each file in it; `fogline deploy` does",
        )),
    }
}

fn not_deployable(fault: &BadInput) -> Fault {
    let at = match (fault.line, fault.column) {
        (Some(line), Some(column)) => format!(":{line}:{column}"),
        _ => String::new(),
    };
    let title = format!("{}{at}: {}", fault.file, fault.problem);
    Fault::new(Kind::NotDeployable, title, fault.hint.clone())
}

fn of_preparation(error: &PrepareError) -> Fault {
    match error {
        PrepareError::Function { .. } => Fault::new(
            Kind::NotDeployable,
            error.to_string(),
            error.hint().unwrap_or_default(),
        ),
        PrepareError::Busy { .. } => Fault::overloaded(error.to_string()),
        PrepareError::Node { source, .. } => Fault::new(
            Kind::Unavailable,
            format!("{error}: {source}"),
            "look after the node",
        ),
    }
}
