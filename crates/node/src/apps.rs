//! The applications that are deployed on this node.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use data_encoding::HEXLOWER;
use fogline_core::application::{self, Application, RuntimeKind};
use fogline_core::model::{AppName, BadInput, FunctionName, StateName, TenantName};
use fogline_manifest::{Source, application as manifest};
use fogline_protocol::api;
use fogline_protocol::problem::Kind;
use fogline_runtime::{Artefact, Executor, PrepareError, Runtime, StateValue};
use fogline_state::{EmbeddedStore, StoreError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::fault::Fault;

const TABLE: &str = "applications";
/// Packages that are read at once: each may have as many bytes as a request.
const PAGE: usize = 8;

/// What is deployed: the manifest, and the files that it names, by their path beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Package {
    pub(crate) manifest: String,
    pub(crate) files: BTreeMap<String, Bytes>,
}

/// An application, ready to be executed.
pub(crate) struct Deployed {
    pub(crate) spec: Application,
    pub(crate) digest: String,
    functions: BTreeMap<FunctionName, DeployedFunction>,
}

/// A function, ready to be executed.
pub(crate) struct DeployedFunction {
    pub(crate) spec: application::Function,
    pub(crate) executor: Arc<dyn Executor>,
}

/// The applications of a node, by tenant and name.
pub(crate) struct Apps {
    runtime: Arc<dyn Runtime>,
    folder: PathBuf,
    store: Arc<EmbeddedStore>,
    most: usize,
    /// `TENANT/APP` of all that is in the store; held while that changes.
    kept: tokio::sync::Mutex<BTreeSet<String>>,
    deployed: RwLock<BTreeMap<(TenantName, AppName), Arc<Deployed>>>,
}

impl Apps {
    /// At most so many applications, of all tenants.
    pub(crate) fn new(
        runtime: Arc<dyn Runtime>,
        folder: PathBuf,
        store: Arc<EmbeddedStore>,
        most: usize,
    ) -> Self {
        Self {
            runtime,
            folder,
            store,
            most,
            kept: tokio::sync::Mutex::default(),
            deployed: RwLock::default(),
        }
    }

    /// Makes ready what was deployed before the node stopped, but not what is being deleted. What can no longer be
    /// made ready is logged and left out.
    pub(crate) async fn restore(&self, deleted: &BTreeSet<String>) -> Result<(), StoreError> {
        let mut kept = self.kept.lock().await;
        let mut after: Option<Bytes> = None;
        loop {
            let page = self.store.meta_list(TABLE, after.as_deref(), PAGE)?;
            for (key, bytes) in &page {
                let name = String::from_utf8_lossy(key).into_owned();
                if !deleted.contains(&name) {
                    self.restore_one(&name, bytes).await;
                }
                kept.insert(name);
            }
            if page.len() < PAGE {
                return Ok(());
            }
            after = page.into_iter().next_back().map(|(key, _)| key);
        }
    }

    async fn restore_one(&self, name: &str, bytes: &[u8]) {
        let tenant = name.split('/').next().and_then(|tenant| tenant.parse().ok());
        let package = postcard::from_bytes::<Package>(bytes).ok();
        let (Some(tenant), Some(package)) = (tenant, package) else {
            tracing::error!(application = name, "its record is damaged");
            return;
        };
        match self.prepare(&tenant, &package).await {
            Ok(deployed) => drop(self.put(tenant, deployed)),
            Err(fault) => tracing::error!(application = name, problem = %fault.problem(), "not restored"),
        }
    }

    /// Keeps an application that was made ready; one of the same name is replaced, its sessions stay.
    pub(crate) async fn keep(
        &self,
        tenant: &TenantName,
        package: &Package,
        deployed: Deployed,
    ) -> Result<Arc<Deployed>, Fault> {
        let key = format!("{tenant}/{}", deployed.spec.name);
        let mut kept = self.kept.lock().await;
        if kept.len() >= self.most && !kept.contains(&key) {
            let title = format!("the node has {} applications, the most that it keeps", kept.len());
            let hint = "delete one that nobody needs, or raise limits.applications of the node";
            return Err(Fault::new(Kind::NotDeployable, title, hint));
        }
        let bytes = postcard::to_stdvec(package)
            .map_err(|error| Fault::internal(format!("writing the package of {key}: {error}")))?;
        self.store.meta_put(TABLE, key.as_bytes(), bytes.into()).await?;
        kept.insert(key);
        Ok(self.put(tenant.clone(), deployed))
    }

    /// Forgets an application, if there is one.
    pub(crate) async fn undeploy(&self, tenant: &TenantName, app: &AppName) -> Result<(), Fault> {
        let key = format!("{tenant}/{app}");
        let mut kept = self.kept.lock().await;
        self.store.meta_delete(TABLE, key.as_bytes()).await?;
        kept.remove(&key);
        let mut deployed = self.deployed.write().unwrap_or_else(PoisonError::into_inner);
        deployed.remove(&(tenant.clone(), app.clone()));
        Ok(())
    }

