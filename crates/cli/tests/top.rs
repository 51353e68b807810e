//! `fogline top` against two real nodes.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

use process::Process;
use serde_json::Value;
use up::{Up, fogline};

#[path = "support/process.rs"]
mod process;
#[path = "support/up.rs"]
mod up;

fn start(folder: &Path, name: &str, peering: &str) -> Process {
    let started = process::start(folder, name, &format!("[peering]\n{peering}"));
    started.expect("it says where it is")
}

#[test]
fn top_shows_all_nodes_and_what_they_do() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let authority = folder.join("authority");
    let authority = authority.to_str().unwrap();
    assert!(fogline(folder, &["authority", "new", authority]).0);
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let one = start(
        folder,
        "one",
        &format!("listen = \"{port}\"\nauthority = \"authority\"\n"),
    );
    let _two = start(
        folder,
        "two",
        &format!("join = [\"{port}\"]\nauthority = \"authority\"\n"),
    );
    let top = ["top", "--once", "--every", "200ms", "--url", &one.url];
    let until = Instant::now() + Duration::from_secs(20);
    let frame = loop {
        let (done, printed, said) = fogline(folder, &[&top[..], &["-o", "json"]].concat());
        assert!(done, "{said}");
        let frame: Value = serde_json::from_str(&printed).unwrap();
        let nodes = frame["nodes"].as_array().unwrap();
        if nodes.len() == 2 && nodes.iter().all(|node| node["activity"].is_object()) {
            break frame;
        }
        assert!(Instant::now() < until, "{frame:#}");
    };
    assert!(frame["over_s"].as_f64().unwrap() >= 0.2);
    let one = &frame["nodes"][0];
    assert_eq!((&one["name"], &one["presence"]), (&"one".into(), &"alive".into()));
    // The command's own requests, at the least.
    assert!(
        one["activity"]["requests_per_s"].as_f64().unwrap() > 0.0,
        "{frame:#}"
    );
    assert_eq!(frame["models"].as_array().unwrap().len(), 4);
    let (_, screen, _) = fogline(folder, &top);
    for shown in ["2/2 nodes answer", "one", "two", "in-function", "network"] {
        assert!(screen.contains(shown), "{shown}: {screen}");
    }
    let (done, _, said) = fogline(folder, &["top", "--url", top[5]]);
    assert!(!done && said.contains("hint: add --once"), "{said}");
}

/// The nodes of a file find each other, though what is between them is in the file.
#[test]
fn all_nodes_of_a_network_file_are_watched_and_can_be_emptied() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let data = folder.join("data");
    let _up = Up::start(folder, data.to_str().unwrap());
    let top = ["top", "--once", "--every", "200ms"];
    let (done, printed, said) = fogline(folder, &[&top[..], &["-o", "json"]].concat());
    assert!(done, "{said}");
    let frame: Value = serde_json::from_str(&printed).unwrap();
    let nodes = frame["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 6, "{frame:#}");
    for node in nodes {
        assert_eq!(node["presence"], "alive", "{frame:#}");
        assert!(node["activity"].is_object(), "{frame:#}");
    }
    let (done, picture, said) = fogline(folder, &[&top[..], &["-o", "svg"]].concat());
    assert!(done, "{said}");
    assert!(
        picture.starts_with("<svg ") && picture.ends_with("</svg>\n"),
        "{picture}"
    );
    assert!(picture.contains("6/6 nodes answer"), "{picture}");
    let works = |node: &&Value| node["slots"].as_u64() > Some(0);
    let emptied = nodes.iter().find(works).unwrap()["name"].as_str().unwrap();
    let (done, _, said) = fogline(folder, &["drain", emptied]);
    assert!(done, "{said}");
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let (_, listed, _) = fogline(folder, &["get", "nodes"]);
        let line = listed.lines().find(|line| line.starts_with(emptied)).unwrap();
        if line.contains("draining") {
            break;
        }
        assert!(Instant::now() < until, "{listed}");
    }
    let (done, quotas, said) = fogline(folder, &["get", "quotas"]);
    assert!(done, "{said}");
    assert_eq!(quotas.lines().count(), 7, "a title and six nodes: {quotas}");
}
