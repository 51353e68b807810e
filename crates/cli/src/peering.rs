//! A node's place among its peers: its certificate, and where the others are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use fogline_core::model::BadInput;
use fogline_manifest::node::{NodeConfig, Peering};
use fogline_node::peers::{
    Authority, Credentials, Endpoint, Member, NoToken, Options, Stranger, Terms, Token, system_clock,
    udp_socket,
};

use crate::failure::{Failure, chain};
use crate::output;

/// The folder of a node's key and certificates, in its data folder.
const FOLDER: &str = "peering";
/// How long enrolment may take, over all peers that are tried.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a node that knows no secret of its network waits for peers that tell it; it starts without, too.
const TELLING: Duration = Duration::from_secs(5);

/// Listens to a node's peers.
pub(crate) fn endpoint(member: Member, peering: &Peering) -> Result<Endpoint, Failure> {
    let socket = udp_socket(peering.listen).map_err(|source| Failure::System {
        doing: format!("listening for peers on {}", peering.listen),
        hint: "choose another port in [peering]".to_owned(),
        source,
    })?;
    let endpoint = Endpoint::open(member, socket, &Options::default());
    endpoint.map_err(|error| failed(&error, "check [peering] in the configuration"))
}

/// This machine's address as the others see it: that from which the system would send to a peer, which sends nothing.
pub(crate) fn advertised(peering: &Peering) -> Result<IpAddr, Failure> {
    /// An address of no machine (RFC 5737): the way there is the way to the internet.
    const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);
    let listen = peering.listen.ip();
    if let Some(address) = peering.advertise {
        return Ok(address);
    }
    if !listen.is_unspecified() {
        return Ok(listen);
    }
    let first = peering.join.first().map(|peer| resolve(peer)).transpose()?;
    let towards = first.and_then(|found| found.first().copied()).unwrap_or(ANYWHERE);
    let any: SocketAddr = match towards {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let found = UdpSocket::bind(any).and_then(|socket| {
        socket.connect(towards)?;
        Ok(socket.local_addr()?.ip())
    });
    found.map_err(|source| Failure::System {
        doing: format!("finding this machine's address on the way to {towards}"),
        hint: "name it with advertise in [peering]".to_owned(),
        source,
    })
}

/// Puts a node into its place: with the certificate that it has, or that it gets with its token.
pub(crate) async fn member(config: &NodeConfig, peering: &Peering) -> Result<Member, Failure> {
    let folder = config.data.join(FOLDER);
    let authority = peering.authority.as_deref().map(authority).transpose()?;
    let opened = Credentials::open(&folder, &config.name, authority, Terms::default(), system_clock());
    let hint = format!(
        "mend what it says; without {} the node enrols anew",
        folder.display()
    );
    let member = match opened.map_err(|error| failed(&error, &hint))? {
        Credentials::Member(member) => member,
        Credentials::Stranger(stranger) => join(stranger, peering).await?,
    };
    if member.secret().is_none() {
        let peers = peers(peering)?;
        let told = member.learn_secret(&peers, Instant::now() + TELLING);
        if let Err(error) = told.await {
            output::note(&format!("the network's secret is not known: {}", chain(&error)));
        }
    }
    Ok(member)
}

async fn join(stranger: Stranger, peering: &Peering) -> Result<Member, Failure> {
    let Some(file) = &peering.token_file else {
        return Err(BadInput::whole(
            "[peering]",
            "the node has no certificate, and no token with which it could get one",
            "make one with `fogline authority token`, and name its file with token-file in [peering]",
        )
        .into());
    };
    let text = std::fs::read_to_string(file).map_err(|source| Failure::System {
        doing: format!("reading the enrolment token from {}", file.display()),
        hint: "check token-file in [peering]".to_owned(),
        source,
    })?;
    let token: Token = text.parse().map_err(|error: NoToken| {
        let hint = "put the line that `fogline authority token` prints into the file";
        BadInput::whole(file.display().to_string(), error.to_string(), hint)
    })?;
    let peers = peers(peering)?;
    let joined = stranger.join(&peers, &token, Instant::now() + PATIENCE).await;
    joined.map_err(|error| {
        failed(
            &error,
            "start a peer that is reached by join in [peering], or mend what it says",
        )
    })
}

/// Where the peers are that the configuration names.
fn peers(peering: &Peering) -> Result<Vec<SocketAddr>, Failure> {
    let mut addresses = Vec::new();
    for peer in &peering.join {
        addresses.extend(resolve(peer)?);
    }
    Ok(addresses)
}

/// The authority in a folder.
pub(crate) fn authority(folder: &Path) -> Result<Authority, Failure> {
    Authority::load(folder)
        .map_err(|error| failed(&error, "name a folder that `fogline authority new` has made"))
}

/// Where a peer is.
pub(crate) fn resolve(address: &str) -> Result<Vec<SocketAddr>, Failure> {
    let found = address.to_socket_addrs().map_err(|source| Failure::System {
        doing: format!("looking up {address}"),
        hint: "write it as HOST:PORT, with a host that is known here".to_owned(),
        source,
    })?;
    Ok(found.collect())
}

/// What nodes, or what proves them, say no to. A hint of the error's own comes first.
pub(crate) fn failed(error: &dyn std::error::Error, hint: &str) -> Failure {
    let text = chain(error);
    let (problem, hint) = match text.split_once("\nhint: ") {
        Some((problem, own)) => (problem.to_owned(), own.to_owned()),
        None => (text, hint.to_owned()),
    };
    Failure::Remote {
        problem,
        hint,
        exit_code: 1,
    }
}
