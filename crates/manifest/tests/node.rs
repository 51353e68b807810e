//! Nodes' configurations: what is in the manual is read, and what is wrong is refused at its place.

use std::path::Path;

use fogline_core::model::{BadInput, Bytes};
use fogline_manifest::Source;
use fogline_manifest::node::{ExternalStore, InEdgeStore, NodeConfig};
use proptest::prelude::*;

const MANUAL: &str = include_str!("../../../docs/src/manifest.md");

fn source(text: &str) -> Source {
    Source {
        name: "node.toml".into(),
        text: text.into(),
    }
}

fn example() -> &'static str {
    let block = MANUAL
        .split("```toml\n")
        .nth(2)
        .and_then(|rest| rest.split("```").next());
    block.expect("the manual has a second example")
}

#[test]
fn the_manual_s_example_is_read_and_its_paths_lead_to_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.toml");
    std::fs::write(&path, example()).unwrap();
    let config = NodeConfig::read(&path).expect("the manual's example");
    assert_eq!(
        (config.name.as_str(), config.data.as_path()),
        ("edge-1", Path::new("/var/lib/fogline"))
    );
    assert_eq!(
        (
            config.http_listen.to_string().as_str(),
            config.slots.map(u32::from)
        ),
        ("0.0.0.0:7070", Some(4))
    );
    assert_eq!(
        config.external,
        Some(ExternalStore::Node("cloud".parse().unwrap()))
    );
    let peering = config.peering.expect("it has peers");
    assert_eq!(peering.token_file, Some(folder.path().join("edge-1.token")));
    assert_eq!(peering.join, ["10.0.0.1:7071"]);
    assert_eq!(peering.authority, None);
    assert_eq!(peering.advertise, None);
    assert_eq!(config.capabilities, ["gpu=pascal", "site=roof"]);
    assert!(config.runs_functions);
    assert_eq!(config.tenants[0].token_file, folder.path().join("acme.token"));
    assert!(!config.loopback_only && !config.tenants[0].processes);
    let telemetry = config.telemetry.expect("it sends traces");
    assert_eq!(telemetry.otlp, "http://127.0.0.1:4318");
    assert_eq!((telemetry.sample, telemetry.service.as_str()), (0.01, "fogline"));
}

#[test]
fn traces_go_to_an_address_over_http_and_a_share_is_a_share() {
    let with = |lines: &str| {
        let text = format!("name = \"a\"\ndata = \"store\"\nloopback-only = true\n[telemetry]\n{lines}");
        NodeConfig::parse(&source(&text)).map_err(|bad| bad.to_string())
    };
    for good in ["http://[::1]:4318", "http://collector.example:80/otlp"] {
        let text = format!("otlp = \"{good}\"\nsample = 1");
        assert_eq!(
            with(&text).map(|config| config.telemetry.unwrap().sample),
            Ok(1.0)
        );
    }
    for bad in [
        "https://collector:4318",
        "collector:4318",
        "http://collector",
        "http://a b:1",
    ] {
        let refused = with(&format!("otlp = \"{bad}\"")).unwrap_err();
        assert!(refused.contains("OTLP over HTTP"), "{refused}");
    }
    for bad in ["-0.1", "1.5", "nan"] {
        let refused = with(&format!("otlp = \"http://a:1\"\nsample = {bad}")).unwrap_err();
        assert!(refused.contains("cannot be recorded"), "{refused}");
    }
}

#[test]
fn a_tenant_has_programs_if_the_operator_says_so() {
    let text = example().replace(
        "token-file = \"acme.token\"",
        "token-file = \"t\"\nprocesses = true",
    );
    let config = NodeConfig::parse(&source(&text)).expect("it is a key");
    assert!(config.tenants[0].processes);
}

#[test]
fn three_lines_are_enough_to_develop() {
    let config =
        NodeConfig::parse(&source("name = \"a\"\ndata = \"store\"\nloopback-only = true")).expect("enough");
    assert_eq!(
        (config.http_listen.to_string().as_str(), config.slots),
        ("127.0.0.1:0", None)
    );
    assert!(config.external.is_none() && config.peering.is_none() && config.tenants.is_empty());
}

/// Replaces `before` in the manual's example by `after`, where `^` stands before the place of the fault.
fn fault(before: &str, after: &str) -> BadInput {
    assert_eq!(example().matches(before).count(), 1, "{before}");
    let marked = example().replace(before, after);
    let at = marked.find('^').unwrap_or_else(|| panic!("no place in {after}"));
    let fault = match NodeConfig::parse(&source(&marked.replace('^', ""))) {
        Ok(_) => panic!("{after} is accepted"),
        Err(fault) => fault,
    };
    let line = marked[..at].matches('\n').count() + 1;
    let column = at - marked[..at].rfind('\n').map_or(0, |end| end + 1) + 1;
    assert_eq!(
        (fault.line, fault.column),
        (Some(line as u64), Some(column as u64)),
        "{after}\n{fault}"
    );
    fault
}

