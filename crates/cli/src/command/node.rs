//! `fogline node`: one node, as its configuration says.

mod tokens;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use fogline_core::dispatch::Map;
use fogline_core::lease;
use fogline_core::model::{Device, NodeName, TenantName};
use fogline_core::quota::Quota;
use fogline_core::telemetry::Capabilities;
use fogline_manifest::node::{EtcdSection, ExternalStore, InEdgeStore, NodeConfig, Telemetry};
use fogline_node::{External, Gossip, Limits, Options, Others, Pace, Quorum, TraceOptions, memory};
use fogline_runtime::Runtimes;
use fogline_runtime::component::{ComponentOptions, ComponentRuntime};
use fogline_runtime::process::ProcessRuntime;
use fogline_state::seal::{Keyring, NetworkSecret};
use fogline_state::{EtcdConnectError, EtcdCredentials, EtcdOptions, EtcdStore, EtcdTls, RedisOptions};

use super::up;
use crate::failure::Failure;
use crate::peering::{self, failed};
use crate::{asynchronous, output};

/// How often a quorum that was silent at the start is asked whether it is there.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// Run one node until it is interrupted.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Its configuration; docs/src/manifest.md lists every key
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let config = NodeConfig::read(&args.config)?;
    asynchronous::run(async {
        let (quorum, silent) = quorum(&config).await?.unzip();
        let node = fogline_node::start(options(&config, quorum).await?).await;
        let node = node.map_err(|error| failed(&error, "mend what it says, and start the node again"))?;
        output::data(&format!("{} http://{}\n", node.name(), node.http()))?;
        if config.loopback_only {
            output::note(up::LOOPBACK);
        }
        tokio::select! {
            interrupted = asynchronous::interrupted() => interrupted?,
            never = greet(silent.flatten()) => match never {},
        }
        node.stop().await;
        Ok(())
    })
}

async fn options(config: &NodeConfig, quorum: Option<Quorum>) -> Result<Options, Failure> {
    let local: TenantName = "local"
        .parse()
        .map_err(|error| failed(&error, "please report this"))?;
    let (tenants, operator) = tokens::read(config, local.clone())?;
    let (peers, origin) = match &config.peering {
        Some(peering) => {
            let member = peering::member(config, peering).await?;
            let origin = Origin::Network(member.secret().cloned());
            (Some(peering::endpoint(member, peering)?), origin)
        }
        None => (None, Origin::Alone),
    };
    let capabilities = this_machine(config);
    let others = match &config.peering {
        Some(peering) => Others::Gossip(Box::new(Gossip {
            seeds: peering.join.clone(),
            host: peering::advertised(peering)?,
            capabilities,
            pace: Pace::default(),
            map: None,
        })),
        None => alone(&config.name, &capabilities)?,
    };
    let cache = config.data.join("compiled");
    std::fs::create_dir_all(&cache).map_err(|source| Failure::writing(&cache, source))?;
    let default = ComponentOptions::default();
    let component = ComponentRuntime::new(ComponentOptions {
        cache: Some(cache),
        kept_memory: config.limits.kept_memory.unwrap_or(default.kept_memory),
        ..default
    })
    .map_err(|error| failed(&error, "look after the machine"))?;
    let keyrings = keyrings(config, &local, &origin)?;
    Ok(Options {
        name: config.name.clone(),
        data: config.data.clone(),
        http: config.http_listen,
        tenants,
        operator,
        keyrings,
        external: external(config).await?,
        quorum,
        slots: slots(config.slots),
        limits: limits(config),
        peers,
        decisions: config.dispatch.log.clone(),
        others,
        traces: config.telemetry.as_ref().map(traces).transpose()?,
        runtime: Arc::new(Runtimes::new(component, ProcessRuntime)),
    })
}

fn slots(configured: Option<NonZeroU32>) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    configured.map_or(cores, |slots| slots.get() as usize)
}

fn limits(config: &NodeConfig) -> Limits {
    let configured = &config.limits;
    let quotas = config
        .tenants
        .iter()
        .map(|tenant| (tenant.name.clone(), tenant.quota));
    let with_processes = config.tenants.iter().filter(|tenant| tenant.processes);
    let default = Limits::default();
    let or = |value: Option<NonZeroU32>, default| value.map_or(default, |value| value.get() as usize);
    Limits {
        waiting: or(configured.waiting, default.waiting),
        session_queue: or(configured.session_queue, default.session_queue),
        apps: or(configured.applications, default.apps),
        quotas: quotas.filter(|(_, quota)| *quota != Quota::default()).collect(),
        processes: with_processes.map(|tenant| tenant.name.clone()).collect(),
        ..default
    }
}

fn traces(telemetry: &Telemetry) -> Result<TraceOptions, Failure> {
    Ok(TraceOptions {
        receiver: url(&telemetry.otlp)?,
        sample: telemetry.sample,
        service: telemetry.service.clone(),
    })
}

fn url<T: FromStr<Err: std::error::Error>>(text: &str) -> Result<T, Failure> {
    text.parse()
        .map_err(|error: T::Err| failed(&error, "mend otlp in [telemetry]"))
}

/// What the others are told of this machine: what the system and the configuration say of it.
fn this_machine(config: &NodeConfig) -> Capabilities {
    let device = config.device.as_deref().and_then(Device::by_name);
    let accelerator = device.and_then(|device| device.accelerator).map(str::to_owned);
    let labels = config.capabilities.iter();
    Capabilities {
        arch: std::env::consts::ARCH.to_owned(),
        cpu_millis: 1000 * slots(config.slots) as u64,
        memory: memory(),
        model: device.map(|device| device.model.to_owned()).unwrap_or_default(),
        labels: labels.cloned().chain(accelerator).collect(),
        functions: config.runs_functions,
        issuer: false,
    }
}

