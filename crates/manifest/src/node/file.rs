//! The sections of a node's configuration. They are its manual: each key with its meaning, unit and default.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use fogline_core::model::{Bytes, NodeName, TenantName};
use fogline_core::quota::{Quota, Rate};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::amount::{Size, Time};

/// A node's configuration. Paths are relative to the file's folder; [`NodeConfig::read`] resolves them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NodeConfig {
    /// Its name, which no other node of the network has; sessions that are born here carry it.
    pub name: NodeName,
    /// The folder of its store and of compiled functions; made if it is not there.
    pub data: PathBuf,
    /// Where clients reach it, as `"0.0.0.0:7070"`; port 0 stands for any free one. Default: `127.0.0.1:0`.
    #[serde(default = "any_local_port")]
    pub http_listen: SocketAddr,
    /// Executions at once. Default: one for each of the machine's processors.
    pub slots: Option<NonZeroU32>,
    /// What it can beyond others, as `"gpu=pascal"` or `"site=roof"`: functions ask for it with `requires`. At most 32,
    /// of at most 64 bytes. Default: nothing.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// What the machine is in the catalogue of devices, as `"rpi4"`: how fast it executes which functions, and
    /// its accelerator. Default: as fast as a NUC with so many slots.
    pub device: Option<String>,
    /// Whether it runs functions. Default: true.
    #[serde(default = "yes")]
    pub runs_functions: bool,
    /// What it takes at once. Default: as the limits say.
    #[serde(default)]
    pub limits: LimitsSection,
    /// Development mode: no tokens, and every listener on a loopback address. Default: false.
    #[serde(default)]
    pub loopback_only: bool,
    /// The store behind the execution model `external`. Default: none, and sessions under that model are not served here.
    pub external: Option<ExternalStore>,
    /// The store of session records that it shares with the other nodes of its site. Default: its own, in `data`.
    pub in_edge: Option<InEdgeStore>,
    /// How it talks to other nodes. Default: it does not.
    pub peering: Option<Peering>,
    /// Where it sends traces. Default: nowhere.
    pub telemetry: Option<Telemetry>,
    /// How it chooses nodes. Default: as it does.
    #[serde(default)]
    pub dispatch: DispatchSection,
    /// The file that holds the token of operators, who may empty the node. Default: nobody may, unless `loopback-only`.
    pub operator_token_file: Option<PathBuf>,
    /// Whose applications and sessions it serves. At least one, unless `loopback-only`.
    #[serde(default)]
    pub tenants: Vec<TenantSection>,
}

/// What a node takes at once; whoever comes then is told so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LimitsSection {
    /// Executions that wait for a slot. Default: 4096.
    pub waiting: Option<NonZeroU32>,
    /// Invocations of one session that are executed or wait for its turn. Default: 1024.
    pub session_queue: Option<NonZeroU32>,
    /// Applications, of all tenants. Default: 1000.
    pub applications: Option<NonZeroU32>,
    /// Memory of the workers that are kept for sessions, together. Default: 1 GiB.
    #[serde(default, deserialize_with = "bytes")]
    pub kept_memory: Option<Bytes>,
}

fn bytes<'de, D: Deserializer<'de>>(text: D) -> Result<Option<Bytes>, D::Error> {
    let size = Option::<Size>::deserialize(text)?;
    Ok(size.map(|Size(bytes)| bytes))
}

fn yes() -> bool {
    true
}

/// How a node chooses nodes for invocations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DispatchSection {
    /// The file that gets each decision as a line of JSON, for `fogline replay`; at 64 MiB it is put aside as `FILE.1`.
    /// Default: none.
    pub log: Option<PathBuf>,
}

fn any_local_port() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// The store behind the execution model `external`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExternalStore {
    /// The embedded store of a node: another, or this one.
    Node(NodeName),
    /// Redis or Valkey, by its URL, as `"redis://cache.example:6379/0"`.
    Redis(SecretUrl),
}

/// The store behind the execution models `in-edge` and `in-function` that the nodes of a site share.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InEdgeStore {
    /// A quorum of etcd servers.
    Etcd(EtcdSection),
}

