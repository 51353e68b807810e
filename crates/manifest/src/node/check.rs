//! What a node's configuration must hold beyond its types.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use fogline_core::model::{BadInput, Device};
use fogline_core::telemetry::{MAX_LABEL, MAX_LABELS};

use super::file::{ExternalStore, InEdgeStore, NodeConfig};
use crate::amount::excerpt;
use crate::application::is_capability;
use crate::source::Source;
use crate::suggest;

/// The page that describes the file.
const MANUAL: &str = "docs/src/manifest.md";
/// The beginnings of URLs that lead to a Redis or Valkey server.
const REDIS_SCHEMES: [&str; 4] = ["redis://", "valkey://", "unix://", "redis+unix://"];

impl NodeConfig {
    /// Reads and checks a node's configuration; paths become relative to the current folder, or absolute.
    ///
    /// # Errors
    /// When the file cannot be read, or at the first thing in it that is not as expected.
    pub fn read(path: &Path) -> Result<Self, BadInput> {
        let mut config = Self::parse(&Source::read(path)?)?;
        let base = path.parent().unwrap_or(Path::new(""));
        let resolve = |path: &mut PathBuf| *path = base.join(&path);
        resolve(&mut config.data);
        if let Some(peering) = &mut config.peering {
            [&mut peering.authority, &mut peering.token_file]
                .into_iter()
                .flatten()
                .for_each(resolve);
        }
        if let Some(InEdgeStore::Etcd(etcd)) = &mut config.in_edge {
            etcd.files().for_each(resolve);
        }
        let tokens = config.tenants.iter_mut().map(|tenant| &mut tenant.token_file);
        tokens
            .chain(&mut config.operator_token_file)
            .chain(&mut config.dispatch.log)
            .for_each(resolve);
        Ok(config)
    }

    /// The configuration that a text describes, with paths as they are written.
    ///
    /// # Errors
    /// At the first thing that is not as expected.
    pub fn parse(source: &Source) -> Result<Self, BadInput> {
        let config: Self = source.parse(MANUAL)?;
        let checks = Checks {
            source,
            config: &config,
        };
        checks.data()?;
        checks.tenants()?;
        checks.listeners()?;
        checks.machine()?;
        checks.enrolment()?;
        checks.external()?;
        checks.telemetry()?;
        if let Some(InEdgeStore::Etcd(etcd)) = &config.in_edge {
            etcd.check(source)?;
        }
        Ok(config)
    }
}

struct Checks<'a> {
    source: &'a Source,
    config: &'a NodeConfig,
}

