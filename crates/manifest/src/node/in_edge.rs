//! What the section about etcd must hold beyond its types.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use fogline_core::model::BadInput;

use super::file::EtcdSection;
use crate::amount::excerpt;
use crate::source::Source;

/// Terms of leases: a shorter one is lost to a slow disk of a server, a longer one keeps sessions waiting.
const TERMS: RangeInclusive<Duration> = Duration::from_millis(200)..=Duration::from_secs(60);

impl EtcdSection {
    /// The files that it names.
    pub(super) fn files(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        [
            &mut self.ca_file,
            &mut self.cert_file,
            &mut self.key_file,
            &mut self.password_file,
        ]
        .into_iter()
        .flatten()
    }

    pub(super) fn check(&self, source: &Source) -> Result<(), BadInput> {
        let refuse = |key: &str, problem: String, hint: &str| {
            Err(source.fault_under(&format!("in-edge.etcd.{key}"), problem, hint))
        };
        if self.endpoints.is_empty() {
            let hint = "name at least one, as \"http://10.0.0.1:2379\"";
            return refuse("endpoints", "there is no etcd server".to_owned(), hint);
        }
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            let scheme = endpoint.split_once("://").map_or("", |(scheme, _)| scheme);
            let problem = match (scheme, &self.ca_file) {
                ("http", None) | ("https", Some(_)) => continue,
                ("https", None) => {
                    "https needs ca-file, the certificate of the servers' authority".to_owned()
                }
                ("http", Some(_)) => "ca-file is given, and http uses no certificate".to_owned(),
                _ => format!("\"{}\" is not the URL of an etcd server", excerpt(endpoint)),
            };
            let hint = "write it as \"http://10.0.0.1:2379\", or \"https://…\" with ca-file";
            return refuse(&format!("endpoints.{index}"), problem, hint);
        }
        for (key, of, other, is) in [
            (
                "cert-file",
                self.cert_file.is_some(),
                "key-file",
                self.key_file.is_some(),
            ),
            (
                "user",
                self.user.is_some(),
                "password-file",
                self.password_file.is_some(),
            ),
        ] {
            if of != is {
                let (there, missing) = if of { (key, other) } else { (other, key) };
                let problem = format!("{there} has no use without {missing}");
                return refuse(there, problem, "give both, or none");
            }
        }
        match self.lease_term {
            Some(term) if !TERMS.contains(&term) => refuse(
                "lease-term",
                format!("{term:?} is not between 200 ms and 60 s"),
                "a few times what the slowest disk of the servers takes, 800 ms as a rule",
            ),
            _ => Ok(()),
        }
    }
}
