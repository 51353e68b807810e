//! What a server's configuration promises.

use std::collections::BTreeMap;

use crate::Durable;

/// The settings that matter.
pub(super) const SETTINGS: [&str; 5] = [
    "appendonly",
    "appendfsync",
    "no-appendfsync-on-rewrite",
    "maxmemory",
    "maxmemory-policy",
];

/// What a commit survives by these settings. A server that does not tell them promises nothing.
///
/// `appendfsync everysec`, the default, is [`Durable::Memory`]: while its last fsync is running, the server keeps
/// what it has acknowledged in its own memory, for up to two seconds, and loses it when it is killed. With `no` it
/// writes at once, but only to the page cache.
pub(super) fn durable(settings: &BTreeMap<String, String>) -> Durable {
    let is = |setting: &str, value: &str| settings.get(setting).is_some_and(|is| is == value);
    if !is("appendonly", "yes") {
        return Durable::Memory;
    }
    match settings.get("appendfsync").map(String::as_str) {
        // While it rewrites its log it does not fsync, if it is told so.
        Some("always") if is("no-appendfsync-on-rewrite", "no") => Durable::Disk,
        Some("always" | "no") => Durable::Process,
        _ => Durable::Memory,
    }
}

/// The policy by which the server would drop sessions when its memory is full, if it would. Policies that only drop
/// keys with a time to live do so too: records of sessions have one.
pub(super) fn evicts(settings: &BTreeMap<String, String>) -> Option<&str> {
    let bounded = settings.get("maxmemory").is_some_and(|most| most != "0");
    let policy = settings.get("maxmemory-policy")?;
    (bounded && policy != "noeviction").then_some(policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(values: &[(&str, &str)]) -> BTreeMap<String, String> {
        values
            .iter()
            .map(|(setting, value)| ((*setting).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn durability_is_what_the_settings_promise_and_no_more() {
        let with = |appendonly, fsync, on_rewrite| {
            durable(&settings(&[
                ("appendonly", appendonly),
                ("appendfsync", fsync),
                ("no-appendfsync-on-rewrite", on_rewrite),
            ]))
        };
        assert_eq!(with("no", "always", "no"), Durable::Memory);
        assert_eq!(with("yes", "everysec", "no"), Durable::Memory);
        assert_eq!(with("yes", "no", "no"), Durable::Process);
        assert_eq!(with("yes", "always", "yes"), Durable::Process);
        assert_eq!(with("yes", "always", "no"), Durable::Disk);
        assert_eq!(
            durable(&BTreeMap::new()),
            Durable::Memory,
            "a server that does not tell"
        );
    }

    #[test]
    fn only_a_full_memory_with_a_policy_that_drops_keys_drops_sessions() {
        let with = |most, policy| settings(&[("maxmemory", most), ("maxmemory-policy", policy)]);
        assert_eq!(evicts(&with("0", "allkeys-lru")), None);
        assert_eq!(evicts(&with("1000000", "noeviction")), None);
        assert_eq!(evicts(&with("1000000", "volatile-lru")), Some("volatile-lru"));
        assert_eq!(evicts(&with("1000000", "allkeys-lru")), Some("allkeys-lru"));
        assert_eq!(evicts(&BTreeMap::new()), None);
    }
}
