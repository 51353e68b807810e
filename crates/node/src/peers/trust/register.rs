//! Which keys an issuing node has certified under which names, so that a token for any node is of no use to take
//! the place of one.

use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;
use fogline_core::model::NodeName;

/// Names, and the points of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Register(BTreeMap<NodeName, Vec<u8>>);

impl Register {
    /// Whether another key is known under this name.
    pub(crate) fn is_taken(&self, node: &NodeName, key: &[u8]) -> bool {
        self.0.get(node).is_some_and(|known| known != key)
    }

    /// Enters a key in the place of an earlier one. Says whether that is new.
    pub(crate) fn enter(&mut self, node: &NodeName, key: &[u8]) -> bool {
        let earlier = self.0.insert(node.clone(), key.to_vec());
        earlier.is_none_or(|earlier| earlier != key)
    }

    /// As a file keeps it: a name and a key on each line.
    pub(super) fn text(&self) -> String {
        let line = |(node, key): (&NodeName, &Vec<u8>)| format!("{node} {}\n", BASE64URL_NOPAD.encode(key));
        self.0.iter().map(line).collect()
    }

    /// What [`Self::text`] has written.
    pub(super) fn read(text: &str) -> Self {
        let mut register = Self::default();
        for line in text.lines() {
            let entry = line.split_once(' ').and_then(|(node, key)| {
                let key = BASE64URL_NOPAD.decode(key.as_bytes()).ok()?;
                Some((node.parse::<NodeName>().ok()?, key))
            });
            match entry {
                Some((node, key)) => {
                    register.enter(&node, &key);
                }
                None => tracing::warn!(line, "not an entry of a node's name and key"),
            }
        }
        register
    }
}
