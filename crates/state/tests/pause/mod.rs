//! Processes of a test that do nothing for a while.

use std::process::{Child, Command};

/// SIGSTOP, and waits until it has: it does nothing until [`go_on`].
pub(crate) fn pause(child: &Child) {
    signal("-STOP", child);
    // One of its threads must have its turn to stop the others, which is long where many wait for theirs.
    while !has_stopped(child) {
        std::thread::yield_now();
    }
}

pub(crate) fn go_on(child: &Child) {
    signal("-CONT", child);
}

fn has_stopped(child: &Child) -> bool {
    let mut threads = std::fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    threads.all(|thread| {
        let status = std::fs::read_to_string(thread.unwrap().path().join("status"));
        status.is_ok_and(|status| status.contains("State:\tT"))
    })
}

fn signal(signal: &str, child: &Child) {
    let sent = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}
