//! What is said on a connection beside calls. Each notice has a one-way stream of its own; its first byte says what
//! it is.

use std::time::Duration;

use bytes::Bytes;
use fogline_membership::MAX_MESSAGE;
use futures_util::FutureExt as _;
use quinn::{Connection, RecvStream, VarInt};
use tokio::time::timeout;

use super::trust::Signed;

const REVOCATIONS: u8 = 1;
const GOSSIP: u8 = 2;

/// How long a notice may take that must arrive.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of the revocations that are read at once: a full list has 1024, of less than 400 bytes each.
pub(super) const MAX_LIST: usize = 512 << 10;
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
