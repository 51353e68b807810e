//! A wasmtime engine with what belongs to it.

use wasmtime::component::Linker;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::host::Host;
use super::interface;
use super::memory::{MAX_PARTS, MAX_TABLE_ELEMENTS};
use super::options::ComponentOptions;
use super::ticker::Ticker;

/// Memory of a worker that stays resident when its slot is free, and is cleared by the processor instead of the
/// kernel: measured best between 16 and 64 kB; 1 MB is slower.
const KEEP_RESIDENT: usize = 64 << 10;
/// The same of a worker's table: without it each worker costs a call of the kernel and a page fault for every table.
const KEEP_TABLE: usize = 4 << 10;
/// Core instances and tables of the pool for each worker: what `wit-component` makes of a module with imports.
const PARTS_PER_WORKER: u32 = 3;

/// Where the memory of workers comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocator {
    /// A pool for so many workers at once, whose address space was reserved at the start.
    Pool(u32),
    /// The operating system, for each worker anew.
    OnDemand,
}

/// An engine, what it offers to guests, and its clock.
pub(super) struct Machine {
    pub(super) engine: Engine,
    pub(super) linker: Linker<Host>,
    pub(super) ticker: Ticker,
    pub(super) allocator: Allocator,
}

impl Machine {
    /// Makes one; `metered` counts fuel, which makes guests slower.
    ///
    /// # Errors
    /// When the processor or the operating system lacks what wasmtime needs.
    pub(super) fn new(options: &ComponentOptions, metered: bool) -> wasmtime::Result<Self> {
        let (engine, allocator) = probe(options, metered)?;
        let mut linker = Linker::new(&engine);
        interface::link(&mut linker)?;
        let ticker = Ticker::start(&engine)?;
        tracing::info!(?allocator, metered, "ready to execute components");
        Ok(Self {
            engine,
            linker,
            ticker,
            allocator,
        })
    }
}

/// The largest pool whose address space can be reserved: containers and small boards may not have 4 TiB.
fn probe(options: &ComponentOptions, metered: bool) -> wasmtime::Result<(Engine, Allocator)> {
    if options.pooling {
        for workers in [options.workers, options.workers / 4, options.workers / 16].map(|n| n.max(1)) {
            let mut config = config(metered);
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(workers)));
            match Engine::new(&config) {
                Ok(engine) => return Ok((engine, Allocator::Pool(workers))),
                Err(error) => tracing::warn!(workers, "no address space for a pool of workers: {error:#}"),
            }
        }
    }
    Ok((Engine::new(&config(metered))?, Allocator::OnDemand))
}

fn config(metered: bool) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .epoch_interruption(true)
        .consume_fuel(metered)
        .memory_init_cow(true)
        // Nodes of one network may have different processors: a retry elsewhere is to give the same answer.
        .relaxed_simd_deterministic(true);
    config
}

fn pool(workers: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    let parts = workers.saturating_mul(PARTS_PER_WORKER);
    pool.total_component_instances(workers)
        .total_core_instances(parts)
        .total_memories(workers)
        .total_tables(parts)
        .total_stacks(workers)
        .max_core_instances_per_component(MAX_PARTS)
        .max_memories_per_component(MAX_PARTS)
        .max_tables_per_component(MAX_PARTS)
        .table_elements(MAX_TABLE_ELEMENTS)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_TABLE)
        .pagemap_scan(Enabled::Auto);
    pool
}
