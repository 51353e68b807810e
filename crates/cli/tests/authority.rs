//! Real processes: an authority in a folder, a node that issues, one that enrols, and its end.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use assert_cmd::cargo::CommandCargoExt;
use fogline_client::{Client, Package};
use fogline_core::model::AppName;
use process::Process;

#[path = "support/process.rs"]
mod process;

/// Patience on a machine that builds other things meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

fn fogline(arguments: &[&str]) -> (bool, String, String) {
    let output = Command::cargo_bin("fogline")
        .unwrap()
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

fn start(folder: &Path, name: &str, peering: &str) -> Option<Process> {
    process::start(folder, name, &format!("[peering]\n{peering}"))
}

#[test]
fn a_node_enrols_with_a_token_starts_again_without_and_is_thrown_out() {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority");
    let authority = authority.to_str().unwrap();
    assert!(fogline(&["authority", "new", authority]).0);
    let key = std::fs::metadata(folder.path().join("authority/authority.key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    let (again, _, said) = fogline(&["authority", "new", authority]);
    assert!(
        !again && said.contains("hint:"),
        "it writes over no authority: {said}"
    );

    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let issuing = format!("listen = \"{port}\"\nauthority = \"authority\"\n");
    let _a = start(folder.path(), "a", &issuing).expect("it certifies itself");

    let (_, token, _) = fogline(&["authority", "token", authority, "--node", "b"]);
    assert_eq!(token.lines().count(), 1);
    std::fs::write(folder.path().join("token"), &token).unwrap();
    let join = format!("join = [\"{port}\"]\n");
    let with_token = format!("{join}token-file = \"token\"\n");
    drop(start(folder.path(), "b", &with_token).expect("it enrols"));
    drop(start(folder.path(), "b", &join).expect("it has its certificate"));
    assert!(
        start(folder.path(), "c", &join).is_none(),
        "it has nothing to prove itself with"
    );
    assert!(
        start(folder.path(), "c", &with_token).is_none(),
        "the token is for another"
    );

    let (done, _, said) = fogline(&["authority", "revoke", authority, "b", "--peer", &port.to_string()]);
    assert!(done, "{said}");
    let kept = std::fs::read_to_string(folder.path().join("a/peering/revoked")).unwrap();
    assert!(kept.starts_with("b "), "{kept}");
    std::fs::remove_dir_all(folder.path().join("b")).unwrap();
    assert!(
        start(folder.path(), "b", &with_token).is_none(),
        "the token is void too"
    );
}

/// An application in Python whose state, the words that were seen, is with its client.
fn with_its_client(folder: &Path) -> Package {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../functions/process-python/app.py");
    std::fs::create_dir(folder).unwrap();
    std::fs::copy(source, folder.join("app.py")).unwrap();
    let manifest = "fogline = 1\n[application]\nname = \"words\"\nversion = \"1\"\nmodel = \"in-client\"\n[states.words]\n\
         [functions.count]\nprocess = [\"python3\", \"app.py\"]\nwrites = [\"words\"]\n";
    std::fs::write(folder.join("fogline.toml"), manifest).unwrap();
    Package::read(folder).unwrap()
}

#[tokio::test]
async fn a_session_in_client_goes_on_at_nodes_that_were_given_no_keys() {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority");
    let authority = authority.to_str().unwrap();
    assert!(fogline(&["authority", "new", authority]).0);
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let issuing = format!("listen = \"{port}\"\nauthority = \"authority\"\n");
    let (_, token, _) = fogline(&["authority", "token", authority]);
    std::fs::write(folder.path().join("token"), &token).unwrap();
    let joining = format!("join = [\"{port}\"]\ntoken-file = \"token\"\n");
    let nodes = [("a", &issuing), ("b", &joining), ("c", &joining)];
    let nodes = nodes.map(|(name, peering)| start(folder.path(), name, peering).unwrap());

    // One client, which goes from node to node with what it holds.
    let at = |node: &Process| {
        let client = Client::builder(&node.url).journal(folder.path().join("client"));
        client.build().unwrap()
    };
    let app: AppName = "words".parse().unwrap();
    let function = "count".parse().unwrap();
    let client = at(&nodes[1]);
    let deployed = client
        .deploy(&with_its_client(&folder.path().join("words")))
        .await;
    deployed.unwrap();
    let session = client.create_session(&app, None).await.unwrap().session;
    client.invoke(&app, &session, &function, "one").await.unwrap();
    drop(client);
    for (node, expected) in [
        (&nodes[2], r#"{"one": 1, "two": 1}"#),
        (&nodes[0], r#"{"one": 1, "two": 2}"#),
    ] {
        let client = at(node);
        let started = Instant::now();
        while let Err(error) = client.app(&app).await {
            assert!(started.elapsed() < PATIENCE, "{error}");
            // Nothing tells when a node has heard of it.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let reply = client.invoke(&app, &session, &function, "two").await.unwrap();
        assert_eq!(reply.output, expected);
    }

    // Keys that are there are not touched, and stay unknown to the others.
    drop(nodes);
    let shared = format!("1 {}\n", "ab".repeat(32));
    let key = folder.path().join("b/local.key");
    std::fs::write(&key, &shared).unwrap();
    let _b = start(folder.path(), "b", &joining).unwrap();
    assert_eq!(std::fs::read_to_string(&key).unwrap(), shared);
    for node in ["a", "c"] {
        let file = folder.path().join(node).join("local.key");
        assert_eq!(
            std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_ne!(std::fs::read_to_string(&file).unwrap(), shared);
    }
    let secret = folder.path().join("b/peering/network.secret");
    assert_eq!(
        std::fs::metadata(&secret).unwrap().permissions().mode() & 0o777,
        0o600
    );
}
