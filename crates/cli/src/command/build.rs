//! `fogline build`.

use std::path::PathBuf;

use fogline_build::{BuildError, Built, build_project};
use serde::Serialize;

use crate::failure::{Failure, chain};
use crate::output::{self, Format};
use crate::remote::table;

/// The arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The project: the folder of a fogline.toml
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// How the result is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Serialize)]
struct Result_ {
    compiler: Option<String>,
    components: Vec<Component>,
}

#[derive(Serialize)]
struct Component {
    path: PathBuf,
    bytes: u64,
    compiled: bool,
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let built = build_project(&args.folder)?;
    match args.output {
        Format::Json => output::json(&result(built)),
        Format::Text if built.components.is_empty() => {
            output::note("its functions are processes: there is nothing to build");
            Ok(())
        }
        Format::Text => {
            let row = |component: &fogline_build::BuiltComponent| {
                let how = if component.compiled { "compiled" } else { "checked" };
                [
                    component.path.display().to_string(),
                    component.size.to_string(),
                    how.to_owned(),
                ]
            };
            let rows: Vec<_> = built.components.iter().map(row).collect();
            output::data(&table(["component", "size", "was"], &rows))
        }
    }
}

fn result(built: Built) -> Result_ {
    let component = |component: fogline_build::BuiltComponent| Component {
        path: component.path,
        bytes: component.size.0,
        compiled: component.compiled,
    };
    Result_ {
        compiler: built.compiler.map(|compiler| compiler.version),
        components: built.components.into_iter().map(component).collect(),
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        let hint = error
            .hint()
            .unwrap_or_else(|| "see docs/src/functions.md".to_owned());
        Self::Remote {
            problem: chain(&error),
            hint,
            exit_code: 2,
        }
    }
}
