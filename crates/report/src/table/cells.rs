//! Cells of a table by column, on their way to Parquet and from there.

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::column::writer::ColumnWriterImpl;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedColumnWriter;

use super::schema::{Column, Kind};

/// The cells of one column.
pub(super) struct Cells {
    pub(super) values: Values,
    /// Where lists begin and end.
    levels: Option<Levels>,
}

/// Values, of all lists one after the other. Unsigned numbers have the bits of Parquet's signed ones.
pub(super) enum Values {
    Text(Vec<ByteArray>),
    Small(Vec<i32>),
    Whole(Vec<i64>),
    Float(Vec<f64>),
}

/// Parquet's levels of a list of what is always there: for each value, and once for an empty list.
#[derive(Default)]
struct Levels {
    /// 1 for a value, 0 for an empty list.
    definition: Vec<i16>,
    /// 0 at the begin of a list, 1 within it.
    repetition: Vec<i16>,
}

impl Cells {
    pub(super) fn of(column: &Column) -> Self {
        let values = match column.kind {
            Kind::Text => Values::Text(Vec::new()),
            Kind::Small => Values::Small(Vec::new()),
            Kind::Whole => Values::Whole(Vec::new()),
            Kind::Float => Values::Float(Vec::new()),
        };
        Self {
            values,
            levels: column.many.then(Levels::default),
        }
    }

    /// Says that a list of so many values was added.
    pub(super) fn end_list(&mut self, length: usize) {
        if let Some(levels) = &mut self.levels {
            let Levels {
                definition,
                repetition,
            } = levels;
            definition.extend(std::iter::repeat_n(i16::from(length > 0), length.max(1)));
            repetition.push(0);
            repetition.extend(std::iter::repeat_n(1, length.saturating_sub(1)));
        }
    }

    /// Where in the values each cell begins, and the last one ends.
    pub(super) fn bounds(&self) -> Result<Vec<usize>, String> {
        let values = self.values.len();
        let Some(levels) = &self.levels else {
            return Ok((0..=values).collect());
        };
        let (mut bounds, mut at) = (Vec::new(), 0);
        for (definition, repetition) in levels.definition.iter().zip(&levels.repetition) {
            if *repetition == 0 {
                bounds.push(at);
            }
            at += usize::from(*definition == 1);
        }
        bounds.push(at);
        if at != values || bounds[0] != 0 {
            return Err("a list has not the values that it claims".to_owned());
        }
        Ok(bounds)
    }

    /// Writes all, and keeps none.
    pub(super) fn write(&mut self, writer: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = self.levels.as_mut();
        match &mut self.values {
            Values::Text(values) => write(writer.typed::<ByteArrayType>(), values, levels),
            Values::Small(values) => write(writer.typed::<Int32Type>(), values, levels),
            Values::Whole(values) => write(writer.typed::<Int64Type>(), values, levels),
            Values::Float(values) => write(writer.typed::<DoubleType>(), values, levels),
        }
    }

    /// Reads so many more cells, in the place of those that were here; how many there were.
    pub(super) fn read(&mut self, reader: &mut ColumnReader, cells: usize) -> Result<usize, ParquetError> {
        let levels = self.levels.as_mut();
        match (&mut self.values, reader) {
            (Values::Text(values), ColumnReader::ByteArrayColumnReader(reader)) => {
                read(reader, cells, values, levels)
            }
            (Values::Small(values), ColumnReader::Int32ColumnReader(reader)) => {
                read(reader, cells, values, levels)
            }
            (Values::Whole(values), ColumnReader::Int64ColumnReader(reader)) => {
                read(reader, cells, values, levels)
            }
            (Values::Float(values), ColumnReader::DoubleColumnReader(reader)) => {
                read(reader, cells, values, levels)
            }
            _ => Err(ParquetError::General(
                "a column has another type than the file says".to_owned(),
            )),
        }
    }
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Small(values) => values.len(),
            Self::Whole(values) => values.len(),
            Self::Float(values) => values.len(),
        }
    }

    pub(super) fn text(&self) -> Option<&[ByteArray]> {
        if let Self::Text(values) = self {
            Some(values)
        } else {
            None
        }
    }

    pub(super) fn small(&self) -> Option<&[i32]> {
        if let Self::Small(values) = self {
            Some(values)
        } else {
            None
        }
    }

    pub(super) fn whole(&self) -> Option<&[i64]> {
        if let Self::Whole(values) = self {
            Some(values)
        } else {
            None
        }
    }

    pub(super) fn float(&self) -> Option<&[f64]> {
        if let Self::Float(values) = self {
            Some(values)
        } else {
            None
        }
    }
}

fn write<T: DataType>(
    writer: &mut ColumnWriterImpl<'_, T>,
    values: &mut Vec<T::T>,
    levels: Option<&mut Levels>,
) -> Result<(), ParquetError> {
    let (definition, repetition) = match levels {
        Some(levels) => (
            Some(std::mem::take(&mut levels.definition)),
            Some(std::mem::take(&mut levels.repetition)),
        ),
        None => (None, None),
    };
    writer.write_batch(values, definition.as_deref(), repetition.as_deref())?;
    values.clear();
    Ok(())
}

fn read<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    cells: usize,
    values: &mut Vec<T::T>,
    levels: Option<&mut Levels>,
) -> Result<usize, ParquetError> {
    values.clear();
    let (definition, repetition) = match levels {
        Some(levels) => {
            levels.definition.clear();
            levels.repetition.clear();
            (Some(&mut levels.definition), Some(&mut levels.repetition))
        }
        None => (None, None),
    };
    let (cells, _, _) = reader.read_records(cells, definition, repetition, values)?;
    Ok(cells)
}
