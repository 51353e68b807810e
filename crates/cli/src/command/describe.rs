//! `fogline describe`.

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use fogline_core::model::{AppName, Bytes, SessionId};
use fogline_protocol::api::{App, Session, SessionPart, StateInfo};

use crate::failure::Failure;
use crate::output::{self, Format};
use crate::remote::{Address, table};

/// The arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The application
    app: AppName,
    /// One of its sessions
    session: Option<SessionId>,
    #[command(flatten)]
    network: Address,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let network = args.network.connect()?;
    match &args.session {
        None => {
            let found = network.wait(network.client.app(&args.app))?;
            match args.output {
                Format::Json => output::json(&found),
                Format::Text => output::data(&app(&found)),
            }
        }
        Some(id) => {
            let found = network.wait(network.client.session(&args.app, id))?;
            match args.output {
                Format::Json => output::json(&found),
                Format::Text => output::data(&session(&found)),
            }
        }
    }
}

/// An application, for people.
pub(super) fn app(app: &App) -> String {
    let mut text = format!("{} {}\n", app.name, app.version);
    let _ = writeln!(text, "digest      {}", app.digest);
    let _ = writeln!(text, "model       {}", app.model);
    let _ = writeln!(text, "durability  {}", name(&app.durability));
    let _ = writeln!(text, "guard       {}", name(&app.guard));
    let states = app.states.iter().map(|state| {
        [
            state.name.to_string(),
            state.model.to_string(),
            state.schema.to_string(),
        ]
    });
    section(
        &mut text,
        &table(["state", "model", "schema"], &states.collect::<Vec<_>>()),
        app.states.len(),
    );
    let functions = app.functions.iter().map(|function| {
        [
            function.name.to_string(),
            list(&function.reads),
            list(&function.writes),
        ]
    });
    let functions: Vec<_> = functions.collect();
    section(
        &mut text,
        &table(["function", "reads", "writes"], &functions),
        functions.len(),
    );
    let steps = app.workflow.iter().map(|step| {
        [
            step.name.to_string(),
            step.function.to_string(),
            list(&step.after),
        ]
    });
    let steps: Vec<_> = steps.collect();
    section(
        &mut text,
        &table(["step", "function", "after"], &steps),
        steps.len(),
    );
    text
}

/// A session, for people.
pub(super) fn session(session: &Session) -> String {
    let mut text = format!("{}\n", session.session);
    for part in &session.parts {
        let _ = writeln!(text, "\nmodel    {}", part.model);
        if let Some(node) = &part.node {
            let _ = writeln!(text, "node     {node}");
        }
        let _ = writeln!(text, "epoch    {}\nversion  {}", part.epoch, part.version);
        if let Some(expires) = part.expires_unix_ms {
            let expires = UNIX_EPOCH + Duration::from_millis(expires.0);
            let _ = writeln!(text, "expires  {}", humantime::format_rfc3339_seconds(expires));
        }
        if part.separate_snapshot {
            text.push_str("functions under another model read a snapshot of its own\n");
        }
        section(&mut text, &states(&part.states), part.states.len());
    }
    text
}

/// States, for people.
pub(super) fn states(states: &[StateInfo]) -> String {
    let row = |state: &StateInfo| {
        let size = Bytes(state.bytes).to_string();
        [
            state.name.to_string(),
            size,
            state.schema.to_string(),
            state.version.to_string(),
        ]
    };
    table(
        ["state", "size", "schema", "version"],
        &states.iter().map(row).collect::<Vec<_>>(),
    )
}

/// Where a session is, in a word or two.
pub(super) fn place(session: &Session) -> String {
    let place = |part: &SessionPart| match &part.node {
        Some(node) => format!("{} at {node}", part.model),
        None => part.model.to_string(),
    };
    session.parts.iter().map(place).collect::<Vec<_>>().join(", ")
}

fn section(text: &mut String, table: &str, rows: usize) {
    if rows > 0 {
        text.push('\n');
        text.push_str(table);
    }
}

fn list(names: &[impl ToString]) -> String {
    match names {
        [] => "-".to_owned(),
        names => names
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" "),
    }
}

/// The name that an enum has in files.
fn name(value: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).ok();
    value
        .as_ref()
        .and_then(|value| value.as_str())
        .unwrap_or_default()
        .to_owned()
}
