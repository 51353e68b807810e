//! What a table needs to know of a row: its columns, in order, each named where it is written and read.

use fogline_core::model::{Bytes, Seconds};
use fogline_core::record::{Condition, Replication, Spent, StepsGroup};

/// Takes the cells of a row, in the order of the columns.
pub trait Sink {
    /// A name.
    fn text(&mut self, column: &'static str, value: &str);
    /// A small number.
    fn small(&mut self, column: &'static str, value: u32);
    /// A number.
    fn whole(&mut self, column: &'static str, value: u64);
    /// A measurement.
    fn float(&mut self, column: &'static str, value: f64);
    /// The groups of a replication by number of steps. Formats of flat cells leave them out.
    fn groups(&mut self, groups: &[StepsGroup]);
}

/// Gives the cells of a row, in the order in which [`Sink`] took them. The error says what the cell should
/// have been.
pub trait Source {
    /// A name.
    fn text(&mut self) -> Result<&str, String>;
    /// A small number.
    fn small(&mut self) -> Result<u32, String>;
    /// A number.
    fn whole(&mut self) -> Result<u64, String>;
    /// A measurement.
    fn float(&mut self) -> Result<f64, String>;
    /// The groups of a replication by number of steps; none in a format of flat cells.
    fn groups(&mut self) -> Result<Vec<StepsGroup>, String>;
}

/// A row that can be kept in a table.
pub trait Row: Sized {
    /// Name of the table: what a file of these rows is called, and says of itself.
    const TABLE: &'static str;

    /// Some row, whose columns are those of every row.
    fn sample() -> Self;

    /// Writes the cells.
    fn put(&self, sink: &mut dyn Sink);

    /// Reads the cells.
    ///
    /// # Errors
    /// What a cell should have been.
    fn take(source: &mut dyn Source) -> Result<Self, String>;
}

/// Names of the five columns of a [`Spent`].
pub(super) struct SpentColumns(pub(super) [&'static str; 5]);

/// A [`Spent`] of one run or step.
pub(super) const SPENT: SpentColumns = SpentColumns([
    "processing_s",
    "arguments_s",
    "states_s",
    "argument_traffic_bytes",
    "state_traffic_bytes",
]);

/// A [`Spent`] summed over the jobs of a row.
pub(super) const TOTAL: SpentColumns = SpentColumns([
    "total_processing_s",
    "total_arguments_s",
    "total_states_s",
    "total_argument_traffic_bytes",
    "total_state_traffic_bytes",
]);

impl SpentColumns {
    pub(super) fn put(&self, spent: &Spent, sink: &mut dyn Sink) {
        let [processing, arguments, states, argument_traffic, state_traffic] = self.0;
        sink.float(processing, spent.processing.0);
        sink.float(arguments, spent.arguments.0);
        sink.float(states, spent.states.0);
        sink.whole(argument_traffic, spent.argument_traffic.0);
        sink.whole(state_traffic, spent.state_traffic.0);
    }
}

pub(super) fn take_spent(source: &mut dyn Source) -> Result<Spent, String> {
    Ok(Spent {
        processing: Seconds(source.float()?),
        arguments: Seconds(source.float()?),
        states: Seconds(source.float()?),
        argument_traffic: Bytes(source.whole()?),
        state_traffic: Bytes(source.whole()?),
    })
}

pub(super) fn put_key(condition: &Condition, replication: Replication, sink: &mut dyn Sink) {
    sink.text("network", &condition.network);
    sink.small("load_jobs", condition.load);
    sink.text("policy", &condition.policy);
    sink.text("model", condition.model.name());
    sink.small("topology", replication.topology);
    sink.whole("seed", replication.seed);
}

pub(super) fn take_key(source: &mut dyn Source) -> Result<(Condition, Replication), String> {
    let condition = Condition {
        network: source.text()?.to_owned(),
        load: source.small()?,
        policy: source.text()?.to_owned(),
        model: source.text()?.parse()?,
    };
    let replication = Replication {
        topology: source.small()?,
        seed: source.whole()?,
    };
    Ok((condition, replication))
}

/// The key of [`Row::sample`].
pub(super) fn sample_key() -> (Condition, Replication) {
    let condition = Condition {
        network: String::new(),
        load: 0,
        policy: String::new(),
        model: fogline_core::model::ExecutionModel::External,
    };
    (condition, Replication { topology: 0, seed: 0 })
}
