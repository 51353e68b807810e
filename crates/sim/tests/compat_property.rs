//! The compat mode against StateSim written down plainly, on small networks that are full of ties.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

#[path = "support/slow.rs"]
mod slow;

use fogline_core::model::{BitRate, Bytes, Seconds};
use fogline_core::network::{Link, Network, NetworkBuilder, Node, VertexId, VertexKind};
use fogline_sim::compat::{AllocPolicy, ExecPolicy, Options, Prepared, Replicate, Scratch};
use fogline_workload::trace::{Trace, TraceJob, TraceTask};
use proptest::prelude::*;

const MODELS: [&str; 4] = ["server", "rpi3b+", "nuci5", "nvidia_jetson_tx2"];

/// A machine behind a link of its own, at one of the switches.
#[derive(Clone, Debug)]
struct Host {
    model: usize,
    memory: usize,
    capacity: usize,
    switch: usize,
}

/// A link or two between two switches.
#[derive(Clone, Debug)]
struct Uplink {
    to: usize,
    up: usize,
    down: usize,
    /// Whether another way leads to the first switch.
    second: Option<usize>,
}

fn host() -> impl Strategy<Value = Host> {
    (0..4usize, 0..3usize, 0..3usize, 0..6usize).prop_map(|(model, memory, capacity, switch)| Host {
        model,
        memory,
        capacity,
        switch,
    })
}

fn uplink() -> impl Strategy<Value = Uplink> {
    let second = prop::option::of(0..3usize);
    (0..6usize, 0..3usize, 0..3usize, second).prop_map(|(to, up, down, second)| Uplink {
        to,
        up,
        down,
        second,
    })
}

fn network(hosts: &[Host], uplinks: &[Uplink], memories: [u64; 3], capacities: [f64; 3]) -> Network {
    let mut builder = NetworkBuilder::new();
    let link = |builder: &mut NetworkBuilder, name: String, capacity: usize| {
        let rate = BitRate::from_mbps(capacities[capacity]);
        let kind = VertexKind::Link(Link {
            rate,
            kind: "node".to_owned(),
        });
        builder.add(name, kind).unwrap()
    };
    let both = |builder: &mut NetworkBuilder, a: VertexId, b: VertexId| {
        builder.connect(a, b, Seconds::ZERO).unwrap();
        builder.connect(b, a, Seconds::ZERO).unwrap();
    };
    let switches: Vec<VertexId> = (0..=uplinks.len())
        .map(|s| builder.add(format!("switch_{s}"), VertexKind::Switch).unwrap())
        .collect();
    // The first machine is a client, so that there is one.
    for (index, host) in hosts.iter().enumerate() {
        let model = if index == 0 { MODELS[1] } else { MODELS[host.model] };
        let node = Node {
            cpu_millis: 1000,
            memory: Bytes(memories[host.memory]),
            arch: "x86".to_owned(),
            kind: "sbc".to_owned(),
            model: model.to_owned(),
            worker: true,
            client: true,
            capabilities: Vec::new(),
        };
        let node = builder
            .add(format!("node_{index}"), VertexKind::Node(node))
            .unwrap();
        let link = link(&mut builder, format!("link_{index}"), host.capacity);
        both(&mut builder, node, link);
        both(&mut builder, link, switches[host.switch % switches.len()]);
    }
    for (index, uplink) in uplinks.iter().enumerate() {
        let (here, there) = (switches[index + 1], switches[uplink.to % (index + 1)]);
        let up = link(&mut builder, format!("up_{index}"), uplink.up);
        let down = link(&mut builder, format!("down_{index}"), uplink.down);
        builder.connect(here, up, Seconds::ZERO).unwrap();
        builder.connect(up, there, Seconds::ZERO).unwrap();
        builder.connect(there, down, Seconds::ZERO).unwrap();
        builder.connect(down, here, Seconds::ZERO).unwrap();
        if let Some(capacity) = uplink.second {
            let shared = link(&mut builder, format!("shared_{index}"), capacity);
            both(&mut builder, here, shared);
            both(&mut builder, shared, switches[0]);
        }
    }
    builder.build().unwrap()
}

/// Duration, CPU, memory, and the parents as bits of the tasks before.
fn task() -> impl Strategy<Value = (u32, u8, u8, u32)> {
    (0..50u32, 0..4u8, 0..6u8, any::<u32>())
}

