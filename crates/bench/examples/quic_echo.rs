//! A bare echo over QUIC: what a hop between nodes is compared with. `quic_echo FOLDER` says where it is, leaves its
//! certificate in the folder, and ends with whoever started it.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use mimalloc::MiMalloc;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, RecvStream, SendStream, ServerConfig};
use rcgen::CertifiedKey;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::version::TLS13;

/// As in the command `fogline`.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Most bytes of an echo.
const MOST: usize = 1 << 20;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "whoever starts it reads its address")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("name a folder")?);
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    std::fs::write(folder.join("certificate.der"), cert.der())?;
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    // As between nodes.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.into())?;
    let config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    let endpoint = Endpoint::server(config, SocketAddr::from(([127, 0, 0, 1], 0)))?;
    println!("http://{}", endpoint.local_addr()?);
    while let Some(incoming) = endpoint.accept().await {
        let connection = incoming.await?;
        // A task for each call, as nodes have.
        while let Ok((send, receive)) = connection.accept_bi().await {
            tokio::spawn(echo(send, receive));
        }
    }
    Ok(())
}

/// Ends early when the other side has left, to whom nothing can be said.
async fn echo(mut send: SendStream, mut receive: RecvStream) {
    if let Ok(bytes) = receive.read_to_end(MOST).await
        && send.write_all(&bytes).await.is_ok()
    {
        drop(send.finish());
    }
}
