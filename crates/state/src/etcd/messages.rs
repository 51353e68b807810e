//! The part of etcd's wire format (`etcdserverpb` and `mvccpb`, version 3) that we use, with its field
//! numbers.
//!
//! By hand, because the crates that generate it run `protoc` when they are built, which not every machine
//! has. Fields that we never set or read are left out, as the format allows.

use bytes::Bytes;
use prost::{Message, Oneof};

/// The methods that we call.
pub(super) mod method {
    pub(in crate::etcd) const RANGE: &str = "/etcdserverpb.KV/Range";
    pub(in crate::etcd) const TXN: &str = "/etcdserverpb.KV/Txn";
    pub(in crate::etcd) const AUTHENTICATE: &str = "/etcdserverpb.Auth/Authenticate";
    pub(in crate::etcd) const STATUS: &str = "/etcdserverpb.Maintenance/Status";
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ResponseHeader {
    #[prost(int64, tag = "3")]
    pub(super) revision: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct KeyValue {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) key: Bytes,
    #[prost(bytes = "bytes", tag = "5")]
    pub(super) value: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RangeRequest {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    /// Up to, excluded; empty for one key.
    #[prost(string, tag = "2")]
    pub(super) end: String,
    /// 0 is no limit.
    #[prost(int64, tag = "3")]
    pub(super) limit: i64,
    /// 0 is the newest.
    #[prost(int64, tag = "4")]
    pub(super) revision: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RangeResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) header: Option<ResponseHeader>,
    #[prost(message, repeated, tag = "2")]
    pub(super) kvs: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PutRequest {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) value: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DeleteRangeRequest {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    /// Up to, excluded; empty for one key.
    #[prost(string, tag = "2")]
    pub(super) end: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RequestOp {
    #[prost(oneof = "Op", tags = "1, 2, 3, 4")]
    pub(super) op: Option<Op>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Op {
    #[prost(message, tag = "1")]
    Range(RangeRequest),
    #[prost(message, tag = "2")]
    Put(PutRequest),
    #[prost(message, tag = "3")]
    Delete(DeleteRangeRequest),
    #[prost(message, tag = "4")]
    Txn(TxnRequest),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ResponseOp {
    /// Only what answers a range is read.
    #[prost(message, optional, tag = "1")]
    pub(super) range: Option<RangeResponse>,
}

/// `CompareResult` `EQUAL` is 0 and stays out.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Compare {
    #[prost(int32, tag = "2")]
    pub(super) target: i32,
    #[prost(string, tag = "3")]
    pub(super) key: String,
    #[prost(oneof = "Is", tags = "5, 7")]
    pub(super) is: Option<Is>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Is {
    /// 0 where there is no such key.
    #[prost(int64, tag = "5")]
    CreateRevision(i64),
    #[prost(bytes = "bytes", tag = "7")]
    Value(Bytes),
}

impl Compare {
    /// The key's value is this, or there is no such key.
    pub(super) fn stands(key: String, value: Option<Bytes>) -> Self {
        // `CompareTarget`: `CREATE` is 1, `VALUE` 3.
        let (target, is) = match value {
            None => (1, Is::CreateRevision(0)),
            Some(value) => (3, Is::Value(value)),
        };
        let is = Some(is);
        Self { target, key, is }
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TxnRequest {
    #[prost(message, repeated, tag = "1")]
    pub(super) compare: Vec<Compare>,
    #[prost(message, repeated, tag = "2")]
    pub(super) success: Vec<RequestOp>,
    #[prost(message, repeated, tag = "3")]
    pub(super) failure: Vec<RequestOp>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TxnResponse {
    #[prost(bool, tag = "2")]
    pub(super) succeeded: bool,
    #[prost(message, repeated, tag = "3")]
    pub(super) responses: Vec<ResponseOp>,
}

impl TxnResponse {
    /// What its first range found, if it is one key's.
    pub(super) fn first_value(self) -> Option<Bytes> {
        let found = self.responses.into_iter().next()?.range?;
        found.kvs.into_iter().next().map(|found| found.value)
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AuthenticateRequest {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) password: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AuthenticateResponse {
    #[prost(string, tag = "2")]
    pub(super) token: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StatusRequest {}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StatusResponse {
    #[prost(string, tag = "2")]
    pub(super) version: String,
    #[prost(int64, tag = "3")]
    pub(super) size: i64,
    /// Alarms are told here.
    #[prost(string, repeated, tag = "8")]
    pub(super) errors: Vec<String>,
    #[prost(int64, tag = "9")]
    pub(super) in_use: i64,
}

pub(super) fn range(key: String, end: String) -> RequestOp {
    let (limit, revision) = (0, 0);
    RequestOp {
        op: Some(Op::Range(RangeRequest {
            key,
            end,
            limit,
            revision,
        })),
    }
}

pub(super) fn put(key: String, value: Bytes) -> RequestOp {
    let op = Some(Op::Put(PutRequest { key, value }));
    RequestOp { op }
}

pub(super) fn delete(key: String, end: String) -> RequestOp {
    let op = Some(Op::Delete(DeleteRangeRequest { key, end }));
    RequestOp { op }
}
