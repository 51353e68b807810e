//! The tables of a run, written while it goes on and renamed when it is complete.

use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use fogline_manifest::scenario::{Table, TableFormat};
use fogline_report::table::{CsvWriter, ParquetWriter, Row, StepsRow, split_steps};
use fogline_sim::engine::Outcome;
use tempfile::NamedTempFile;

use crate::failure::Failure;

type Sink = BufWriter<NamedTempFile>;

/// All tables of one mode.
pub(crate) struct Tables {
    seeds: TableFiles<fogline_core::record::SeedRow>,
    steps: TableFiles<StepsRow>,
    jobs: TableFiles<fogline_core::record::JobRow>,
    tasks: TableFiles<fogline_core::record::TaskRow>,
    nodes: TableFiles<fogline_core::record::NodeRow>,
}

impl Tables {
    /// Begins the tables in a folder. `name` replaces `seeds`, for shards; `about` goes into Parquet files.
    pub(crate) fn create(
        folder: &Path,
        tables: &[Table],
        formats: &[TableFormat],
        name: &str,
        about: &str,
    ) -> Result<Self, Failure> {
        std::fs::create_dir_all(folder).map_err(|error| Failure::writing(folder, error))?;
        let formats_of = |table| if tables.contains(&table) { formats } else { &[] };
        // In CSV, a row cannot hold the list of groups by number of steps: these are a table of their own.
        let csv: &[TableFormat] = if formats_of(Table::Seeds).contains(&TableFormat::Csv) {
            &[TableFormat::Csv]
        } else {
            &[]
        };
        Ok(Self {
            seeds: TableFiles::create(folder, name, formats_of(Table::Seeds), about)?,
            steps: TableFiles::create(folder, "steps", csv, about)?,
            jobs: TableFiles::create(folder, "jobs", formats_of(Table::Jobs), about)?,
            tasks: TableFiles::create(folder, "tasks", formats_of(Table::Tasks), about)?,
            nodes: TableFiles::create(folder, "nodes", formats_of(Table::Nodes), about)?,
        })
    }

    /// Adds the rows of a unit.
    pub(crate) fn write(&mut self, outcome: &Outcome) -> Result<(), Failure> {
        self.seeds.write(&outcome.seeds)?;
        if self.steps.csv.is_some() {
            self.steps
                .write(&split_steps(&outcome.seeds).collect::<Vec<_>>())?;
        }
        self.jobs.write(&outcome.jobs)?;
        self.tasks.write(&outcome.tasks)?;
        self.nodes.write(&outcome.nodes)
    }

    /// Completes all files and gives them their names, which it returns.
    pub(crate) fn finish(self) -> Result<Vec<PathBuf>, Failure> {
        let mut files = Vec::new();
        self.seeds.finish(&mut files)?;
        self.steps.finish(&mut files)?;
        self.jobs.finish(&mut files)?;
        self.tasks.finish(&mut files)?;
        self.nodes.finish(&mut files)?;
        let mut paths = Vec::with_capacity(files.len());
        for (path, file) in files {
            crate::atomic_file::persist(file, &path)?;
            paths.push(path);
        }
        Ok(paths)
    }
}

/// One table, in the formats that were asked for.
struct TableFiles<R> {
    parquet: Option<(PathBuf, ParquetWriter<R, Sink>)>,
    csv: Option<(PathBuf, CsvWriter<R, Sink>)>,
}

impl<R: Row> TableFiles<R> {
    fn create(folder: &Path, name: &str, formats: &[TableFormat], about: &str) -> Result<Self, Failure> {
        let path = |ending: &str| folder.join(format!("{name}.{ending}"));
        let fail = |path: &Path| {
            let path = path.to_owned();
            move |error| Failure::writing(&path, error)
        };
        let mut files = Self {
            parquet: None,
            csv: None,
        };
        if formats.contains(&TableFormat::Parquet) {
            let path = path("parquet");
            let writer = temporary(folder)
                .and_then(|sink| ParquetWriter::new(sink, about))
                .map_err(fail(&path))?;
            files.parquet = Some((path, writer));
        }
        if formats.contains(&TableFormat::Csv) {
            let path = path("csv");
            let writer = temporary(folder).and_then(CsvWriter::new).map_err(fail(&path))?;
            files.csv = Some((path, writer));
        }
        Ok(files)
    }

    fn write(&mut self, rows: &[R]) -> Result<(), Failure> {
        if let Some((path, writer)) = &mut self.parquet {
            writer
                .write(rows)
                .map_err(|error| Failure::writing(path, error))?;
        }
        if let Some((path, writer)) = &mut self.csv {
            writer
                .write(rows)
                .map_err(|error| Failure::writing(path, error))?;
        }
        Ok(())
    }

    fn finish(self, files: &mut Vec<(PathBuf, NamedTempFile)>) -> Result<(), Failure> {
        let mut done = |path: PathBuf, sink: io::Result<Sink>| {
            let file = sink.and_then(|sink| sink.into_inner().map_err(io::IntoInnerError::into_error));
            let file = file.map_err(|error| Failure::writing(&path, error))?;
            files.push((path, file));
            Ok::<(), Failure>(())
        };
        if let Some((path, writer)) = self.parquet {
            done(path, writer.finish())?;
        }
        if let Some((path, writer)) = self.csv {
            done(path, writer.finish())?;
        }
        Ok(())
    }
}

fn temporary(folder: &Path) -> io::Result<Sink> {
    crate::atomic_file::temporary(folder).map(BufWriter::new)
}
