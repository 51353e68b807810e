//! `fogline new`.

use std::path::PathBuf;

use clap::ValueEnum;
use fogline_build::{ProjectKind, new_project};
use fogline_core::model::AppName;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::{self, Format};

/// The arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The application's name; the project is made in a new folder of this name
    name: AppName,
    /// What its function runs in
    #[arg(long, value_enum, default_value_t)]
    runtime: Runtime,
    /// How the result is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// What a function runs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Runtime {
    /// A WebAssembly component, written in Rust
    #[default]
    Rust,
    /// A program that answers HTTP, here in Python; needs no compiler
    Process,
}

#[derive(Serialize)]
struct Made {
    name: AppName,
    folder: PathBuf,
}

/// Does it.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let folder = PathBuf::from(args.name.as_str());
    let kind = match args.runtime {
        Runtime::Rust => ProjectKind::Rust,
        Runtime::Process => ProjectKind::Process,
    };
    new_project(&folder, &args.name, kind)?;
    let build = match args.runtime {
        Runtime::Rust => format!("fogline build {}", folder.display()),
        Runtime::Process => format!("fogline deploy {}", folder.display()),
    };
    output::note(&format!("next: {build}"));
    match args.output {
        Format::Text => output::data(&format!("{}\n", folder.display())),
        Format::Json => output::json(&Made {
            name: args.name,
            folder,
        }),
    }
}
