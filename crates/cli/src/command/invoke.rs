//! `fogline invoke`.

use clap::ValueEnum;
use data_encoding::BASE64;
use fogline_client::{Error, Reply};
use fogline_core::model::{AppName, ExecutionModel, FunctionName, NodeName, SessionId};
use fogline_protocol::api::App;
use fogline_protocol::problem::Kind;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::{self, Format};
use crate::remote::{Address, InputOption, Last, Network};

/// The arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The application
    app: AppName,
    /// One of its functions; without it, the workflow is run
    function: Option<FunctionName>,
    #[command(flatten)]
    input: InputOption,
    /// The session; else that of the last invocation of this application, else a new one
    #[arg(short, long, value_name = "SESSION")]
    session: Option<SessionId>,
    /// Create a session
    #[arg(long, conflicts_with = "session")]
    new_session: bool,
    /// Create it under this model instead of the manifest's: external, in-edge, in-function or in-client
    #[arg(long, value_name = "MODEL", requires = "new_session")]
    model: Option<ExecutionModel>,
    /// Who runs the workflow
    #[arg(
        long,
        value_enum,
        value_name = "WHO",
        default_value_t,
        conflicts_with = "function"
    )]
    run_by: Who,
    #[command(flatten)]
    network: Address,
    /// How the output is printed: as it is, or with all that is known of the invocation
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Who runs a workflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Who {
    /// The node that is asked
    #[default]
    Node,
    /// Its steps: each sends its output on to the next, wherever that runs
    Hops,
    /// This command, as in the paper's Figure 3: each step is an invocation of its own
    Client,
}

/// What is known of an invocation.
#[derive(Default, Serialize)]
struct Invoked {
    app: Option<AppName>,
    session: Option<SessionId>,
    function: Option<FunctionName>,
    run: Option<String>,
    node: Option<NodeName>,
    model: Option<ExecutionModel>,
    seen: Option<String>,
    replayed: bool,
    attempts: Option<u32>,
    execution_us: Option<u128>,
    /// The output, if it is text.
    output: Option<String>,
    /// The output.
    output_base64: String,
    #[serde(skip)]
    bytes: Vec<u8>,
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let input = args.input.read()?;
    let network = args.network.connect()?;
    let app = network.wait(network.client.app(&args.app))?;
    let mut invoked = if args.is_stateless(&app) {
        let function = args
            .function
            .as_ref()
            .unwrap_or_else(|| unreachable!("a workflow has a session"));
        of(network.wait(network.client.invoke_stateless(&app.name, function, input))?)
    } else {
        in_session(args, &network, &app, input)?
    };
    invoked.app = Some(app.name);
    invoked.function = args.function.clone();
    match args.output {
        Format::Text => output::value(&invoked.bytes),
        Format::Json => {
            invoked.output = String::from_utf8(invoked.bytes.clone()).ok();
            invoked.output_base64 = BASE64.encode(&invoked.bytes);
            output::json(&invoked)
        }
    }
}

impl Args {
    fn is_stateless(&self, app: &App) -> bool {
        let named = app
            .functions
            .iter()
            .find(|function| Some(&function.name) == self.function.as_ref());
        let declares_none = named.is_some_and(|named| named.reads.is_empty() && named.writes.is_empty());
        declares_none && self.session.is_none() && !self.new_session
    }
}

fn in_session(args: &Args, network: &Network, app: &App, input: Vec<u8>) -> Result<Invoked, Failure> {
    let remembered = match (&args.session, args.new_session) {
        (None, false) => Last::read(&network.folder, &app.name, &network.name),
        _ => None,
    };
    if let Some(session) = &remembered {
        output::note(&format!("session {session}"));
        match attempt(args, network, app, session, input.clone()) {
            Err(Attempt::Gone) => {
                output::note("it is gone: it was deleted, has expired, or its network has ended")
            }
            Err(Attempt::Failed(failure)) => return Err(failure),
            Ok(invoked) => return Ok(invoked),
        }
    }
    let session = match &args.session {
        Some(session) => session.clone(),
        None => {
            let created = network.wait(network.client.create_session(&app.name, args.model))?;
            output::note(&format!(
                "session {} (new, {})",
                created.session,
                super::describe::place(&created)
            ));
            created.session
        }
    };
    let last = Last {
        network: network.name.clone(),
        session: session.clone(),
    };
    let remember = || last.write(&network.folder, &app.name);
    // Also if nobody waits for what comes of it.
    if args.session.is_none() {
        remember()?;
    }
    match attempt(args, network, app, &session, input) {
        Ok(invoked) => {
            // What the function has given is worth more than what to do next.
            if let Err(failure) = remember() {
                output::error(&failure);
            }
            Ok(invoked)
        }
        Err(Attempt::Failed(failure)) => Err(failure),
        Err(Attempt::Gone) => Err(Failure::Remote {
            problem: format!(
                "there is no session {session} of {}, or no such function",
                app.name
            ),
            hint: "leave --session out, or list them with `fogline get sessions`".to_owned(),
            exit_code: 2,
        }),
    }
}