/// Each: what stands in the example, what is written instead, words of the problem, and words of the hint.
const FAULTS: &[(&str, &str, &str, &str)] = &[
    ("slots", "^slot", "unknown field", "did you mean \"slots\"?"),
    ("slots = 4", "slots = ^0", "nonzero", ""),
    ("\"edge-1\"", "^\"Edge\"", "not a name", ""),
    ("\"/var/lib/fogline\"", "^\"\"", "no folder", "this node alone"),
    ("\"0.0.0.0:7070\"", "^\"0.0.0.0\"", "socket address", ""),
    (
        "\"site=roof\"",
        "^\"site roof\"",
        "not a capability",
        "gpu=pascal",
    ),
    (
        "device = \"nuc\"",
        "device = ^\"nucc\"",
        "catalogue",
        "did you mean \"nuc\"?",
    ),
    (
        "{ node = \"cloud\" }",
        "{ redis = ^\"http://:secret@c\" }",
        "does not begin with",
        "redis://",
    ),
    (
        "{ node = \"cloud\" }",
        "^{ redis = \"redis://c\", node = \"cloud\" }",
        "exactly one",
        "",
    ),
    (
        "{ node = \"cloud\" }",
        "{ ^nod = \"cloud\" }",
        "unknown variant",
        "did you mean \"node\"?",
    ),
    (
        "\"10.0.0.1:7071\"",
        "^\"cloud.example\"",
        "not an address and a port",
        "cloud.example:7071",
    ),
    (
        "\"10.0.0.1:7071\"",
        "^\"cloud.example:0\"",
        "not an address and a port",
        "10.0.0.9:7071",
    ),
    (
        "\"10.0.0.1:7071\"",
        "^\"::1:7071\"",
        "not an address and a port",
        "[2001:db8::9]",
    ),
    (
        "[[tenants]]\nname = \"acme\"\n",
        "[[tenants]]\nname = \"acme\"\ntoken-file = \"a\"\n[[tenants]]\nname = ^\"acme\"\n",
        "there twice",
        "a name of its own",
    ),
];

#[test]
fn a_token_needs_a_peer_and_no_authority() {
    let parse = |peering: &str| {
        let head = "name = \"a\"\ndata = \"d\"\nloopback-only = true\n[peering]\n";
        NodeConfig::parse(&source(&format!("{head}{peering}")))
    };
    let fault = parse("token-file = \"t\"").expect_err("nobody could be asked");
    assert_eq!((fault.line, fault.column), (Some(5), Some(14)), "{fault}");
    assert!(fault.hint.contains("join"), "{fault}");
    let fault = parse("authority = \"a\"\njoin = [\"b:1\"]\ntoken-file = \"t\"").expect_err("one is enough");
    assert!(fault.problem.contains("certifies itself"), "{fault}");
    parse("token-file = \"t\"\njoin = [\"b:1\"]").expect("a peer to ask");
    parse("authority = \"a\"").expect("it certifies itself");
}

#[test]
fn a_node_without_peers_keeps_external_state_itself() {
    let parse = |rest: &str| {
        let head = "name = \"a\"\ndata = \"d\"\nloopback-only = true\n";
        NodeConfig::parse(&source(&format!("{head}external = {{ node = {rest}")))
    };
    let fault = parse("\"b\" }").expect_err("there is nobody else");
    assert_eq!((fault.line, fault.column), (Some(4), Some(21)), "{fault}");
    assert!(fault.hint.contains("[peering]"), "{fault}");
    parse("\"a\" }").expect("it keeps it itself");
    parse("\"b\" }\n[peering]").expect("gossip finds it");
}

#[test]
fn faults_are_found_at_their_place() {
    for (before, after, problem, hint) in FAULTS {
        let fault = fault(before, after);
        assert!(
            fault.problem.contains(problem) && fault.hint.contains(hint),
            "{after}\n{fault}"
        );
        assert!(!fault.to_string().contains("secret"), "a password is not shown");
    }
}

#[test]
fn without_tokens_a_node_is_out_of_reach() {
    let parse = |text: &str| NodeConfig::parse(&source(text));
    let fault = parse("name = \"a\"\ndata = \"d\"").expect_err("nobody could use it");
    assert!(
        fault.problem.contains("no tenant") && fault.hint.contains("loopback-only"),
        "{fault}"
    );

    let open = "name = \"a\"\ndata = \"d\"\nloopback-only = true\nhttp-listen = \"0.0.0.0:80\"";
    let fault = parse(open).expect_err("anybody could use it");
    assert_eq!((fault.line, fault.column), (Some(4), Some(15)), "{fault}");

    let peers = "name = \"a\"\ndata = \"d\"\nloopback-only = true\n[peering]\nlisten = \"[::]:1\"";
    let fault = parse(peers).expect_err("peers could reach it");
    assert_eq!((fault.line, fault.column), (Some(5), Some(10)), "{fault}");
    parse(&peers.replace("[::]", "[::1]")).expect("loopback is fine");

    let tenants =
        "name = \"a\"\ndata = \"d\"\nloopback-only = true\n[[tenants]]\nname = \"t\"\ntoken-file = \"t\"";
    let fault = parse(tenants).expect_err("nobody is asked for the token");
    assert_eq!(fault.line, Some(4), "{fault}");
    assert!(fault.problem.contains("tenants have no use"), "{fault}");
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC*") {
        let _ = NodeConfig::parse(&source(&text));
    }

    #[test]
    fn a_damaged_configuration_never_panics(
        at in 0..example().len(), length in 0..40_usize, with in "\\PC{0,6}"
    ) {
        let text = example();
        let end = (at + length).min(text.len());
        if let Err(fault) = NodeConfig::parse(&source(&format!("{}{with}{}", &text[..at], &text[end..]))) {
            prop_assert!(!fault.problem.is_empty());
        }
    }
}

