//! What it costs to be asked at the wrong node, beside a bare echo over QUIC.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fogline_bench::{Kind, Load, Pace, deploy, run, sessions};
use fogline_core::application::Durability;
use fogline_core::model::ExecutionModel;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint};
use rustls::RootCertStore;
use rustls::version::TLS13;

use super::Site;
use crate::goals::Goal;
use crate::library::middle;
use crate::process::Process;
use crate::{Args, Findings, Outcome, note};

const KIND: Kind = Kind {
    durability: Durability::Memory,
};
/// What is echoed.
const PAYLOAD: usize = 256;

pub(crate) async fn measure(args: &Args, findings: &mut Findings) -> Outcome<()> {
    let site = Site::start(args, &["one", "two"], "", None).await?;
    let (right, wrong) = (site.server("one")?, site.server("two")?);
    let mut connection = right.connect().await?;
    deploy(&mut connection, KIND).await?;
    let input = vec![b'x'; PAYLOAD];
    let model = ExecutionModel::InFunction;
    let session = sessions(&mut connection, KIND, model, "read-kept", input, 1).await?;
    let load = Load {
        pace: Pace::Closed,
        warm_up: Duration::from_millis(300),
        lasts: args.lasts(),
    };
    let echo = Echo::start(&args.data).await?;
    let (mut bare, mut over, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        note("a bare echo over QUIC, a session at its node, and by way of another");
        bare.push(echo.round_trip(args.lasts()).await?);
        let direct = run("at its node, 1 connection", &right, &load, session.clone()).await?;
        let hop = run("by another node, 1 connection", &wrong, &load, session.clone()).await?;
        over.push(hop.latency_us_p50 - direct.latency_us_p50);
        rows = vec![direct, hop];
    }
    let (bare, over) = (middle(bare), middle(over));
    findings.goals.extend([
        Goal::stated("bare quinn echo of 256 B, p50", bare, "µs"),
        Goal::at_most("a forwarded hop adds, p50", over, 1.3 * bare + 20.0, "µs"),
    ]);
    findings.rows.extend(rows);
    Ok(())
}

/// A bare echo over QUIC in a process of its own, and the connection with it.
struct Echo {
    connection: quinn::Connection,
    _client: Endpoint,
    _server: Process,
    _folder: tempfile::TempDir,
}

impl Echo {
    async fn start(data: &Path) -> Outcome<Self> {
        let folder = tempfile::tempdir_in(data)?;
        let server = Process::start("quic_echo", Some(folder.path()))?;
        let certificate = std::fs::read(folder.path().join("certificate.der"))?;
        let mut roots = RootCertStore::empty();
        roots.add(certificate.into())?;
        // As between nodes.
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut client = Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        client.set_default_client_config(ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?)));
        let connection = client.connect(server.server.address(), "localhost")?.await?;
        Ok(Self {
            connection,
            _client: client,
            _server: server,
            _folder: folder,
        })
    }

    /// The median of echoes for so long, one after the other, each on a stream of its own: in µs.
    async fn round_trip(&self, lasts: Duration) -> Outcome<f64> {
        let payload = [b'x'; PAYLOAD];
        let (ends, mut trips) = (Instant::now() + lasts, Vec::new());
        while Instant::now() < ends {
            let began = Instant::now();
            let (mut send, mut receive) = self.connection.open_bi().await?;
            send.write_all(&payload).await?;
            send.finish()?;
            let echoed = receive.read_to_end(PAYLOAD).await?;
            trips.push(began.elapsed().as_secs_f64() * 1e6);
            if echoed != payload {
                return Err("what came back is not what was sent".into());
            }
        }
        Ok(middle(trips))
    }
}
