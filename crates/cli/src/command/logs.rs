//! `fogline logs`.

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use fogline_core::model::AppName;
use fogline_protocol::api::Logs;

use crate::failure::Failure;
use crate::output::{self, Format};
use crate::remote::Address;

/// The arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The application
    app: AppName,
    /// Only lines behind this one: what an earlier answer calls `next`
    #[arg(long, value_name = "N", default_value_t = 0)]
    after: u64,
    #[command(flatten)]
    network: Address,
    /// How they are printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let network = args.network.connect()?;
    let logs = network.wait(network.client.logs(&args.app, args.after))?;
    match args.output {
        Format::Json => output::json(&logs),
        Format::Text => output::data(&text(&logs)),
    }
}

fn text(logs: &Logs) -> String {
    let mut text = String::new();
    for line in &logs.lines {
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