/// A node that has no others.
fn alone(name: &NodeName, capabilities: &Capabilities) -> Result<Others, Failure> {
    let map = Map::flat(&BTreeMap::from([(name.clone(), capabilities.machine())]), None);
    let map = map.map_err(|error| failed(&error, "please report this"))?;
    Ok(Others::Listed(Vec::new(), Arc::new(map)))
}

/// Where keys of tenants come from that no file holds.
enum Origin {
    /// The node has no peers: its keys are its own.
    Alone,
    /// They follow from the network's secret, if the node knows that.
    Network(Option<NetworkSecret>),
}

/// The keys of tenants. They are made at a tenant's first start, beside the store, the same at all nodes of a network; a file
/// that is there already, as one that two networks share, is not touched.
fn keyrings(
    config: &NodeConfig,
    local: &TenantName,
    origin: &Origin,
) -> Result<BTreeMap<TenantName, Keyring>, Failure> {
    let names: Vec<TenantName> = if config.loopback_only {
        vec![local.clone()]
    } else {
        config.tenants.iter().map(|tenant| tenant.name.clone()).collect()
    };
    let mut keyrings = BTreeMap::new();
    for name in names {
        let path = config.data.join(format!("{name}.key"));
        let keyring = keyring(&path, || match origin {
            Origin::Alone => Keyring::generate(),
            Origin::Network(Some(secret)) => secret.keyring(&name),
            Origin::Network(None) => {
                output::note(&format!(
                    "{} is made for this node alone: in-client sessions that begin here do not go on at other nodes",
                    path.display()
                ));
                Keyring::generate()
            }
        })?;
        keyrings.insert(name, keyring);
    }
    Ok(keyrings)
}

/// The keys in a file; new ones, if it is not there.
pub(crate) fn keyring(path: &Path, new: impl FnOnce() -> Keyring) -> Result<Keyring, Failure> {
    if path.exists() {
        return Keyring::load(path)
            .map_err(|error| failed(&error, "mend the file, or remove it for new keys"));
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|source| Failure::writing(folder, source))?;
    }
    let keyring = new();
    keyring
        .save(path)
        .map_err(|error| failed(&error, "check that the folder may be written and has room"))?;
    Ok(keyring)
}

async fn external(config: &NodeConfig) -> Result<External, Failure> {
    Ok(match &config.external {
        None => External::None,
        Some(ExternalStore::Node(node)) => External::Node(node.clone()),
        Some(ExternalStore::Redis(url)) => {
            let store = fogline_state::RedisStore::connect(&RedisOptions::new(url.expose())).await;
            External::Store(Arc::new(
                store.map_err(|error| failed(&error, "check the URL and the server"))?,
            ))
        }
    })
}

/// The quorum, and its servers if they have not said yet how they are.
async fn quorum(config: &NodeConfig) -> Result<Option<(Quorum, Option<EtcdStore>)>, Failure> {
    let Some(InEdgeStore::Etcd(section)) = &config.in_edge else {
        return Ok(None);
    };
    let mut options = EtcdOptions::new(&section.endpoints);
    if let Some(prefix) = &section.prefix {
        options.prefix.clone_from(prefix);
    }
    options.tls = tls(section)?;
    if let (Some(user), Some(file)) = (&section.user, &section.password_file) {
        options.credentials = Some(EtcdCredentials {
            user: user.clone(),
            password: text(file, "the password of etcd's user")?.trim_end().to_owned(),
        });
    }
    let refused = |error: EtcdConnectError| failed(&error, "check [in-edge] and the servers");
    let etcd = EtcdStore::new(&options).map_err(refused)?;
    let silent = match etcd.greet().await {
        // What needs no quorum is served meanwhile.
        Err(error @ EtcdConnectError::Silent { .. }) => {
            output::note(&format!("starts without its quorum: {error}"));
            Some(etcd.clone())
        }
        greeted => {
            greeted.map_err(refused)?;
            None
        }
    };
    let term = section.lease_term.unwrap_or(lease::TERM);
    Ok(Some((Quorum { etcd, term }, silent)))
}

/// Asks servers that were silent at the start how they are kept, once they are there, for what they lack to be in the
/// log; goes on for as long as the node does.
async fn greet(silent: Option<EtcdStore>) -> Infallible {
    if let Some(etcd) = silent {
        while let Err(error) = etcd.greet().await {
            if !matches!(error, EtcdConnectError::Silent { .. }) {
                output::note(&format!("goes on without its quorum: {error}"));
                break;
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }
    std::future::pending().await
}

fn tls(section: &EtcdSection) -> Result<Option<EtcdTls>, Failure> {
    let read = |file: &Path| text(file, "a certificate for etcd").map(String::into_bytes);
    let Some(ca) = &section.ca_file else {
        return Ok(None);
    };
    let identity = match (&section.cert_file, &section.key_file) {
        (Some(certificate), Some(key)) => Some((read(certificate)?, read(key)?)),
        _ => None,
    };
    let ca = read(ca)?;
    Ok(Some(EtcdTls { ca, identity }))
}

fn text(file: &Path, what: &str) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|source| Failure::System {
        doing: format!("reading {what} from {}", file.display()),
        hint: "check the files of [in-edge] in the configuration".to_owned(),
        source,
    })
}
