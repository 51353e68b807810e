//! The commands of the book's page on the API do what the page shows.

use std::process::Stdio;

use fogline_protocol::problem::Kind;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::call::Server;
use crate::node::root;

/// What ends the output of a command.
const MARK: &str = "=== end of command ===";

struct Example {
    line: usize,
    command: String,
    shown: Vec<String>,
}

/// Commands of all fenced blocks of `console`: behind `$ `, gone on with behind `> `, and what they print.
fn examples(page: &str) -> Vec<Example> {
    let mut inside = false;
    let mut found: Vec<Example> = Vec::new();
    for (index, line) in page.lines().enumerate() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if !inside {
        } else if let Some(command) = line.strip_prefix("$ ") {
            found.push(Example {
                line: index + 1,
                command: command.to_owned(),
                shown: Vec::new(),
            });
        } else if let (Some(more), Some(example)) = (line.strip_prefix("> "), found.last_mut()) {
            example.command = format!("{}\n{more}", example.command);
        } else if let Some(example) = found.last_mut() {
            example.shown.push(line.to_owned());
        }
    }
    found
}

/// Whether a line is as shown, where `…` stands for anything.
fn is_as_shown(shown: &str, printed: &str) -> bool {
    let Some((first, others)) = shown.split_once('…') else {
        return shown == printed;
    };
    let (middle, last) = others.rsplit_once('…').unwrap_or(("", others));
    let Some(mut rest) = printed
        .strip_prefix(first)
        .and_then(|rest| rest.strip_suffix(last))
    else {
        return false;
    };
    middle.split('…').all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_page_on_the_api_print_what_it_shows() {
    let page = std::fs::read_to_string(root().join("docs/src/api.md")).unwrap();
    let examples = examples(&page);
    assert!(examples.len() >= 20, "{} commands", examples.len());
    let server = Server::with(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(
        root().join("functions").canonicalize().unwrap(),
        folder.path().join("functions"),
    )
    .unwrap();
    let mut script = String::new();
    for example in &examples {
        script.push_str(&format!("{}\necho\necho '{MARK}'\n", example.command));
    }
    let mut bash = Command::new("bash")
        .args(["-s"])
        .current_dir(folder.path())
        .env("FOGLINE", &server.url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the page's reader has bash and curl, and so must this machine");
    let mut stdin = bash.stdin.take().unwrap();
    stdin.write_all(script.as_bytes()).await.unwrap();
    drop(stdin);
    let printed = bash.wait_with_output().await.unwrap();
    let printed = String::from_utf8_lossy(&printed.stdout).replace('\r', "");
    let mut outputs = printed.split(MARK);
    for Example { line, command, shown } in &examples {
        let printed = outputs.next().unwrap_or_default().trim_matches('\n');
        let printed: Vec<&str> = printed.lines().collect();
        let same = printed.len() == shown.len()
            && shown
                .iter()
                .zip(&printed)
                .all(|(shown, printed)| is_as_shown(shown, printed));
        assert!(
            same,
            "api.md:{line}: `{command}` shows\n{}\nand prints\n{}",
            shown.join("\n"),
            printed.join("\n")
        );
    }
    server.stop().await;
}

#[test]
fn the_page_on_the_api_lists_every_kind_of_problem() {
    let page = std::fs::read_to_string(root().join("docs/src/api.md")).unwrap();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    for kind in Kind::ALL {
        let blame = serde_json::to_value(kind.blame()).unwrap();
        let row = format!(
            "| `{}` | {} | {} |",
            kind.name(),
            kind.status(),
            blame.as_str().unwrap()
        );
        assert!(rows.iter().any(|line| line.starts_with(&row)), "{row}");
    }
}

#[test]
fn the_page_on_limits_lists_every_limit_with_its_value() {
    use fogline_core::model::limits as l;
    let page = std::fs::read_to_string(root().join("docs/src/limits.md")).unwrap();
    let sizes = [
        ("MAX_BODY", l::MAX_BODY),
        ("MAX_STATE", l::MAX_STATE),
        ("MAX_HELD", l::MAX_HELD),
        ("MAX_OUTPUT", l::MAX_OUTPUT),
        ("MAX_COMPONENT", l::MAX_COMPONENT),
        ("MAX_INLINE_STATE", l::MAX_INLINE_STATE),
        ("MAX_INLINE_REPLY", l::MAX_INLINE_REPLY),
        ("MAX_REPLY_BYTES", l::MAX_REPLY_BYTES),
    ];
    let counts = [
        ("REPLY_WINDOW", l::REPLY_WINDOW),
        ("MAX_REPLY_CLIENTS", l::MAX_REPLY_CLIENTS as u64),
        ("MAX_KNOWN_CLIENTS", l::MAX_KNOWN_CLIENTS as u64),
        ("MAX_LARGE_REPLIES", l::MAX_LARGE_REPLIES as u64),
        ("MAX_SEALED_REPLIES", l::MAX_SEALED_REPLIES as u64),
        ("MAX_OPAQUE_REPLIES", l::MAX_OPAQUE_REPLIES as u64),
        ("MAX_KEYLESS_REPLIES", l::MAX_KEYLESS_REPLIES as u64),
        ("MAX_CONFLICTS", l::MAX_CONFLICTS.into()),
        ("MAX_REBASES", l::MAX_REBASES.into()),
        ("MAX_STATES", l::MAX_STATES as u64),
        ("MAX_STEPS", l::MAX_STEPS as u64),
        ("MAX_FUNCTIONS", l::MAX_FUNCTIONS as u64),
        ("MAX_FILES", l::MAX_FILES as u64),
        ("MAX_SESSION_QUEUE", l::MAX_SESSION_QUEUE as u64),
        ("MAX_IDEMPOTENCY_KEY", l::MAX_IDEMPOTENCY_KEY as u64),
        ("MAX_LISTED", l::MAX_LISTED.into()),
        ("MAX_INBOX", l::MAX_INBOX as u64),
    ];
    let times = [
        ("OPAQUE_REPLY_TERM", l::OPAQUE_REPLY_TERM),
        ("DEFAULT_DEADLINE", l::DEFAULT_DEADLINE),
        ("MAX_DEADLINE", l::MAX_DEADLINE),
    ];
    let size = |size: fogline_core::model::Bytes| match size.0 {
        mib if mib % (1 << 20) == 0 => format!("{} MiB", mib >> 20),
        kib => format!("{} KiB", kib >> 10),
    };
    let rows = sizes.map(|(name, of)| (name, size(of))).into_iter();
    let rows = rows.chain(counts.map(|(name, count)| (name, count.to_string())));
    let rows: Vec<_> = rows
        .chain(times.map(|(name, time)| (name, format!("{} s", time.as_secs()))))
        .collect();
    for (name, value) in &rows {
        let row = format!("| {value} | `{name}` |");
        assert!(page.lines().any(|line| line.ends_with(&row)), "{row}");
    }
    let source = include_str!("../../../core/src/model/limits.rs");
    let defined = source
        .lines()
        .filter_map(|line| line.strip_prefix("pub const ")?.split(':').next());
    for name in defined {
        assert!(
            rows.iter().any(|(listed, _)| *listed == name),
            "{name} is not looked for"
        );
    }
}

#[test]
fn an_ellipsis_stands_for_anything_and_nothing_else_does() {
    for same in ["a…c", "a…", "…c", "abcc", "a…b…c", "…", "a…c…c"] {
        assert!(is_as_shown(same, "abcc"), "{same}");
    }
    for other in ["a…d", "ab", "b…", "a…b", "a…c…b…c", "abcc…c"] {
        assert!(!is_as_shown(other, "abcc"), "{other}");
    }
}
