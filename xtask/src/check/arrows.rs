//! The dependency arrows of the design, as tests.

use std::collections::BTreeSet;

use crate::failure::Failure;
use crate::say;
use crate::shell::Run;

/// What one crate of the workspace may see.
struct Arrow {
    /// The crate.
    package: &'static str,
    /// The crates of the workspace that it may depend on, directly or not.
    sees: &'static [&'static str],
    /// Crates that it must not depend on, directly or not.
    never: &'static [&'static str],
}

/// What brings a clock, IO or randomness of its own: nothing that decides or simulates may see it.
const IMPURE: &[&str] = &[
    "async-std",
    "chrono",
    "fastrand",
    "getrandom",
    "jiff",
    "mio",
    "quinn",
    "rand",
    "rand_core",
    "reqwest",
    "smol",
    "socket2",
    "time",
    "tokio",
    "wasmtime",
];

/// What belongs to nodes: the simulator predicts them, and must not link them.
const NODE_ONLY: &[&str] = &["axum", "hyper", "quinn", "tokio", "wasmtime"];

/// What a node is made of.
const NODE: &[&str] = &[
    "fogline-core",
    "fogline-manifest",
    "fogline-membership",
    "fogline-protocol",
    "fogline-runtime",
    "fogline-state",
];

/// The arrows. Only `fogline-cli` joins the engine to the report, and the simulation to the testbed.
const ARROWS: &[Arrow] = &[
    Arrow {
        package: "fogline-core",
        sees: &[],
        never: IMPURE,
    },
    Arrow {
        package: "fogline-manifest",
        sees: &["fogline-core"],
        never: IMPURE,
    },
    Arrow {
        package: "fogline-workload",
        sees: &["fogline-core"],
        never: IMPURE,
    },
    Arrow {
        package: "fogline-report",
        sees: &["fogline-core"],
        never: NODE_ONLY,
    },
    Arrow {
        package: "fogline-sim",
        sees: &["fogline-core", "fogline-manifest", "fogline-workload"],
        never: IMPURE,
    },
    Arrow {
        package: "fogline-protocol",
        sees: &["fogline-core"],
        never: NODE_ONLY,
    },
    Arrow {
        package: "fogline-state",
        sees: &["fogline-core"],
        // hyper carries the calls to etcd.
        never: &["axum", "quinn", "wasmtime"],
    },
    Arrow {
        package: "fogline-membership",
        sees: &["fogline-core"],
        never: &["axum", "hyper", "quinn", "redb", "wasmtime"],
    },
    Arrow {
        package: "fogline-runtime",
        sees: &["fogline-core"],
        never: &["axum", "quinn", "redb"],
    },
    Arrow {
        package: "fogline-build",
        sees: &["fogline-core"],
        never: NODE_ONLY,
    },
    Arrow {
        package: "fogline-client",
        sees: &["fogline-core", "fogline-protocol"],
        never: &["axum", "quinn", "redb", "wasmtime"],
    },
    Arrow {
        package: "fogline-node",
        sees: NODE,
        never: &["axum", "fogline-sim", "rayon"],
    },
    Arrow {
        package: "fogline-testbed",
        sees: &[
            "fogline-core",
            "fogline-manifest",
            "fogline-membership",
            "fogline-node",
            "fogline-protocol",
            "fogline-runtime",
            "fogline-state",
            "fogline-workload",
        ],
        never: &["fogline-sim", "rayon"],
    },
    Arrow {
        package: "fogline-bench",
        sees: &[
            "fogline-core",
            "fogline-manifest",
            "fogline-membership",
            "fogline-node",
            "fogline-protocol",
            "fogline-runtime",
            "fogline-state",
        ],
        never: &["fogline-sim", "rayon"],
    },
    Arrow {
        package: "fogline-cli",
        sees: &[
            "fogline-bench",
            "fogline-build",
            "fogline-client",
            "fogline-core",
            "fogline-manifest",
            "fogline-membership",
            "fogline-node",
            "fogline-protocol",
            "fogline-report",
            "fogline-runtime",
            "fogline-sim",
            "fogline-state",
            "fogline-testbed",
            "fogline-workload",
        ],
        never: &[],
    },
    Arrow {
        package: "xtask",
        sees: &[],
        never: NODE_ONLY,
    },
];

/// Checks every crate of the workspace against its arrow.
///
/// # Errors
/// When a crate sees what it must not, or has no arrow.
pub(crate) fn check() -> Result<(), Failure> {
    let members = members()?;
    for member in &members {
        let Some(arrow) = ARROWS.iter().find(|arrow| arrow.package == member) else {
            return Err(Failure::new(
                format!("no arrow says what {member} may depend on"),
                "add one in xtask/src/check/arrows.rs, as the design has it",
            ));
        };
        let seen = tree(&["--package", member])?;
        let forbidden = forbidden(arrow, &seen, &members);
        if let Some(first) = forbidden.first() {
            return Err(Failure::new(
                format!("{member} must not depend on {}", forbidden.join(", ")),
                format!("`cargo tree --package {member} --invert {first} --target all` shows through what"),
            ));
        }
    }
    say::note(&format!("{} crates keep to their arrows", members.len()));
    Ok(())
}

/// Names of the crates of the workspace.
///
/// # Errors
/// When cargo cannot name them.
pub(crate) fn members() -> Result<BTreeSet<String>, Failure> {
    tree(&["--workspace", "--depth", "0"])
}

fn forbidden<'a>(arrow: &Arrow, seen: &'a BTreeSet<String>, members: &BTreeSet<String>) -> Vec<&'a str> {
    seen.iter()
        .map(String::as_str)
        .filter(|name| *name != arrow.package)
        .filter(|name| arrow.never.contains(name) || members.contains(*name) && !arrow.sees.contains(name))
        .collect()
}

/// Names of the packages that `cargo tree` prints; test dependencies are not followed.
fn tree(args: &[&str]) -> Result<BTreeSet<String>, Failure> {
    let all = [
        "tree", "--locked", "--edges", "normal", "--target", "all", "--prefix", "none", "--format", "{p}",
    ];
    let printed = Run::cargo().args(all.iter().chain(args)).read()?;
    let names = printed.lines().filter_map(|line| line.split_whitespace().next());
    Ok(names.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::{Arrow, forbidden};
    use std::collections::BTreeSet;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn an_arrow_forbids_other_members_and_named_crates_only() {
        let arrow = Arrow {
            package: "sim",
            sees: &["core"],
            never: &["tokio"],
        };
        let members = set(&["sim", "core", "report"]);
        let cases: [(&[&str], &[&str]); 4] = [
            (&["sim", "core", "serde"], &[]),
            (&["sim", "report"], &["report"]),
            (&["sim", "tokio", "mio"], &["tokio"]),
            (&["sim", "core", "report", "tokio"], &["report", "tokio"]),
        ];
        for (seen, expected) in cases {
            assert_eq!(forbidden(&arrow, &set(seen), &members), expected, "{seen:?}");
        }
    }
}