impl Checks<'_> {
    fn data(&self) -> Result<(), BadInput> {
        if self.config.data.as_os_str().is_empty() {
            let hint = "name a folder that belongs to this node alone";
            return Err(self.source.fault_under("data", "data names no folder", hint));
        }
        Ok(())
    }

    fn tenants(&self) -> Result<(), BadInput> {
        let NodeConfig {
            tenants,
            loopback_only,
            ..
        } = self.config;
        if *loopback_only && !tenants.is_empty() {
            let problem = "a node in development mode asks nobody for a token, so tenants have no use";
            return Err(self
                .source
                .fault_under("tenants", problem, "leave out tenants or loopback-only"));
        }
        if !loopback_only && tenants.is_empty() {
            let problem = "there is no tenant, so nobody could use the node";
            let hint = "add a [[tenants]] section, or loopback-only = true to develop without tokens";
            return Err(BadInput::whole(&self.source.name, problem, hint));
        }
        let mut names = BTreeSet::new();
        for (index, tenant) in tenants.iter().enumerate() {
            if !names.insert(&tenant.name) {
                let problem = format!("the tenant \"{}\" is there twice", tenant.name);
                let path = format!("tenants.{index}.name");
                return Err(self
                    .source
                    .fault_under(&path, problem, "give each tenant a name of its own"));
            }
        }
        Ok(())
    }

    fn listeners(&self) -> Result<(), BadInput> {
        let peering = self
            .config
            .peering
            .as_ref()
            .map(|peering| ("peering.listen", peering.listen));
        for (path, address) in [("http-listen", self.config.http_listen)]
            .into_iter()
            .chain(peering)
        {
            if self.config.loopback_only && !address.ip().is_loopback() {
                let problem = format!("{address} can be reached from elsewhere, where no token is asked for");
                let hint = "listen on 127.0.0.1 or [::1], or leave loopback-only out";
                return Err(self.source.fault_under(path, problem, hint));
            }
        }
        Ok(())
    }

    fn machine(&self) -> Result<(), BadInput> {
        let NodeConfig {
            capabilities, device, ..
        } = self.config;
        if capabilities.len() > MAX_LABELS {
            let problem = format!("{} capabilities are more than {MAX_LABELS}", capabilities.len());
            let hint = "keep those that functions require";
            return Err(self.source.fault_under("capabilities", problem, hint));
        }
        for (index, capability) in capabilities.iter().enumerate() {
            if !is_capability(capability) || capability.len() > MAX_LABEL {
                let path = format!("capabilities.{index}");
                let hint =
                    format!("write it as \"gpu=pascal\" or \"site=roof\", in at most {MAX_LABEL} bytes");
                return Err(self.source.fault_under(&path, "this is not a capability", hint));
            }
        }
        if let Some(device) = device.as_deref().filter(|name| Device::by_name(name).is_none()) {
            let problem = format!("\"{}\" is not in the catalogue of devices", excerpt(device));
            let names = || Device::ALL.iter().map(|device| device.name);
            let all = Vec::from_iter(names()).join(", ");
            let hint = suggest::or(device, names(), &format!("name one of {all}, or leave it out"));
            return Err(self.source.fault_under("device", problem, hint));
        }
        Ok(())
    }

    fn address(&self, path: &str, address: &str) -> Result<(), BadInput> {
        if is_address(address) {
            return Ok(());
        }
        let problem = format!("\"{}\" is not an address and a port", excerpt(address));
        let hint = "write it as \"10.0.0.9:7071\", \"[2001:db8::9]:7071\" or \"cloud.example:7071\"";
        Err(self.source.fault_under(path, problem, hint))
    }

    fn enrolment(&self) -> Result<(), BadInput> {
        let Some(peering) = &self.config.peering else {
            return Ok(());
        };
        for (index, address) in peering.join.iter().enumerate() {
            self.address(&format!("peering.join.{index}"), address)?;
        }
        if peering.token_file.is_none() {
            return Ok(());
        }
        let refuse = |problem: &str, hint| Err(self.source.fault_under("peering.token-file", problem, hint));
        if peering.authority.is_some() {
            let problem = "a node with the authority's key certifies itself, so a token has no use";
            return refuse(problem, "leave out token-file or authority");
        }
        if peering.join.is_empty() {
            let hint = "add join = [\"ADDRESS:PORT\"] to [peering], with the address of any peer";
            return refuse("there is no peer that could enrol the node with this token", hint);
        }
        Ok(())
    }

    fn telemetry(&self) -> Result<(), BadInput> {
        let Some(telemetry) = &self.config.telemetry else {
            return Ok(());
        };
        let host = telemetry.otlp.strip_prefix("http://");
        let host = host.and_then(|rest| rest.split('/').next()).unwrap_or_default();
        if !is_address(host) {
            let problem = format!(
                "\"{}\" does not lead to a receiver of OTLP over HTTP",
                excerpt(&telemetry.otlp)
            );
            let hint =
                "write it as \"http://127.0.0.1:4318\"; a collector on the node's machine sends on over TLS";
            return Err(self.source.fault_under("telemetry.otlp", problem, hint));
        }
        if !(0.0..=1.0).contains(&telemetry.sample) {
            let problem = format!("a share of {} cannot be recorded", telemetry.sample);
            let hint = "write a number from 0 to 1: 0.01 is one request in a hundred";
            return Err(self.source.fault_under("telemetry.sample", problem, hint));
        }
        Ok(())
    }

    fn external(&self) -> Result<(), BadInput> {
        match &self.config.external {
            Some(ExternalStore::Node(node)) => {
                if self.config.peering.is_some() || *node == self.config.name {
                    return Ok(());
                }
                let problem = format!("the node \"{node}\" is another one, and this one has no peers");
                let hint = "add a [peering] section, or name this node";
                Err(self.source.fault_under("external.node", problem, hint))
            }
            Some(ExternalStore::Redis(url)) => {
                let url = url.expose();
                if REDIS_SCHEMES
                    .iter()
                    .any(|scheme| url.len() > scheme.len() && url.starts_with(scheme))
                {
                    return Ok(());
                }
                // The URL itself is not shown: it may hold a password.
                let problem = format!("the URL does not begin with one of {}", REDIS_SCHEMES.join(", "));
                let hint = "write it as \"redis://cache.example:6379/0\"";
                Err(self.source.fault_under("external.redis", problem, hint))
            }
            None => Ok(()),
        }
    }
}

/// Whether a text is a host and a port that can be connected to.
fn is_address(text: &str) -> bool {
    let fits = |host: &str| {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        match bare {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                !host.is_empty()
                    && host
                        .bytes()
                        .all(|it| it.is_ascii_alphanumeric() || b".-_".contains(&it))
            }
        }
    };
    let parts = text.rsplit_once(':');
    parts.is_some_and(|(host, port)| fits(host) && port.parse::<u16>().is_ok_and(|port| port > 0))
}
