//! Telemetry as keys and values, so that only what has changed is sent.
//!
//! Values are texts because chitchat's are: base64 of a format number and postcard's bytes.

use std::collections::BTreeMap;

use data_encoding::BASE64_NOPAD;
use fogline_core::model::NodeName;
use fogline_core::telemetry::{
    Capabilities, FunctionKey, Load, MAX_TOLD_FUNCTIONS, MAX_TOLD_PATHS, Telemetry,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::options::Addresses;

/// Most that the keys and values of one node take, in bytes, with names and labels of greatest length.
pub const MAX_TOLD: usize = 24 << 10;

/// The format of every value. A node that reads another number takes the value for not said.
const FORMAT: u8 = 1;

pub(crate) const ADDRESSES: &str = "a";
pub(crate) const LEFT: &str = "x";
const CAPABILITIES: &str = "c";
const LOAD: &str = "l";
const FUNCTION: &str = "f/";
const PATH: &str = "p/";

/// A value as text.
pub(crate) fn encode(value: &impl Serialize) -> String {
    let bytes = postcard::to_extend(value, vec![FORMAT]).expect("plain data in memory can always be encoded");
    BASE64_NOPAD.encode(&bytes)
}

fn decode<T: DeserializeOwned>(text: &str) -> Option<T> {
    let bytes = BASE64_NOPAD.decode(text.as_bytes()).ok()?;
    let (format, bytes) = bytes.split_first()?;
    (*format == FORMAT).then(|| postcard::from_bytes(bytes).ok())?
}

/// What a node says of itself, as keys and values. It must be within its bounds already.
pub(crate) fn told(telemetry: &Telemetry) -> BTreeMap<String, String> {
    let mut pairs = BTreeMap::new();
    pairs.insert(CAPABILITIES.to_owned(), encode(&telemetry.capabilities));
    pairs.insert(LOAD.to_owned(), encode(&telemetry.load));
    for (function, service) in &telemetry.services {
        let FunctionKey {
            tenant,
            app,
            function,
        } = function;
        pairs.insert(format!("{FUNCTION}{tenant}/{app}/{function}"), encode(service));
    }
    for (node, path) in &telemetry.paths {
        pairs.insert(format!("{PATH}{node}"), encode(path));
    }
    pairs
}

/// Whether a key belongs to telemetry: it goes when the telemetry no longer has it.
pub(crate) fn is_telemetry(key: &str) -> bool {
    key == CAPABILITIES || key == LOAD || key.starts_with(FUNCTION) || key.starts_with(PATH)
}

/// What another node said of itself. What cannot be read counts as not said; what is too much is left out.
pub(crate) struct Said {
    /// Where it is reached.
    pub(crate) addresses: Addresses,
    /// Whether it leaves.
    pub(crate) left: bool,
    /// Its telemetry, if it has published any.
    pub(crate) telemetry: Option<Telemetry>,
}

impl Said {
    pub(crate) fn read<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let (mut addresses, mut left) = (Addresses::default(), false);
        let (mut capabilities, mut load): (Option<Capabilities>, Option<Load>) = (None, None);
        let mut telemetry = Telemetry::default();
        for (key, value) in pairs {
            if key == ADDRESSES {
                addresses = decode(value).unwrap_or_default();
            } else if key == LEFT {
                left = true;
            } else if key == CAPABILITIES {
                capabilities = decode(value);
            } else if key == LOAD {
                load = decode(value);
            } else if let Some(function) = key.strip_prefix(FUNCTION).and_then(function) {
                if telemetry.services.len() < MAX_TOLD_FUNCTIONS
                    && let Some(service) = decode(value)
                {
                    telemetry.services.insert(function, service);
                }
            } else if let Some(node) = key
                .strip_prefix(PATH)
                .and_then(|name| name.parse::<NodeName>().ok())
                && telemetry.paths.len() < MAX_TOLD_PATHS
                && let Some(path) = decode(value)
            {
                telemetry.paths.insert(node, path);
            }
        }
        let published = capabilities.zip(load);
        let telemetry = published.map(|(capabilities, load)| Telemetry {
            capabilities,
            load,
            ..telemetry
        });
        Self {
            addresses,
            left,
            telemetry: telemetry.map(Telemetry::bounded),
        }
    }
}

fn function(text: &str) -> Option<FunctionKey> {
    let mut parts = text.split('/');
    let key = FunctionKey {
        tenant: parts.next()?.parse().ok()?,
        app: parts.next()?.parse().ok()?,
        function: parts.next()?.parse().ok()?,
    };
    parts.next().is_none().then_some(key)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fogline_core::model::{BitRate, Bytes, MAX_NAME};
    use fogline_core::telemetry::{
        Capabilities, FunctionKey, Load, MAX_LABEL, MAX_LABELS, MAX_TOLD_FUNCTIONS, MAX_TOLD_PATHS,
        PathFigures, ServiceTime, Telemetry,
    };

    use super::{MAX_TOLD, Said, told};

    fn name(number: usize) -> String {
        format!("{number:0>width$}", width = MAX_NAME)
    }

    /// As much of everything as may be told, in the longest encodings.
    fn greatest() -> Telemetry {
        let capabilities = Capabilities {
            arch: "a".repeat(MAX_LABEL),
            cpu_millis: u64::MAX,
            memory: Bytes(u64::MAX),
            model: "m".repeat(MAX_LABEL),
            labels: (0..MAX_LABELS)
                .map(|number| format!("{number:0>width$}", width = MAX_LABEL))
                .collect(),
            functions: true,
            issuer: true,
        };
        let load = Load {
            queued: u32::MAX,
            running: u32::MAX,
            slots: u32::MAX,
            busy_permille: u16::MAX,
            free_memory: Bytes(u64::MAX),
            draining: true,
        };
        let services = (0..MAX_TOLD_FUNCTIONS).map(|number| {
            let key = FunctionKey {
                tenant: name(number).parse().unwrap(),
                app: name(number).parse().unwrap(),
                function: name(number).parse().unwrap(),
            };
            (
                key,
                ServiceTime {
                    mean: Duration::MAX,
                    recent: u32::MAX,
                },
            )
        });
        let paths = (0..MAX_TOLD_PATHS).map(|number| {
            let rtt = Some(Duration::MAX);
            (
                name(number).parse().unwrap(),
                PathFigures {
                    rtt,
                    rate: Some(BitRate(1e9)),
                },
            )
        });
        Telemetry {
            capabilities,
            load,
            services: services.collect(),
            paths: paths.collect(),
        }
    }

    #[test]
    fn the_greatest_telemetry_arrives_and_is_within_its_bound() {
        let telemetry = greatest();
        let pairs = told(&telemetry);
        let bytes: usize = pairs.iter().map(|(key, value)| key.len() + value.len()).sum();
        assert!(bytes <= MAX_TOLD, "{bytes}");
        let said = Said::read(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        assert_eq!(said.telemetry, Some(telemetry));
    }

    #[test]
    fn what_cannot_be_read_counts_as_not_said() {
        let mut pairs = told(&greatest());
        pairs.insert("l".to_owned(), "%".to_owned());
        pairs.insert("f/a/b".to_owned(), "AQ".to_owned());
        let said = Said::read(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        assert_eq!(said.telemetry, None);
    }
}
