//! Sealing and opening.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Bytes, BytesMut};
use fogline_core::model::limits::MAX_STATE;
use fogline_core::model::{
    self, AppName, Birth, ClientId, NodeName, SessionId, StateName, TenantName, Timestamp,
};
use fogline_core::session::{Content, Head};

use super::assemble::check_siblings;
use super::compress::{append_compressed, decompress};
use super::derive::{Cache, SessionKey};
use super::envelope::{
    BadHeader, Context, HEADER_BYTES, Header, MAX_BYTES, MAX_RECORD, MAX_SIBLING, MIN_BYTES, Opened,
    RecordRef, Sibling, TAG_BYTES, append_record, label, read_record,
};
use super::error::{SealError, Why};
use super::keyring::Keyring;
use super::nonce::Nonces;

/// Seals and opens the envelopes of one tenant.
#[derive(Debug)]
pub struct Sealer {
    tenant: TenantName,
    label: [u8; 2],
    keyring: Keyring,
    keys: Cache,
    nonces: Nonces,
}

/// Whose envelopes.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The application.
    pub app: &'a AppName,
    /// The session.
    pub session: &'a SessionId,
    /// Its part that the client holds.
    pub part: Birth,
    /// The client, if only one may hold them.
    pub holder: Option<ClientId>,
    /// The node that keeps the head without bytes, under `guard = "mark"`.
    pub mark: Option<&'a NodeName>,
}

impl Sealer {
    /// For a tenant with these keys.
    #[must_use]
    pub fn new(tenant: TenantName, keyring: Keyring) -> Self {
        Self {
            label: label(tenant.as_str()),
            tenant,
            keyring,
            keys: Cache::default(),
            nonces: Nonces::default(),
        }
    }

    /// Seals these states as of this head. Bytes come from the head where they are inline, else from `values`. A
    /// state that the head does not have gets an envelope that says so, in place of the one that the client holds.
    ///
    /// # Errors
    /// When the bytes of a state are not here, or too many.
    pub fn seal(
        &self,
        scope: &Scope<'_>,
        head: &Head,
        states: &BTreeSet<StateName>,
        values: &BTreeMap<StateName, Bytes>,
        now: Timestamp,
    ) -> Result<BTreeMap<StateName, Bytes>, SealError> {
        let (number, secret) = self.keyring.current();
        let key = self
            .keys
            .get((number, secret), &self.tenant, scope.app, scope.session);
        let mut all = BTreeMap::new();
        for state in states {
            let entry = head.states.get(state);
            let value = match entry.map(|entry| &entry.content) {
                None => None,
                Some(Content::Inline(bytes)) => Some(bytes),
                Some(_) => Some(values.get(state).ok_or_else(|| Why::NoBytes.of(state))?),
            };
            let record = RecordRef {
                head: head.commit,
                own: entry.map(Sibling::from),
                siblings: &head.states,
                mark: scope.mark,
                holder: scope.holder,
                expires: head.expires,
                sealed_at: now,
            };
            let header = Header {
                compressed: false,
                part: scope.part,
                key: number,
                check: key.check,
                labels: [
                    self.label,
                    key.app_label,
                    key.session_label,
                    label(state.as_str()),
                ],
                epoch: head.epoch,
                version: head.version,
                nonce: self.nonces.next(head.commit, now),
            };
            let sealed = seal_one(&key, header, state, &record, value.map_or(&[], |value| value));
            all.insert(state.clone(), sealed.map_err(|why| why.of(state))?);
        }
        Ok(all)
    }

    /// Opens envelopes that came together.
    ///
    /// # Errors
    /// When one of them is not for this scope, not whole, or older than what another one says of it (R14).
    pub fn open(
        &self,
        scope: &Scope<'_>,
        envelopes: BTreeMap<StateName, Bytes>,
    ) -> Result<Vec<Opened>, SealError> {
        let mut opened = Vec::with_capacity(envelopes.len());
        for (state, bytes) in envelopes {
            let one = self.open_one(scope, &state, bytes);
            opened.push(one.map_err(|why| why.of(&state))?);
        }
        check_siblings(&opened)?;
        Ok(opened)
    }

