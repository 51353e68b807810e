//! `fogline logs`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use fogline_core::model::{AppName, NodeName};
use fogline_protocol::api::{LogLine, Logs};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::{self, Format};
use crate::remote::Address;

/// The arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The application
    app: AppName,
    /// Of this node only lines behind this one: what an earlier answer calls `next`
    #[arg(long, value_name = "NODE=N", value_delimiter = ',', value_parser = behind)]
    after: Vec<(NodeName, u64)>,
    #[command(flatten)]
    network: Address,
    /// How they are printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// The lines that all nodes have of an application.
#[derive(Serialize)]
struct Gathered {
    /// In the order in which their invocations were admitted, by the clocks of the nodes.
    lines: Vec<LogLine>,
    /// Each node counts its own.
    next: BTreeMap<NodeName, u64>,
    unreachable: Vec<NodeName>,
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let network = args.network.connect()?;
    let after: BTreeMap<_, _> = args.after.iter().cloned().collect();
    let (logs, unreachable) = network.ask_each(async |client, node| {
        let after = after.get(node).copied().unwrap_or(0);
        client.logs(&args.app, after).await
    })?;
    let gathered = gather(after, logs, unreachable);
    match args.output {
        Format::Json => output::json(&gathered),
        Format::Text => output::data(&text(&gathered.lines)),
    }
}

fn behind(text: &str) -> Result<(NodeName, u64), String> {
    let (node, number) = text.split_once('=').ok_or("say NODE=N")?;
    let node = node.parse().map_err(|error| format!("{node}: {error}"))?;
    let number = number.parse().map_err(|error| format!("{number}: {error}"))?;
    Ok((node, number))
}

/// Of nodes that did not answer, the next line is the one that it was before.
fn gather(
    after: BTreeMap<NodeName, u64>,
    logs: BTreeMap<NodeName, Logs>,
    unreachable: Vec<NodeName>,
) -> Gathered {
    let (mut lines, mut next) = (Vec::new(), after);
    for (node, logs) in logs {
        lines.extend(logs.lines);
        next.insert(node, logs.next);
    }
    // Stable: lines of one invocation stay as they were written.
    lines.sort_by_key(|line| line.at_unix_ms);
    Gathered {
        lines,
        next,
        unreachable,
    }
}

fn text(lines: &[LogLine]) -> String {
    let mut text = String::new();
    for line in lines {
        let at = UNIX_EPOCH + Duration::from_millis(line.at_unix_ms.0);
        let _ = writeln!(
            text,
            "{} {:5} {} {} {}",
            humantime::format_rfc3339_millis(at),
            line.level,
            line.node,
            line.function,
            line.message.escape_debug()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use fogline_core::model::{NodeName, Timestamp};
    use fogline_protocol::api::{LogLine, Logs};

    use super::{behind, gather};

    fn node(name: &str) -> NodeName {
        name.parse().unwrap()
    }

    fn line(of: &str, at: u64, message: &str) -> LogLine {
        LogLine {
            at_unix_ms: Timestamp(at),
            node: node(of),
            function: "f".parse().unwrap(),
            invocation: String::new(),
            level: "info".to_owned(),
            message: message.to_owned(),
        }
    }

    #[test]
    fn lines_of_several_nodes_stand_by_their_times_and_each_node_goes_on_where_it_was() {
        let (a, b, gone) = (node("a"), node("b"), node("gone"));
        let of_a = [
            line("a", 1, "first"),
            line("a", 5, "third"),
            line("a", 5, "fourth"),
        ];
        let logs = |lines: &[LogLine], next| Logs {
            lines: lines.to_vec(),
            next,
        };
        let answers = BTreeMap::from([
            (a.clone(), logs(&of_a, 30)),
            (b.clone(), logs(&[line("b", 3, "second")], 7)),
        ]);
        let after = BTreeMap::from([(a.clone(), 27), (gone.clone(), 9)]);
        let gathered = gather(after, answers, vec![gone.clone()]);
        let messages: Vec<_> = gathered.lines.iter().map(|line| &*line.message).collect();
        assert_eq!(messages, ["first", "second", "third", "fourth"]);
        assert_eq!(
            gathered.next,
            BTreeMap::from([(a, 30), (b, 7), (gone.clone(), 9)])
        );
        assert_eq!(gathered.unreachable, [gone]);
    }

    #[test]
    fn a_line_is_named_with_its_node() {
        assert_eq!(behind("edge-1=17"), Ok((node("edge-1"), 17)));
        for bad in ["17", "edge-1=", "=1", "edge-1=x"] {
            assert!(behind(bad).is_err(), "{bad}");
        }
    }
}
