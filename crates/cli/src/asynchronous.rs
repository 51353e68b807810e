//! Commands that wait for the network.

use std::future::Future;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::failure::Failure;
use crate::{logging, output};

/// Does something on all cores, with a log.
pub(crate) fn run(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    logging::start();
    raise_descriptors();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|source| Failure::System {
        doing: "starting threads".to_owned(),
        hint: "raise the limit of threads".to_owned(),
        source,
    })?;
    runtime.block_on(work)
}

/// Lets the process have as many files and connections as the system allows it: what it is given at first, often 1,024,
/// is for programs that cannot count further.
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, most) {
        output::note(&format!("the limit of open files stays as it is: {error}"));
    }
}

/// Waits for Ctrl-C or the signal by which services are stopped.
pub(crate) async fn interrupted() -> Result<(), Failure> {
    let failed = |source| Failure::System {
        doing: "waiting for the interrupt".to_owned(),
        hint: "run it in a terminal, or as a service".to_owned(),
        source,
    };
    let mut terminated =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).map_err(failed)?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(failed),
        _ = terminated.recv() => Ok(()),
    }
}