/// A quorum of etcd servers, of version 3.4 or later.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EtcdSection {
    /// The servers, as `"http://10.0.0.1:2379"`, or `https://` with `ca-file`; the nearest first.
    pub endpoints: Vec<String>,
    /// What the keys begin with, the same for all nodes of the site. Default: `fogline`.
    pub prefix: Option<String>,
    /// The certificate of the authority that signed those of the servers, in PEM. Default: none, for `http`.
    pub ca_file: Option<PathBuf>,
    /// The node's own certificate, in PEM, where the servers want one. Default: none.
    pub cert_file: Option<PathBuf>,
    /// Its key, in PEM. Default: none.
    pub key_file: Option<PathBuf>,
    /// The user, where the servers want one. Default: none.
    pub user: Option<String>,
    /// The file that holds the user's password. Default: none.
    pub password_file: Option<PathBuf>,
    /// How long the node answers for sessions in its memory without renewing its lease there; the others wait for a
    /// tenth more before they take what a silent node had. Default: `"800ms"`.
    #[serde(default, deserialize_with = "duration")]
    pub lease_term: Option<Duration>,
}

fn duration<'de, D: Deserializer<'de>>(text: D) -> Result<Option<Duration>, D::Error> {
    let time = Option::<Time>::deserialize(text)?;
    Ok(time.map(|Time(duration)| duration))
}

/// A URL that may hold a password: its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// The URL, password and all.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(&self.0))
    }
}

/// A text without the users and passwords of the URLs in it.
pub(crate) fn without_password(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let end = after.find([' ', '"', '`', '\'', '\n']).unwrap_or(after.len());
        // A password may have any of the other signs in it, slashes too: what counts is the last @.
        rest = match after[..end].rfind('@') {
            Some(at) => {
                shown.push('…');
                &after[at..]
            }
            None => after,
        };
    }
    shown + rest
}

/// How a node talks to other nodes: QUIC, with a certificate on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Peering {
    /// Where peers reach it (UDP). Default: `127.0.0.1:0`.
    #[serde(default = "any_local_port")]
    pub listen: SocketAddr,
    /// The folder of the network's authority, as `fogline authority new` makes it: with it the node issues
    /// certificates, to itself too. Default: other nodes do.
    pub authority: Option<PathBuf>,
    /// The file that holds the token with which it enrols, as `fogline authority token` prints it. It is read when
    /// the node has no certificate that serves. Default: none.
    pub token_file: Option<PathBuf>,
    /// Where some peers are, as `"10.0.0.9:7071"` or `"cloud.example:7071"`: one that answers enrols it, and tells it of
    /// all others. Default: none, for the first node of a network.
    #[serde(default)]
    pub join: Vec<String>,
    /// This machine's address as other nodes see it. Default: that of `listen`; if it listens on all of them, that from
    /// which the first of `join` is reached, or else the internet.
    pub advertise: Option<IpAddr>,
}

/// Where a node sends traces, and how many. Requests that come with a `traceparent` of their own are recorded as it says.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Telemetry {
    /// The receiver of OTLP over HTTP, as `"http://127.0.0.1:4318"`; `/v1/traces` is added.
    pub otlp: String,
    /// The share of requests that are recorded, of those that come without a `traceparent`: 0 to 1. Default: 0.01.
    #[serde(default = "one_in_a_hundred")]
    pub sample: f64,
    /// The name under which the receiver shows the nodes of this network. Default: `fogline`.
    #[serde(default = "our_name")]
    pub service: String,
}

fn one_in_a_hundred() -> f64 {
    0.01
}

fn our_name() -> String {
    "fogline".to_owned()
}

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TenantSection {
    /// Its name.
    pub name: TenantName,
    /// The file that holds its token.
    pub token_file: PathBuf,
    /// What it may use of this node. Default: as much as there is.
    #[serde(default, deserialize_with = "quota")]
    pub quota: Quota,
    /// Whether its functions may be programs, which may do whatever the node's user may. Default: false.
    #[serde(default)]
    pub processes: bool,
}

/// What a tenant may use of a node.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct QuotaSection {
    sessions: Option<u64>,
    bytes: Option<Size>,
    rate: Option<NonZeroU32>,
    burst: Option<NonZeroU32>,
}

fn quota<'de, D: Deserializer<'de>>(from: D) -> Result<Quota, D::Error> {
    let section = QuotaSection::deserialize(from)?;
    if section.burst.is_some() && section.rate.is_none() {
        return Err(D::Error::custom(
            "burst says how many requests may come at once, where rate says how many in the long run",
        ));
    }
    Ok(Quota {
        sessions: section.sessions,
        bytes: section.bytes.map(|size| size.0),
        rate: section.rate.map(|per_second| Rate {
            per_second,
            burst: section.burst.unwrap_or(per_second),
        }),
    })
}
