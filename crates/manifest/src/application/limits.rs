//! What an invocation of a function may use.

use std::time::Duration;

use fogline_core::application::{FunctionLimits, RuntimeKind};
use fogline_core::model::limits::{MAX_DEADLINE, MAX_OUTPUT};
use fogline_core::model::{BadInput, Bytes};

use super::file::LimitsSection;
use crate::amount::{Size, Time};
use crate::bounds::Bounds;
use crate::source::Source;

/// The least memory of a worker: one page of WebAssembly.
const LEAST_MEMORY: Size = Size(Bytes(64 << 10));
/// The most memory that a component can address: its pointers have 32 bits.
const MOST_MEMORY: Size = Size(Bytes(4 << 30));
/// The shortest time that a node can tell from none: it looks at running functions every few milliseconds.
const LEAST_TIME: Time = Time(Duration::from_millis(1));

/// The limits, checked.
pub(super) fn limits(
    source: &Source,
    runtime: &RuntimeKind,
    section: LimitsSection,
) -> Result<FunctionLimits, BadInput> {
    let is_component = matches!(runtime, RuntimeKind::Component(_));
    if let Some(fuel) = section.fuel.as_ref().filter(|_| !is_component) {
        let problem = "the instructions of a process are not counted";
        let hint = "leave fuel out; the limit of time holds for processes too";
        return Err(source.fault(fuel.span().start, problem, hint));
    }
    let memories = Bounds {
        least: LEAST_MEMORY,
        most: is_component.then_some(MOST_MEMORY),
    };
    let times = Bounds {
        least: LEAST_TIME,
        most: Some(Time(MAX_DEADLINE)),
    };
    let outputs = Bounds {
        least: Size(Bytes::ZERO),
        most: Some(Size(MAX_OUTPUT)),
    };
    let fuels = Bounds { least: 1, most: None };
    let workers = Bounds { least: 1, most: None };

    let memory = memories.check(source, "memory", section.memory)?;
    let time = times.check(source, "time", section.time)?;
    let fuel = fuels.check(source, "fuel", section.fuel)?;
    let concurrency = workers.check(source, "concurrency", section.concurrency)?;
    let output = outputs.check(source, "output", section.output)?;
    let usual = FunctionLimits::default();
    Ok(FunctionLimits {
        memory: memory.map_or(usual.memory, |memory| memory.0),
        time: time.map_or(usual.time, |time| time.0),
        fuel,
        concurrency: concurrency.unwrap_or(usual.concurrency),
        output: output.map_or(usual.output, |output| output.0),
    })
}
