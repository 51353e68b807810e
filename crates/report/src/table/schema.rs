//! The Arrow schema of a row, and what a Parquet file of ours says of itself.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use fogline_core::record::StepsGroup;

use super::row::{Row, Sink};

/// Key under which a file says which table it holds.
pub(super) const TABLE_KEY: &str = "fogline.table";
/// Key under which a file carries what its writer was told to keep.
pub(super) const ABOUT_KEY: &str = "fogline.about";
/// Key of the checksum of the rows.
pub(super) const CHECKSUM_KEY: &str = "fogline.rows_sha256";
/// Key of the number of the column layout.
pub(super) const LAYOUT_KEY: &str = "fogline.layout";
/// Raised when a column is added, removed, renamed or given another meaning.
pub(super) const LAYOUT: &str = "1";

/// Columns of a group: number of steps, jobs, and the sums.
pub(super) const GROUP_COLUMNS: [(&str, DataType); 7] = [
    ("by_steps_steps", DataType::UInt32),
    ("by_steps_jobs", DataType::UInt64),
    ("by_steps_processing_s", DataType::Float64),
    ("by_steps_arguments_s", DataType::Float64),
    ("by_steps_states_s", DataType::Float64),
    ("by_steps_argument_traffic_bytes", DataType::UInt64),
    ("by_steps_state_traffic_bytes", DataType::UInt64),
];

/// Name of the elements of a list, as the Parquet specification has it.
const ELEMENT: &str = "element";

#[derive(Default)]
struct Fields(Vec<Field>);

impl Fields {
    fn push(&mut self, name: &str, kind: DataType) {
        self.0.push(Field::new(name, kind, false));
    }
}

impl Sink for Fields {
    fn text(&mut self, column: &'static str, _: &str) {
        self.push(column, DataType::Utf8);
    }
    fn small(&mut self, column: &'static str, _: u32) {
        self.push(column, DataType::UInt32);
    }
    fn whole(&mut self, column: &'static str, _: u64) {
        self.push(column, DataType::UInt64);
    }
    fn float(&mut self, column: &'static str, _: f64) {
        self.push(column, DataType::Float64);
    }
    fn groups(&mut self, _: &[StepsGroup]) {
        for (column, kind) in GROUP_COLUMNS {
            self.push(column, DataType::List(element(kind)));
        }
    }
}

/// The field of a list's elements.
pub(super) fn element(kind: DataType) -> Arc<Field> {
    Arc::new(Field::new(ELEMENT, kind, false))
}

/// The schema of a row.
pub(super) fn schema_of<R: Row>() -> Schema {
    let mut fields = Fields::default();
    R::sample().put(&mut fields);
    Schema::new(fields.0)
}

/// The names of the flat columns of a row.
pub(super) fn flat_columns<R: Row>() -> Vec<String> {
    schema_of::<R>()
        .fields()
        .iter()
        .filter(|field| !field.data_type().is_nested())
        .map(|field| field.name().clone())
        .collect()
}
