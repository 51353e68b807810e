//! Whether the servers are kept so that they go on taking writes.

use fogline_core::model::Bytes;
use tonic::Code;

use super::cluster::NoAnswer;
use super::messages::{RangeRequest, StatusRequest, StatusResponse, method};
use super::store::EtcdStore;
use crate::StoreError;

/// After so many changes, a server with auto-compaction has compacted: `--auto-compaction-retention=1m` is
/// the manual's, and a thousand changes of 1 MB are half of etcd's default quota.
const NEW: u64 = 1000;

/// How the servers are kept, as far as they tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdUpkeep {
    /// The version of the server that answered.
    pub version: String,
    /// Changes since the cluster began.
    pub revision: u64,
    /// Whether old values were ever compacted away. No server tells its settings, but what it still shows.
    pub compacted: bool,
    /// The size of that server's file, which its quota bounds.
    pub size: Bytes,
    /// What of it is in use; the rest is reused, and given back by `etcdctl defrag`.
    pub in_use: Bytes,
    /// Alarms; with `NOSPACE` no write is taken.
    pub alarms: Vec<String>,
}

impl EtcdUpkeep {
    /// What an operator should see to, as sentences that go on from "etcd".
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.compacted && self.revision > NEW {
            warnings.push(format!(
                "keeps each of its {} changes: turn auto-compaction on, or it refuses writes when its \
                 quota is used up (--auto-compaction-mode=periodic --auto-compaction-retention=1m)",
                self.revision
            ));
        }
        for alarm in &self.alarms {
            warnings.push(format!("raises an alarm: {alarm}"));
        }
        warnings
    }
}

impl EtcdStore {
    /// How the servers are kept.
    ///
    /// # Errors
    /// When no quorum answers.
    pub async fn upkeep(&self) -> Result<EtcdUpkeep, StoreError> {
        let asking = |error| self.unavailable("asking for the upkeep", error);
        self.look_after().await.map_err(asking)
    }

    pub(super) async fn look_after(&self) -> Result<EtcdUpkeep, NoAnswer> {
        let probe = |revision| RangeRequest {
            key: format!("{}/", self.keys.prefix),
            end: String::new(),
            limit: 1,
            revision,
        };
        let newest = self.range(probe(0)).await?;
        // The first change of all is readable until something was compacted.
        let compacted = match self.range(probe(1)).await {
            Ok(_) => false,
            Err(error) if error.code == Code::OutOfRange => true,
            Err(error) => return Err(error),
        };
        let status = self
            .cluster
            .call(method::STATUS, StatusRequest {}, self.within())
            .await;
        let status: StatusResponse = status?.says;
        let size = |bytes: i64| Bytes(u64::try_from(bytes).unwrap_or_default());
        let revision = newest.header.map_or(0, |header| header.revision);
        Ok(EtcdUpkeep {
            version: status.version,
            revision: u64::try_from(revision).unwrap_or_default(),
            compacted,
            size: size(status.size),
            in_use: size(status.in_use),
            alarms: status.errors,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_that_keeps_everything_and_one_with_an_alarm_are_warned_of() {
        let kept = |revision, compacted, alarms: &[&str]| EtcdUpkeep {
            version: "3.4.23".to_owned(),
            revision,
            compacted,
            size: Bytes(1 << 20),
            in_use: Bytes(1 << 20),
            alarms: alarms.iter().map(|alarm| (*alarm).to_owned()).collect(),
        };
        assert_eq!(kept(1000, false, &[]).warnings().len(), 0, "it is new");
        assert_eq!(kept(1_000_000, true, &[]).warnings().len(), 0);
        assert_eq!(kept(1001, false, &[]).warnings().len(), 1);
        assert_eq!(kept(5, false, &["alarm:NOSPACE"]).warnings().len(), 1);
    }
}
