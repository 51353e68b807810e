//! Real processes: an authority in a folder, a node that issues, one that enrols, and its end.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use assert_cmd::cargo::CommandCargoExt;
use process::Process;

#[path = "support/process.rs"]
mod process;

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