/// Why an invocation in a session failed.
enum Attempt {
    /// There is no such session any more.
    Gone,
    /// Otherwise.
    Failed(Failure),
}

impl From<Error> for Attempt {
    fn from(error: Error) -> Self {
        match &error {
            Error::Problem { problem } if matches!(problem.kind, Kind::Gone | Kind::NotFound) => Self::Gone,
            _ => Self::Failed(error.into()),
        }
    }
}

fn attempt(
    args: &Args,
    network: &Network,
    app: &App,
    session: &SessionId,
    input: Vec<u8>,
) -> Result<Invoked, Attempt> {
    // A function that does not exist must not look like a session that does not.
    let known = |name: &FunctionName| app.functions.iter().any(|function| function.name == *name);
    if let Some(name) = args.function.as_ref().filter(|name| !known(name)) {
        let names: Vec<_> = app
            .functions
            .iter()
            .map(|function| function.name.as_str())
            .collect();
        return Err(Attempt::Failed(Failure::Remote {
            problem: format!("application {} has no function {name}", app.name),
            hint: format!("its functions are {}", names.join(", ")),
            exit_code: 2,
        }));
    }
    let client = &network.client;
    let work = async {
        finish_earlier(network, app, session).await?;
        let mut invoked = match (&args.function, args.run_by) {
            (Some(function), _) => of(client.invoke(&app.name, session, function, input).await?),
            (None, Who::Node) => of(client.run(&app.name, session, input).await?),
            (None, Who::Hops) => of(client.run_by_hops(&app.name, session, input).await?),
            (None, Who::Client) => {
                let reply = client.run_workflow(app, session, input).await?;
                Invoked {
                    run: Some(reply.run.to_string()),
                    bytes: reply.output.to_vec(),
                    ..Invoked::default()
                }
            }
        };
        invoked.session = Some(session.clone());
        Ok::<_, Error>(invoked)
    };
    Ok(network.wait_for(work)?)
}

/// Requests that an earlier command sent, and did not live to see answered, come first: their answers may hold states.
async fn finish_earlier(network: &Network, app: &App, session: &SessionId) -> Result<(), Error> {
    let client = &network.client;
    for request in client.pending(&app.name, session).await? {
        let (number, target) = (request.number, request.target);
        let said = match client.resume(&app.name, session, number).await {
            Ok(reply) => answered(&reply.output),
            Err(Error::Problem { problem }) => format!("was refused: {}", problem.title),
            Err(error) => return Err(error),
        };
        output::note(&format!(
            "request {number} ({target}), which was interrupted, {said}"
        ));
    }
    for run in client.pending_workflows(&app.name, session).await? {
        let said = match client.resume_workflow(&app.name, session, run).await {
            Ok(reply) => answered(&reply.output),
            Err(Error::Problem { problem }) => format!("failed: {problem}"),
            Err(error) => return Err(error),
        };
        output::note(&format!("run {run}, which was interrupted, {said}"));
    }
    Ok(())
}

fn answered(output: &[u8]) -> String {
    const SHOWN: usize = 200;
    match std::str::from_utf8(output) {
        Ok(text) if text.len() <= SHOWN => format!("gave {text:?}"),
        _ => format!("gave {} bytes", output.len()),
    }
}

fn of(reply: Reply) -> Invoked {
    Invoked {
        run: reply.run.map(|run| run.to_string()),
        node: reply.node,
        model: reply.model,
        seen: reply.seen.map(|seen| seen.to_string()),
        replayed: reply.replayed,
        attempts: Some(reply.attempts),
        execution_us: reply.execution.map(|time| time.as_micros()),
        bytes: reply.output.to_vec(),
        ..Invoked::default()
    }
}
