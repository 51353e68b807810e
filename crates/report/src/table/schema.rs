//! The columns of a row, and what a Parquet file of ours says of itself.

use std::sync::Arc;

use fogline_core::record::StepsGroup;
use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::errors::ParquetError;
use parquet::schema::types::{Type, TypePtr};

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

/// What the cells of a column are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// UTF-8.
    Text,
    /// Unsigned, of 32 bits.
    Small,
    /// Unsigned, of 64 bits.
    Whole,
    /// An IEEE double.
    Float,
}

/// A column of a table.
#[derive(Clone, Copy)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Whether a cell is a list of such.
    pub(super) many: bool,
}

/// Columns of a group: number of steps, jobs, and the sums.
const GROUP_COLUMNS: [(&str, Kind); 7] = [
    ("by_steps_steps", Kind::Small),
    ("by_steps_jobs", Kind::Whole),
    ("by_steps_processing_s", Kind::Float),
    ("by_steps_arguments_s", Kind::Float),
    ("by_steps_states_s", Kind::Float),
    ("by_steps_argument_traffic_bytes", Kind::Whole),
    ("by_steps_state_traffic_bytes", Kind::Whole),
];

#[derive(Default)]
struct Columns(Vec<Column>);

impl Columns {
    fn push(&mut self, name: &'static str, kind: Kind, many: bool) {
        self.0.push(Column { name, kind, many });
    }
}

impl Sink for Columns {
    fn text(&mut self, column: &'static str, _: &str) {
        self.push(column, Kind::Text, false);
    }
    fn small(&mut self, column: &'static str, _: u32) {
        self.push(column, Kind::Small, false);
    }
    fn whole(&mut self, column: &'static str, _: u64) {
        self.push(column, Kind::Whole, false);
    }
    fn float(&mut self, column: &'static str, _: f64) {
        self.push(column, Kind::Float, false);
    }
    fn groups(&mut self, _: &[StepsGroup]) {
        for (column, kind) in GROUP_COLUMNS {
            self.push(column, kind, true);
        }
    }
}

/// The columns of a row.
pub(super) fn columns_of<R: Row>() -> Vec<Column> {
    let mut columns = Columns::default();
    R::sample().put(&mut columns);
    columns.0
}

/// The names of the flat columns of a row.
pub(super) fn flat_columns<R: Row>() -> Vec<&'static str> {
    let columns = columns_of::<R>().into_iter();
    columns
        .filter(|column| !column.many)
        .map(|column| column.name)
        .collect()
}

/// The Parquet schema of these columns.
pub(super) fn schema(columns: &[Column]) -> Result<TypePtr, ParquetError> {
    let fields = columns.iter().map(|column| match column.many {
        true => list(column),
        false => cell(column.name, column.kind),
    });
    let schema = Type::group_type_builder("fogline").with_fields(fields.collect::<Result<_, _>>()?);
    Ok(Arc::new(schema.build()?))
}

fn cell(name: &str, kind: Kind) -> Result<TypePtr, ParquetError> {
    let (physical, logical) = match kind {
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Small => (Physical::INT32, Some(LogicalType::integer(32, false))),
        Kind::Whole => (Physical::INT64, Some(LogicalType::integer(64, false))),
        Kind::Float => (Physical::DOUBLE, None),
    };
    let cell = Type::primitive_type_builder(name, physical)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(logical);
    Ok(Arc::new(cell.build()?))
}

/// A list as the Parquet specification has it, in three levels.
fn list(column: &Column) -> Result<TypePtr, ParquetError> {
    let group = |name, repetition, field| {
        Type::group_type_builder(name)
            .with_repetition(repetition)
            .with_fields(vec![field])
    };
    let items = group("list", Repetition::REPEATED, cell("element", column.kind)?).build()?;
    let list = group(column.name, Repetition::REQUIRED, Arc::new(items));
    Ok(Arc::new(list.with_logical_type(Some(LogicalType::List)).build()?))
}
