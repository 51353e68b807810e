//! `fogline explain`.

use std::fmt::Write as _;

use fogline_core::model::{AppName, Bytes, FunctionName, SessionId};
use fogline_protocol::api::{Because, Candidate, Explanation};

use crate::failure::Failure;
use crate::output::{self, Format};
use crate::remote::{Address, InputOption, table};

/// The arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The application
    app: AppName,
    /// One of its functions
    function: FunctionName,
    /// The session; none for a function that declares no state
    session: Option<SessionId>,
    #[command(flatten)]
    input: InputOption,
    #[command(flatten)]
    network: Address,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let input = args.input.read()?;
    let network = args.network.connect()?;
    let explaining = network
        .client
        .explain(&args.app, args.session.as_ref(), &args.function, input);
    let explained = network.wait(explaining)?;
    match args.output {
        Format::Json => output::json(&explained),
        Format::Text => output::data(&text(&explained)),
    }
}

/// An explanation, for people.
fn text(explained: &Explanation) -> String {
    let mut text = String::new();
    let chosen = explained.chosen.as_ref();
    let choice = chosen.map_or("no node can execute it".to_owned(), |node| {
        format!("{node} executes it")
    });
    let because = match explained.because {
        Because::Policy => format!("by {}", explained.policy),
        Because::Owner => "because the states are in its memory".to_owned(),
        Because::OnlyNode => "because no other node runs functions".to_owned(),
    };
    let _ = writeln!(text, "{choice}, {because}, as {} sees it", explained.node);
    let _ = writeln!(text, "input   {}", Bytes(explained.input_bytes));
    if let Some(model) = explained.model {
        let home = explained.home.as_ref();
        let home = home.map_or(String::new(), |node| format!(" at {node}"));
        let states: Vec<String> = explained
            .states
            .iter()
            .map(|state| format!(", {} {}", state.name, Bytes(state.bytes)))
            .collect();
        let _ = writeln!(text, "states  {model}{home}{}", states.concat());
    }
    let rows: Vec<[String; 8]> = explained
        .candidates
        .iter()
        .map(|candidate| row(candidate, chosen == Some(&candidate.node)))
        .collect();
    text.push('\n');
    text.push_str(&table(
        [
            "node",
            "score",
            "queue",
            "processing",
            "arguments",
            "results",
            "states",
            "",
        ],
        &rows,
    ));
    text
}

fn row(of: &Candidate, is_chosen: bool) -> [String; 8] {
    let note = match (&of.excluded, is_chosen) {
        (Some(why), _) => why.clone(),
        (None, true) => "chosen".to_owned(),
        (None, false) => String::new(),
    };
    [
        of.node.to_string(),
        of.score_seconds.map_or("-".to_owned(), |score| score.to_string()),
        of.queue_seconds.to_string(),
        of.processing_seconds.to_string(),
        of.arguments_seconds.to_string(),
        of.results_seconds.to_string(),
        of.states_seconds.to_string(),
        note,
    ]
}

#[cfg(test)]
mod tests {
    use fogline_core::model::Seconds;
    use fogline_core::policy::Placement;
    use fogline_protocol::api::StateSize;

    use super::*;

    fn candidate(node: &str, ms: [f64; 5], excluded: Option<&str>) -> Candidate {
        let [queue, processing, arguments, results, states] = ms.map(Seconds::from_millis);
        let score = queue + processing + arguments + results + states;
        Candidate {
            node: node.parse().unwrap(),
            score_seconds: excluded.is_none().then_some(score),
            queue_seconds: queue,
            processing_seconds: processing,
            arguments_seconds: arguments,
            results_seconds: results,
            states_seconds: states,
            heard_seconds_ago: None,
            excluded: excluded.map(str::to_owned),
        }
    }

    #[test]
    fn the_choice_stands_first_and_every_term_under_it() {
        let explained = Explanation {
            node: "one".parse().unwrap(),
            policy: Placement::LoadNet,
            model: Some("in-edge".parse().unwrap()),
            home: Some("two".parse().unwrap()),
            input_bytes: 20_000,
            states: vec![StateSize {
                name: "s".parse().unwrap(),
                bytes: 40_000,
            }],
            because: Because::Policy,
            chosen: Some("two".parse().unwrap()),
            candidates: vec![
                candidate("one", [0.0, 2.0, 0.0, 0.0, 10.0], Some("lacks gpu")),
                candidate("two", [0.5, 1.0, 1.0, 0.5, 3.0], None),
            ],
        };
        let text = text(&explained);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "two executes it, by load-net, as one sees it");
        assert!(lines[2].starts_with("states  in-edge at two, s "), "{text}");
        assert!(
            lines[4].starts_with("NODE  SCORE     QUEUE     PROCESSING  ARGUMENTS"),
            "{text}"
        );
        assert!(
            lines[5].starts_with("one   -         0.000 ms  2.000 ms"),
            "{text}"
        );
        assert!(lines[5].ends_with("lacks gpu"), "{text}");
        assert!(
            lines[6].starts_with("two   6.000 ms  0.500 ms  1.000 ms"),
            "{text}"
        );
        assert!(lines[6].ends_with("chosen"), "{text}");
    }
}
