//! What is said on a connection beside calls. Each notice has a one-way stream of its own; its first byte says what
//! it is.

use std::time::{Duration, Instant};

use bytes::Bytes;
use fogline_core::estimate;
use fogline_membership::MAX_MESSAGE;
use futures_util::FutureExt as _;
use quinn::{Connection, RecvStream, VarInt};
use tokio::time::timeout;

use super::trust::Signed;

const REVOCATIONS: u8 = 1;
const GOSSIP: u8 = 2;
/// Bytes that mean nothing, sent to see how long they take.
pub(super) const BLOCK: u8 = 3;

/// How long a notice may take that must arrive.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of the revocations that are read at once: a full list has 1024, of less than 400 bytes each.
pub(super) const MAX_LIST: usize = 512 << 10;
/// Bytes of a block that is sent to see how long it takes.
pub(super) const BLOCK_BYTES: usize = estimate::LONG.0 as usize;
/// The block has arrived.
const TAKEN: VarInt = VarInt::from_u32(2);
/// Notices that a peer may have under way here at once; of gossip, what is beyond that is lost.
pub(super) const MAX_NOTICES: u32 = 16;
/// A notice is given up: what has arrived of it is not whole.
const GIVEN_UP: VarInt = VarInt::from_u32(1);

/// What a peer says.
pub(super) enum Notice {
    /// Who is out.
    Revocations(Vec<Signed>),
    /// A message of gossip.
    Gossip(Bytes),
    /// Bytes that are not to be looked at.
    Block,
}

/// What is on a stream; `None` for what is too much, too late or not a notice.
pub(super) async fn read(stream: &mut RecvStream) -> Option<Notice> {
    let reading = async {
        let mut kind = [0];
        stream.read_exact(&mut kind).await.ok()?;
        match kind[0] {
            REVOCATIONS => {
                let bytes = stream.read_to_end(MAX_LIST).await.ok()?;
                Some(Notice::Revocations(postcard::from_bytes(&bytes).ok()?))
            }
            GOSSIP => {
                let bytes = stream.read_to_end(MAX_MESSAGE).await.ok()?;
                Some(Notice::Gossip(bytes.into()))
            }
            BLOCK => {
                stream.read_exact(&mut vec![0; BLOCK_BYTES]).await.ok()?;
                stream.stop(TAKEN).ok()?;
                Some(Notice::Block)
            }
            _ => None,
        }
    };
    timeout(PATIENCE, reading).await.ok()?
}

/// Says who is out. A connection on which that fails is over or will be, and the next one begins with it.
pub(super) async fn revocations(connection: &Connection, list: &[Signed]) {
    let sending = async {
        let mut stream = connection.open_uni().await.ok()?;
        let bytes = postcard::to_extend(list, vec![REVOCATIONS]).ok()?;
        stream.write_all(&bytes).await.ok()?;
        stream.finish().ok()?;
        stream.stopped().await.ok()
    };
    if timeout(PATIENCE, sending).await.is_err() {
        tracing::debug!(peer = %connection.remote_address(), "revocations were not taken in time");
    }
}

/// Sends [`BLOCK_BYTES`] that mean nothing; says how long it took until the peer had them.
pub(super) async fn block(connection: &Connection) -> Option<Duration> {
    let sending = async {
        let mut stream = connection.open_uni().await.ok()?;
        let started = Instant::now();
        stream.write_all(&[BLOCK]).await.ok()?;
        stream.write_all(&[0; BLOCK_BYTES]).await.ok()?;
        // Not finished: the peer stops it when it has everything, which is heard sooner than an acknowledgement.
        let stopped = stream.stopped().await.ok()?;
        (stopped == Some(TAKEN)).then(|| started.elapsed())
    };
    timeout(PATIENCE, sending).await.ok()?
}

/// Sends a message of gossip if that can be done at once; says whether it was.
pub(super) fn gossip(connection: &Connection, message: &[u8]) -> bool {
    let Some(Ok(mut stream)) = connection.open_uni().now_or_never() else {
        return false;
    };
    let bytes = [&[GOSSIP], message].concat();
    if let Some(Ok(())) = stream.write_all(&bytes).now_or_never() {
        return stream.finish().is_ok();
    }
    // Fails when the stream is over already.
    let _ = stream.reset(GIVEN_UP);
    false
}