#[test]
fn limits_are_read_and_none_is_zero() {
    let with = |limits: &str| {
        let text = format!("name = \"a\"\ndata = \"store\"\nloopback-only = true\n[limits]\n{limits}");
        NodeConfig::parse(&source(&text))
    };
    let limits = with("waiting = 1\nsession-queue = 2\napplications = 3")
        .expect("they are limits")
        .limits;
    let memory = with("kept-memory = \"64 MiB\"")
        .expect("it is a size")
        .limits
        .kept_memory;
    assert_eq!(memory, Some(Bytes(64 << 20)));
    let all = [limits.waiting, limits.session_queue, limits.applications];
    assert_eq!(all.map(|limit| limit.map_or(0, u32::from)), [1, 2, 3]);
    with("waiting = 0").expect_err("nobody could wait");
    with("queue = 1").expect_err("there is no such limit");
}

#[test]
fn the_password_of_a_store_is_never_shown() {
    let text =
        |external: &str| format!("name = \"a\"\ndata = \"d\"\nloopback-only = true\nexternal = {external}");
    for url in [
        "redis://user:se/cr@et@host:6379/0",
        "redis://:secret@host",
        "unix://:secret@/run/redis",
    ] {
        let read = |external: String| NodeConfig::parse(&source(&text(&external)));
        let config = read(format!("{{ redis = \"{url}\" }}")).expect("it is a configuration");
        let Some(ExternalStore::Redis(known)) = &config.external else {
            panic!("{config:?}");
        };
        assert_eq!(known.expose(), url, "whoever connects has it");
        let mut shown = vec![format!("{config:?}"), format!("{config:#?}")];
        for wrong in [
            format!("\"{url}\""),
            format!("{{ redis = [\"{url}\"] }}"),
            format!("{{ redi = \"{url}\" }}"),
        ] {
            let fault = read(wrong).expect_err("it is none");
            shown.push(format!("{fault} {fault:?}"));
        }
        for shown in shown {
            let hidden = ["secret", "se/cr", "et@", "user"]
                .iter()
                .all(|part| !shown.contains(part));
            assert!(hidden, "{shown}");
        }
    }
}

const ETCD: &str = "name = \"a\"\ndata = \"store\"\nloopback-only = true\n[in-edge.etcd]\n";

#[test]
fn a_site_s_quorum_is_read_with_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.toml");
    let section = "endpoints = [\"https://10.0.0.1:2379\"]\nca-file = \"ca.pem\"\nuser = \"fogline\"\n\
                   password-file = \"etcd.password\"\nlease-term = \"2 s\"\n";
    std::fs::write(&path, format!("{ETCD}{section}")).unwrap();
    let config = NodeConfig::read(&path).expect("it is right");
    let Some(InEdgeStore::Etcd(etcd)) = config.in_edge else {
        panic!("it is etcd")
    };
    assert_eq!(etcd.ca_file, Some(folder.path().join("ca.pem")));
    assert_eq!(etcd.password_file, Some(folder.path().join("etcd.password")));
    assert_eq!(etcd.lease_term, Some(std::time::Duration::from_secs(2)));
}

#[test]
fn a_quorum_that_cannot_be_reached_as_it_is_written_is_refused() {
    for (section, says) in [
        ("endpoints = []", "no etcd server"),
        ("endpoints = [\"10.0.0.1:2379\"]", "not the URL"),
        ("endpoints = [\"https://10.0.0.1:2379\"]", "needs ca-file"),
        (
            "endpoints = [\"http://10.0.0.1:2379\"]\nca-file = \"ca.pem\"",
            "no certificate",
        ),
        (
            "endpoints = [\"http://10.0.0.1:2379\"]\nuser = \"u\"",
            "without password-file",
        ),
        (
            "endpoints = [\"http://10.0.0.1:2379\"]\nlease-term = \"1 ms\"",
            "between 200 ms and 60 s",
        ),
    ] {
        let refused = NodeConfig::parse(&source(&format!("{ETCD}{section}"))).unwrap_err();
        assert!(refused.to_string().contains(says), "{section}: {refused}");
    }
}
