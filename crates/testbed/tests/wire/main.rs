//! Real nodes, spoken to over HTTP: what the models promise, and what bad input and faults do.

#![expect(clippy::unwrap_used, reason = "all of this is tests, helpers included")]

mod alike;
mod bad_input;
mod branches;
mod clients;
mod conversion;
mod ends;
mod explain;
mod failover;
mod faults;
mod files;
mod hops;
mod inbox;
mod kept;
mod kill;
mod lifecycle;
mod load;
mod membership;
mod migration;
mod overload;
mod pauses;
mod quotas;
mod rollout;
mod rules;
mod runs;
mod settled;
mod snapshot;
mod steps;
mod support;
mod tracing;
mod traffic;
mod versions;
