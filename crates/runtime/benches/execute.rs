//! What one execution of a component costs the host.
#![expect(clippy::unwrap_used, reason = "a benchmark fails where it stands")]

#[path = "../tests/support/component.rs"]
mod guests;
#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::sync::Arc;

use divan::Bencher;
use fogline_core::application::{Instance, RuntimeKind};
use fogline_core::model::{Birth, SessionId};
use fogline_runtime::component::{ComponentOptions, ComponentRuntime};
use fogline_runtime::{Call, Executor, KeepTag, WrittenBy};
use tokio::runtime::{Builder, Runtime};

fn main() {
    divan::main();
}

fn tokio() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn executor(tokio: &Runtime, pooling: bool, instance: Instance) -> (ComponentRuntime, Arc<dyn Executor>) {
    let runtime = ComponentRuntime::new(ComponentOptions {
        pooling,
        ..ComponentOptions::default()
    })
    .unwrap();
    let mut function = support::function(RuntimeKind::Component(String::new()));
    function.instance = instance;
    let guest = guests::guest();
    let prepared = support::prepare(&runtime, &function, &guest, Path::new(""));
    let executor = tokio.block_on(prepared).unwrap();
    (runtime, executor)
}

fn fresh(bencher: Bencher<'_, '_>, pooling: bool, call: &Call) {
    let tokio = tokio();
    let (_runtime, executor) = executor(&tokio, pooling, Instance::PerInvocation);
    bencher.bench_local(|| tokio.block_on(executor.execute(call.clone())).unwrap());
}

/// A worker for the call, from the pool: the echo of five bytes.
#[divan::bench]
fn fresh_echo(bencher: Bencher<'_, '_>) {
    fresh(bencher, true, &support::call("ehello", None));
}

/// The same without a pool.
#[divan::bench]
fn on_demand_echo(bencher: Bencher<'_, '_>) {
    fresh(bencher, false, &support::call("ehello", None));
}

/// A state of so many bytes: read, appended to, read again.
#[divan::bench(args = [100, 10_000, 1_000_000])]
fn fresh_append(bencher: Bencher<'_, '_>, size: usize) {
    fresh(bencher, true, &support::call("a!", Some(&"x".repeat(size))));
}

/// A worker that was kept for the session (R13).
#[divan::bench]
fn kept_count(bencher: Bencher<'_, '_>) {
    let tokio = tokio();
    let (_runtime, executor) = executor(&tokio, true, Instance::PerSession);
    let session = SessionId::mint("n".parse().unwrap(), vec![Birth::InFunction], [9; 16]).unwrap();
    let mut call = support::call("n", None);
    call.keep = Some(KeepTag {
        session: session.clone(),
        states: WrittenBy::new(),
    });
    bencher.bench_local(|| {
        let execution = tokio.block_on(executor.execute(call.clone())).unwrap();
        execution.worker.unwrap().keep(session.clone(), WrittenBy::new());
    });
}
