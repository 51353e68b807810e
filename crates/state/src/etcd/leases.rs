//! Leases of nodes.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use fogline_core::lease::{LeaseRecord, encode};
use fogline_core::model::NodeName;

use super::cluster::{Answer, NoAnswer, Within};
use super::messages::{Compare, RangeRequest, RangeResponse, TxnRequest, TxnResponse, method, put, range};
use super::store::EtcdStore;
use crate::leases::decode;
use crate::{Leased, Leases, StoreError};

/// Four servers can be asked within a call.
fn within(all: Duration) -> Within {
    Within { all, one: all / 4 }
}

#[async_trait]
impl Leases for EtcdStore {
    async fn holders(&self, time: Duration) -> Result<BTreeSet<NodeName>, StoreError> {
        let (first, end) = self.keys.leases();
        let before = first.len();
        let request = RangeRequest {
            key: first,
            end,
            ..RangeRequest::default()
        };
        let answer = self.cluster.call(method::RANGE, request, within(time)).await;
        let answer: Answer<RangeResponse> =
            answer.map_err(|error| self.unavailable("listing leases", error))?;
        let names = answer.says.kvs.iter().filter_map(|found| {
            let name = std::str::from_utf8(found.key.get(before..)?).ok()?;
            name.parse().ok()
        });
        Ok(names.collect())
    }

    async fn lease(&self, node: &NodeName, time: Duration) -> Result<Option<LeaseRecord>, StoreError> {
        let request = RangeRequest {
            key: self.keys.lease(node),
            ..RangeRequest::default()
        };
        let answer = self.cluster.call(method::RANGE, request, within(time)).await;
        let answer: Answer<RangeResponse> =
            answer.map_err(|error| self.unavailable("reading a lease", error))?;
        let stands = answer.says.kvs.into_iter().next();
        stands.map(|stands| decode(node, &stands.value)).transpose()
    }

    async fn swap_lease(
        &self,
        node: &NodeName,
        expect: Option<&LeaseRecord>,
        new: &LeaseRecord,
        time: Duration,
    ) -> Result<Leased, StoreError> {
        let key = self.keys.lease(node);
        let expect = expect.map(|record| Bytes::from(encode(record)));
        let request = TxnRequest {
            compare: vec![Compare::stands(key.clone(), expect)],
            success: vec![put(key.clone(), encode(new).into())],
            failure: vec![range(key, String::new())],
        };
        let answer: Result<Answer<TxnResponse>, NoAnswer> =
            self.cluster.call(method::TXN, request, within(time)).await;
        match answer {
            Ok(Answer { says, .. }) if says.succeeded => Ok(Leased::Done),
            Ok(Answer { says, again }) => {
                let stands = says.first_value().map(|bytes| decode(node, &bytes)).transpose()?;
                match stands {
                    // What stands may have come after an earlier try that was carried out.
                    stands if again && stands.as_ref() != Some(new) => Ok(Leased::Unknown),
                    stands => Ok(Leased::Conflict(stands)),
                }
            }
            Err(error) if error.did_nothing => Err(self.unavailable("writing a lease", error)),
            Err(_) => Ok(Leased::Unknown),
        }
    }
}