fn trace(jobs: &[Vec<(u32, u8, u8, u32)>], reversed: bool) -> Trace {
    let job = |(index, tasks): (usize, &Vec<(u32, u8, u8, u32)>)| {
        let count = tasks.len() as u32;
        let task = |(place, &(duration, cpu, memory, bits)): (usize, &(u32, u8, u8, u32))| {
            let id = place as u32 + 1;
            // Parents with lower or with higher ids, so that there is no cycle.
            let others = if reversed {
                id + 1..=count
            } else {
                1..=id.saturating_sub(1)
            };
            TraceTask {
                id,
                parents: others.filter(|other| bits >> (other % 32) & 1 == 1).collect(),
                duration: Seconds(f64::from(duration)),
                cpu: Some(f64::from(cpu) * 50.0),
                memory: Some(f64::from(memory) * 0.07),
                instances: 1,
            }
        };
        TraceJob {
            name: format!("j_{index}"),
            arrival: Seconds::ZERO,
            tasks: tasks.iter().enumerate().map(task).collect(),
            independent: 0,
        }
    };
    Trace {
        jobs: jobs.iter().enumerate().map(job).collect(),
        ..Trace::default()
    }
}

fn options() -> impl Strategy<Value = Options> {
    let factor = || prop::sample::select(vec![0.0, 1e-3, 1.0, 37.5, 1e3, 1e6]);
    let cloud = (
        prop::sample::select(vec![1.0, 50.0, 0.3]),
        prop::sample::select(vec![0.0, 0.06, 1.0]),
    );
    (1..25u64, factor(), factor(), factor(), cloud).prop_map(
        |(functions, operations_factor, argument_factor, state_factor, (cloud_rate, cloud_latency))| {
            Options {
                functions,
                operations_factor,
                argument_factor,
                state_factor,
                cloud_rate,
                cloud_latency,
            }
        },
    )
}

fn memories() -> impl Strategy<Value = [u64; 3]> {
    prop::sample::select(vec![
        [188_000_000_000, 17_179_869_184, 1_023_012_864],
        [1000, 2000, 3000],
        [1, 1 << 20, 1 << 60],
    ])
}

fn capacities() -> impl Strategy<Value = [f64; 3]> {
    prop::sample::select(vec![
        [1000.0, 300.0, 50.0],
        [1.0, 2.0, 4.0],
        [0.1, 1e6, 3.3],
        [7.0, 7.0, 7.0],
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_bit_is_as_in_the_plain_version(
        hosts in prop::collection::vec(host(), 1..14),
        uplinks in prop::collection::vec(uplink(), 0..5),
        (memories, capacities, options) in (memories(), capacities(), options()),
        jobs in prop::collection::vec(prop::collection::vec(task(), 1..9), 1..40),
        reversed in any::<bool>(),
        (seed, count) in (any::<u64>(), 1..60u32),
    ) {
        let network = network(&hosts, &uplinks, memories, capacities);
        let trace = trace(&jobs, reversed);
        let Ok(prepared) = Prepared::new(&network, &trace, &options) else {
            // The only thing wrong with such a case is that no job has a state.
            prop_assert!(slow::pool_is_empty(&trace));
            return Ok(());
        };
        let plain = slow::StateSim::new(&network, &trace, &options).run(seed, count);
        let replicate = prepared.replicate(seed, count, &AllocPolicy::ALL, &ExecPolicy::ALL);
        prop_assert_eq!(replicate.runs.len(), plain.len());
        for run in &replicate.runs {
            let (samples, loads) = &plain[&(run.alloc, run.exec)];
            prop_assert_eq!(replicate.loads_of(run.alloc), loads, "{} {}", run.alloc, run.exec);
            prop_assert_eq!(run.samples.len(), samples.len());
            for (fast, slow) in run.samples.iter().zip(samples) {
                let bits = |a: f64, b: f64| (a.to_bits(), b.to_bits());
                prop_assert_eq!(
                    (bits(fast.processing, fast.network), fast.data, fast.chain),
                    (bits(slow.processing, slow.network), slow.data, slow.chain),
                    "{} {}", run.alloc, run.exec
                );
            }
        }
    }

    #[test]
    fn what_was_run_before_makes_no_difference(
        hosts in prop::collection::vec(host(), 1..8),
        jobs in prop::collection::vec(prop::collection::vec(task(), 1..6), 20..30),
        runs in prop::collection::vec((any::<u64>(), 1..60u32, any::<bool>()), 1..5),
    ) {
        let network = network(&hosts, &[], [1000, 2000, 3000], [7.0, 8.0, 9.0]);
        let Ok(prepared) = Prepared::new(&network, &trace(&jobs, false), &Options::paper()) else {
            return Ok(());
        };
        let (mut scratch, mut used) = (Scratch::default(), Replicate::default());
        for (seed, count, all) in runs {
            let allocs = if all { &AllocPolicy::ALL[..] } else { &AllocPolicy::ALL[1..] };
            let execs = if all { &ExecPolicy::ALL[..] } else { &ExecPolicy::PAPER[1..3] };
            prepared.replicate_into(seed, count, allocs, execs, &mut scratch, &mut used);
            let fresh = prepared.replicate(seed, count, allocs, execs);
            prop_assert_eq!((&used.runs, &used.loads), (&fresh.runs, &fresh.loads));
            prop_assert_eq!((used.pool_jobs(), used.clients()), (fresh.pool_jobs(), fresh.clients()));
        }
    }
}
