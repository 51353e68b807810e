//! Machines of different speed on one machine: an execution takes as long as its operations take at the emulated
//! node's speed, or as it really takes, if that is longer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use fogline_core::application::{Function, State};
use fogline_core::model::{FunctionName, StateName};
use fogline_core::network::Node;
use fogline_runtime::{Artefact, Call, ExecuteError, Execution, Executor, PrepareError, Runtime};

/// The runtime of an emulated machine.
pub(crate) struct PacedRuntime {
    pub(crate) real: Arc<dyn Runtime>,
    pub(crate) machine: Node,
}

#[async_trait]
impl Runtime for PacedRuntime {
    async fn prepare(
        &self,
        name: &FunctionName,
        function: &Function,
        states: &BTreeMap<StateName, State>,
        artefact: Artefact,
    ) -> Result<Arc<dyn Executor>, PrepareError> {
        let real = self.real.prepare(name, function, states, artefact).await?;
        let seconds = function.operations.0 as f64 / self.machine.speed(function.class).0;
        let least = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        Ok(Arc::new(PacedExecutor { real, least }))
    }
}

struct PacedExecutor {
    real: Arc<dyn Executor>,
    least: Duration,
}

/// What the timer is late by at the most; the rest is waited for awake.
const TIMER: Duration = Duration::from_micros(1500);

#[async_trait]
impl Executor for PacedExecutor {
    async fn execute(&self, call: Call) -> Result<Execution, ExecuteError> {
        let started = Instant::now();
        let time_left = call.time_left;
        let mut execution = self.real.execute(call).await?;
        let until = started + self.least.min(time_left);
        if let Some(sleep) = until.checked_sub(TIMER).filter(|at| *at > Instant::now()) {
            tokio::time::sleep_until(sleep.into()).await;
        }
        while Instant::now() < until {
            tokio::task::yield_now().await;
        }
        execution.took = started.elapsed();
        Ok(execution)
    }
}