    fn open_one(&self, scope: &Scope<'_>, state: &StateName, bytes: Bytes) -> Result<Opened, Why> {
        let length = bytes.len() as u64;
        if length > MAX_BYTES {
            return Err(Why::TooLarge(model::Bytes(length), model::Bytes(MAX_BYTES)));
        }
        let header = Header::read(&bytes).map_err(|bad| match bad {
            BadHeader::Short => Why::Cut(model::Bytes(length), model::Bytes(MIN_BYTES as u64)),
            BadHeader::Format(format) => Why::UnknownFormat(format),
            BadHeader::Algorithm(algorithm) => Why::UnknownAlgorithm(algorithm),
            BadHeader::Damaged => Why::Damaged,
        })?;
        let secret = self.keyring.key(header.key);
        let [tenant, app, session, of] = header.labels;
        if tenant != self.label {
            return Err(Why::OtherTenant);
        }
        let secret = secret.ok_or(Why::UnknownKey(header.key))?;
        let key = self
            .keys
            .get((header.key, secret), &self.tenant, scope.app, scope.session);
        if app != key.app_label {
            return Err(Why::OtherApp);
        }
        if session != key.session_label {
            return Err(Why::OtherSession);
        }
        if header.part != scope.part {
            return Err(Why::OtherPart(scope.part));
        }
        if of != label(state.as_str()) {
            return Err(Why::OtherState);
        }
        if header.check != key.check {
            return Err(Why::OtherKey(header.key));
        }
        let opened = unseal(&key, &header, state, bytes)?;
        if opened.holder.is_some() && opened.holder != scope.holder {
            return Err(Why::OtherHolder);
        }
        Ok(opened)
    }
}

fn seal_one(
    key: &SessionKey,
    mut header: Header,
    state: &StateName,
    record: &RecordRef<'_>,
    value: &[u8],
) -> Result<Bytes, Why> {
    if value.len() as u64 > MAX_STATE.0 {
        return Err(Why::TooLarge(model::Bytes(value.len() as u64), MAX_STATE));
    }
    let around = HEADER_BYTES + 4 + MAX_RECORD + MAX_SIBLING * record.siblings.len() + TAG_BYTES;
    let mut out = Vec::with_capacity(around + value.len());
    out.extend_from_slice(&[0; HEADER_BYTES]);
    append_record(record, &mut out);
    header.compressed = append_compressed(value, &mut out);
    if !header.compressed {
        out.extend_from_slice(value);
    }
    let bytes = header.bytes();
    out[..HEADER_BYTES].copy_from_slice(&bytes);
    let context = Context::new(&bytes, state);
    let cipher = key.cipher(&header.nonce);
    let tag = cipher.encrypt_in_place(&mut out[HEADER_BYTES..], context.as_ref());
    out.extend_from_slice(&tag);
    Ok(out.into())
}

fn unseal(key: &SessionKey, header: &Header, state: &StateName, bytes: Bytes) -> Result<Opened, Why> {
    // In place if nobody else holds these bytes.
    let mut bytes = bytes
        .try_into_mut()
        .unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    let (in_clear, sealed) = bytes.split_at_mut_checked(HEADER_BYTES).ok_or(Why::Damaged)?;
    let (opened, tag) = sealed.split_last_chunk_mut().ok_or(Why::Damaged)?;
    let context = Context::new(in_clear, state);
    key.cipher(&header.nonce)
        .decrypt_in_place(opened, tag, context.as_ref())
        .map_err(|_| Why::Damaged)?;
    let length = opened.len();
    let (record, before) = read_record(opened).ok_or(Why::Damaged)?;
    let value = bytes.freeze().slice(HEADER_BYTES + before..HEADER_BYTES + length);
    let value = match record.own {
        None => None,
        Some(_) if header.compressed => Some(decompress(&value).ok_or(Why::Damaged)?.into()),
        Some(_) => Some(value),
    };
    Ok(Opened {
        state: state.clone(),
        epoch: header.epoch,
        version: header.version,
        head: record.head,
        own: record.own,
        value,
        siblings: record.siblings,
        mark: record.mark,
        holder: record.holder,
        expires: record.expires,
        sealed_at: record.sealed_at,
    })
}