    pub(crate) fn get(&self, tenant: &TenantName, app: &AppName) -> Result<Arc<Deployed>, Fault> {
        let deployed = self.deployed.read().unwrap_or_else(PoisonError::into_inner);
        deployed
            .get(&(tenant.clone(), app.clone()))
            .cloned()
            .ok_or_else(|| {
                Fault::not_found(
                    format!("there is no application {app}"),
                    "deploy it with `fogline deploy`; `fogline get apps` lists those that are there",
                )
            })
    }

    /// All applications, with their tenants.
    pub(crate) fn all(&self) -> Vec<(TenantName, Arc<Deployed>)> {
        let deployed = self.deployed.read().unwrap_or_else(PoisonError::into_inner);
        deployed
            .iter()
            .map(|((tenant, _), app)| (tenant.clone(), Arc::clone(app)))
            .collect()
    }

    fn put(&self, tenant: TenantName, app: Deployed) -> Arc<Deployed> {
        let app = Arc::new(app);
        let mut deployed = self.deployed.write().unwrap_or_else(PoisonError::into_inner);
        deployed.insert((tenant, app.spec.name.clone()), Arc::clone(&app));
        app
    }

    /// Checks and compiles an application.
    pub(crate) async fn prepare(&self, tenant: &TenantName, package: &Package) -> Result<Deployed, Fault> {
        let source = Source {
            name: "fogline.toml".to_owned(),
            text: package.manifest.clone(),
        };
        let spec = manifest::parse(&source).map_err(|fault| not_deployable(&fault))?;
        let digest = digest(package);
        let folder = self.folder.join("apps").join(tenant.as_str()).join(&digest[..16]);
        check_paths(package)?;
        let is_process =
            |function: &application::Function| matches!(function.runtime, RuntimeKind::Process(_));
        if spec.functions.values().any(is_process) {
            write_files(&folder, package).await?;
        }
        let mut functions = BTreeMap::new();
        for (name, function) in &spec.functions {
            let bytes = match &function.runtime {
                RuntimeKind::Process(_) => Bytes::new(),
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
                folder: folder.clone(),
            };
            let prepared = self.runtime.prepare(name, function, &spec.states, artefact).await;
            let executor = prepared.map_err(|error| of_preparation(&error))?;
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
            let Some(state) = self.spec.states.get(name) else {
                continue;
            };
            if !(state.reads_schema_from..=state.schema).contains(&value.schema) {
                return Err(Fault::new(
                    Kind::Conflict,
                    format!(
                        "state {name} has schema {}, version {} of {} reads {} to {}",
                        value.schema,
                        self.spec.version,
                        self.spec.name,
                        state.reads_schema_from,
                        state.schema
                    ),
                    "deploy a version that can read it",
                ));
            }
        }
        Ok(())
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
            digest: self.digest.clone(),
            model: spec.model,
            durability: spec.durability,
            guard: spec.guard,
            functions: functions.collect(),
            states: states.collect(),
            workflow: steps.collect(),
        }
    }
}

/// SHA-256 of the manifest and the files, each behind its length.
fn digest(package: &Package) -> String {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    add(package.manifest.as_bytes());
    for (path, bytes) in &package.files {
        add(path.as_bytes());
        add(bytes);
    }
    HEXLOWER.encode(&hash.finalize())
}

fn check_paths(package: &Package) -> Result<(), Fault> {
    let below = |path: &&String| {
        let mut parts = Path::new(path).components();
        parts.all(|part| matches!(part, Component::Normal(_)))
    };
    match package.files.keys().find(|path| !below(path)) {
        None => Ok(()),
        Some(path) => Err(Fault::new(
            Kind::BadRequest,
            format!("the path {path} leaves the application's folder"),
            "name files beside the manifest, without .. and not from the root",
        )),
    }
}

/// Processes are started in the folder of their manifest, so it is laid out here.
async fn write_files(folder: &Path, package: &Package) -> Result<(), Fault> {
    let failed = |path: &Path, error: std::io::Error| {
        Fault::new(
            Kind::Unavailable,
            format!("writing {}: {error}", path.display()),
            "check that the node's data folder may be written and has room",
        )
    };
    for (path, bytes) in &package.files {
        let full = folder.join(path);
        let parent = full.parent().unwrap_or(folder);
        tokio::fs::create_dir_all(parent)
            .await
            .map_err(|error| failed(parent, error))?;
        tokio::fs::write(&full, bytes)
            .await
            .map_err(|error| failed(&full, error))?;
    }
    Ok(())
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
