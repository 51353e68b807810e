//! What a node's configuration must hold beyond its types.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use fogline_core::model::{BadInput, NodeName};

use super::file::{ExternalStore, NodeConfig, PeerNode};
use crate::amount::excerpt;
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
        let tokens = config.tenants.iter_mut().map(|tenant| &mut tenant.token_file);
        tokens.chain(&mut config.operator_token_file).for_each(resolve);
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
        checks.peers()?;
        checks.enrolment()?;
        checks.external()?;
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

    fn nodes(&self) -> &[PeerNode] {
        self.config.peering.as_ref().map_or(&[], |peering| &peering.nodes)
    }

    fn peers(&self) -> Result<(), BadInput> {
        let mut names = BTreeSet::from([&self.config.name]);
        for (index, peer) in self.nodes().iter().enumerate() {
            let path = |key: &str| format!("peering.nodes.{index}.{key}");
            if !names.insert(&peer.name) {
                let problem = format!("another node, or this one, is called \"{}\" too", peer.name);
                let hint = "give each node a name of its own, and list the others only";
                return Err(self.source.fault_under(&path("name"), problem, hint));
            }
            self.address(&path("address"), &peer.address)?;
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
        if peering.join.is_empty() && peering.nodes.is_empty() {
            let hint = "add join = [\"ADDRESS:PORT\"] to [peering], with the address of any peer";
            return refuse("there is no peer that could enrol the node with this token", hint);
        }
        Ok(())
    }

    fn external(&self) -> Result<(), BadInput> {
        match &self.config.external {
            Some(ExternalStore::Node(node)) => {
                let known = || {
                    self.nodes()
                        .iter()
                        .map(|peer| &peer.name)
                        .chain([&self.config.name])
                };
                if known().any(|name| name == node) {
                    return Ok(());
                }
                let problem = format!("the node \"{node}\" is neither this one nor a peer");
                let add = "add it as a [[peering.nodes]] section";
                let hint = suggest::or(node.as_str(), known().map(NodeName::as_str), add);
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
