//! `fogline get`.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Subcommand;
use fogline_core::model::AppName;
use fogline_protocol::api::{App, Apps, NodeInfo, NodeTelemetry, Presence, Quota, Session, Sessions, Share};

use crate::failure::Failure;
use crate::output::{self, Format};
use crate::remote::{Address, table};

/// Sessions that are asked for at once.
const PAGE: u32 = 500;

/// The arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// The applications
    Apps {
        #[command(flatten)]
        network: Address,
        /// How they are printed
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
    },
    /// The nodes of the network, as the one that is asked sees them
    Nodes {
        #[command(flatten)]
        network: Address,
        /// How they are printed
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
    },
    /// What the tenant may use of each node that answers, and uses
    Quotas {
        #[command(flatten)]
        network: Address,
        /// How they are printed
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
    },
    /// The sessions of an application that the nodes and the cloud know of
    Sessions {
        /// The application
        app: AppName,
        #[command(flatten)]
        network: Address,
        /// How they are printed
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
    },
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    match &args.what {
        What::Apps { network, output } => apps(network, *output),
        What::Nodes { network, output } => nodes(network, *output),
        What::Quotas { network, output } => quotas(network, *output),
        What::Sessions { app, network, output } => sessions(app, network, *output),
    }
}

fn apps(network: &Address, format: Format) -> Result<(), Failure> {
    let network = network.connect()?;
    let apps = network.wait(network.client.list_apps())?;
    match format {
        Format::Json => output::json(&Apps { apps }),
        Format::Text => {
            let row = |app: &App| {
                let functions: Vec<_> = app
                    .functions
                    .iter()
                    .map(|function| function.name.as_str())
                    .collect();
                let digest: String = app.digest.chars().take(12).collect();
                [
                    app.name.to_string(),
                    app.version.clone(),
                    app.model.to_string(),
                    digest,
                    functions.join(" "),
                ]
            };
            let rows: Vec<_> = apps.iter().map(row).collect();
            output::data(&table(["name", "version", "model", "digest", "functions"], &rows))
        }
    }
}

fn nodes(network: &Address, format: Format) -> Result<(), Failure> {
    let network = network.connect()?;
    let nodes = network.wait(network.client.nodes())?;
    match format {
        Format::Json => output::json(&nodes),
        Format::Text => {
            let titles = [
                "node", "presence", "runs", "waits", "slots", "busy", "rtt", "http", "can",
            ];
            let rows: Vec<_> = nodes.nodes.iter().map(node).collect();
            output::data(&table(titles, &rows))
        }
    }
}

fn node(node: &NodeInfo) -> [String; 9] {
    let unknown = || "-".to_owned();
    let told = |tell: &dyn Fn(&NodeTelemetry) -> String| node.telemetry.as_ref().map_or_else(unknown, tell);
    let presence = match (node.presence, &node.telemetry) {
        (Presence::Alive, Some(telemetry)) if telemetry.draining => "draining",
        (Presence::Alive, _) => "alive",
        (Presence::Silent, _) => "silent",
        (Presence::Left, _) => "left",
        (Presence::Listed, _) => "listed",
    };
    [
        node.name.to_string(),
        presence.to_owned(),
        told(&|it| it.running.to_string()),
        told(&|it| it.queued.to_string()),
        told(&|it| it.slots.to_string()),
        told(&|it| format!("{} %", it.busy_permille / 10)),
        node.rtt_us
            .map_or_else(unknown, |micros| format!("{:?}", Duration::from_micros(micros))),
        node.http.map_or_else(unknown, |http| http.to_string()),
        told(&|it| {
            let functions = it.functions.then_some("functions");
            let issuer = it.issuer.then_some("certificates");
            let own = it.capabilities.iter().map(String::as_str);
            Vec::from_iter(functions.into_iter().chain(issuer).chain(own)).join(" ")
        }),
    ]
}

fn quotas(network: &Address, format: Format) -> Result<(), Failure> {
    let network = network.connect()?;
    let (quotas, _) = network.ask_each(async |client, _| client.quota().await)?;
    let quotas: Vec<_> = quotas.into_values().collect();
    match format {
        Format::Json => output::json(&quotas),
        Format::Text => {
            let rows: Vec<_> = quotas.iter().map(quota).collect();
            let titles = ["node", "tenant", "sessions", "bytes", "requests now", "a second"];
            output::data(&table(titles, &rows))
        }
    }
}

/// `-` where there is no bound.
fn quota(quota: &Quota) -> [String; 6] {
    let unbounded = || "-".to_owned();
    let share =
        |share: Option<Share>| share.map_or_else(unbounded, |it| format!("{} of {}", it.used, it.most));
    let requests = quota.requests;
    [
        quota.node.to_string(),
        quota.tenant.to_string(),
        share(quota.sessions),
        share(quota.bytes),
        requests.map_or_else(unbounded, |it| format!("{} of {}", it.left, it.burst)),
        requests.map_or_else(unbounded, |it| it.per_second.to_string()),
    ]
}

fn sessions(app: &AppName, network: &Address, format: Format) -> Result<(), Failure> {
    let network = network.connect()?;
    let mut sessions: Vec<Session> = Vec::new();
    let mut unreachable = BTreeSet::new();
    let mut after = None;
    loop {
        let page = network.wait(network.client.sessions(app, after.as_ref(), PAGE))?;
        sessions.extend(page.sessions);
        unreachable.extend(page.unreachable);
        match page.next {
            // Each page begins behind the one before: a node that says otherwise is not asked for ever.
            Some(next) if after.as_ref().is_none_or(|after| *after < next) => after = Some(next),
            _ => break,
        }
    }
    if !unreachable.is_empty() {
        let names = Vec::from_iter(unreachable.iter().map(String::as_str)).join(", ");
        output::note(&format!(
            "no answer from {names}: sessions that are only there are not listed"
        ));
    }
    match format {
        Format::Json => output::json(&Sessions {
            sessions,
            next: None,
            unreachable: unreachable.into_iter().collect(),
        }),
        Format::Text => {
            let rows: Vec<_> = sessions.iter().flat_map(rows).collect();
            output::data(&table(["session", "model", "node", "version", "states"], &rows))
        }
    }
}

/// A row for each part.
fn rows(session: &Session) -> Vec<[String; 5]> {
    let row = |part: &fogline_protocol::api::SessionPart| {
        let node = part
            .node
            .as_ref()
            .map_or_else(|| "-".to_owned(), ToString::to_string);
        let version = format!("{}.{}", part.epoch, part.version);
        [
            session.session.to_string(),
            part.model.to_string(),
            node,
            version,
            part.states.len().to_string(),
        ]
    };
    session.parts.iter().map(row).collect()
}
