//! chitchat's sockets over a carrier.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chitchat::transport::{Socket, Transport};
use chitchat::{ChitchatMessage, Deserializable as _, Serializable as _};

use crate::carrier::{Carrier, MAX_MESSAGE};

/// First byte of a message: as it is, or compressed.
const PLAIN: u8 = 0;
const COMPRESSED: u8 = 1;
/// Shorter messages are not worth compressing.
const COMPRESS_FROM: usize = 256;
/// zstd's fastest ordinary level. A digest is names and counters of every node, and shrinks to about a third.
const LEVEL: i32 = 1;
/// Largest message once it is unpacked, which bounds what a forged one can make this node allocate.
const MAX_PLAIN: usize = 1 << 20;

/// Opens the one socket of a node.
pub(crate) struct OverCarrier {
    pub(crate) carrier: Arc<dyn Carrier>,
}

#[async_trait]
impl Transport for OverCarrier {
    async fn open(&self, _: SocketAddr) -> anyhow::Result<Box<dyn Socket>> {
        let carrier = Arc::clone(&self.carrier);
        Ok(Box::new(CarrierSocket { carrier }))
    }
}

struct CarrierSocket {
    carrier: Arc<dyn Carrier>,
}

#[async_trait]
impl Socket for CarrierSocket {
    async fn send(&mut self, to: SocketAddr, message: ChitchatMessage) -> anyhow::Result<()> {
        match pack(&message.serialize_to_vec()) {
            Some(message) => self.carrier.send(to, message),
            None => tracing::warn!(%to, "a gossip message was too long to be sent"),
        }
        Ok(())
    }

    async fn recv(&mut self) -> anyhow::Result<(SocketAddr, ChitchatMessage)> {
        loop {
            let (from, message) = self.carrier.receive().await?;
            match unpack(&message) {
                Some(message) => return Ok((from, message)),
                None => tracing::debug!(%from, bytes = message.len(), "a gossip message could not be read"),
            }
        }
    }
}

fn pack(plain: &[u8]) -> Option<Bytes> {
    let compressed = (plain.len() >= COMPRESS_FROM)
        .then(|| zstd::bulk::compress(plain, LEVEL).ok())
        .flatten()
        .filter(|compressed| compressed.len() < plain.len());
    let (kind, body) = match &compressed {
        Some(compressed) => (COMPRESSED, &compressed[..]),
        None => (PLAIN, plain),
    };
    (body.len() < MAX_MESSAGE && plain.len() <= MAX_PLAIN).then(|| [&[kind], body].concat().into())
}

fn unpack(message: &[u8]) -> Option<ChitchatMessage> {
    let (kind, body) = message.split_first()?;
    let plain = match *kind {
        PLAIN => Cow::Borrowed(body),
        COMPRESSED => Cow::Owned(zstd::bulk::decompress(body, MAX_PLAIN).ok()?),
        _ => return None,
    };
    let mut rest = &plain[..];
    let message = ChitchatMessage::deserialize(&mut rest).ok()?;
    rest.is_empty().then_some(message)
}

#[cfg(test)]
mod tests {
    use chitchat::{ChitchatMessage, Serializable as _};

    use super::{COMPRESSED, MAX_PLAIN, PLAIN, pack, unpack};

    #[test]
    fn a_message_arrives_as_it_was() {
        let plain = ChitchatMessage::BadCluster.serialize_to_vec();
        assert_eq!(unpack(&pack(&plain).unwrap()), Some(ChitchatMessage::BadCluster));
    }

    #[test]
    fn long_messages_are_compressed() {
        let packed = pack(&[7; 10_000]).unwrap();
        assert_eq!(packed[0], COMPRESSED);
        assert!(packed.len() < 1000);
    }

    #[test]
    fn nonsense_is_not_a_message() {
        let bomb = zstd::bulk::compress(&vec![0; 8 * MAX_PLAIN], 1).unwrap();
        let mut trailing = pack(&ChitchatMessage::BadCluster.serialize_to_vec())
            .unwrap()
            .to_vec();
        trailing.push(0);
        for message in [
            &[][..],
            &[2, 0],
            &[PLAIN],
            &[COMPRESSED, 1, 2],
            &[&[COMPRESSED], &bomb[..]].concat(),
            &trailing,
        ] {
            assert_eq!(unpack(message), None);
        }
    }
}
