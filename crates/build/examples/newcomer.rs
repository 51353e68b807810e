//! Makes a new project in Rust and builds it, as who has just installed the command does: `cargo run --package
//! fogline-build --example newcomer -- FOLDER`.

use std::error::Error;
use std::path::PathBuf;

use fogline_build::{ProjectKind, build_project, new_project};

#[expect(
    clippy::print_stdout,
    reason = "the example's whole purpose is to say what it built"
)]
fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or("no folder was named")?;
    new_project(&folder, &"newcomer".parse()?, ProjectKind::Rust)?;
    for component in build_project(&folder)?.components {
        println!("{}", component.path.display());
    }
    Ok(())
}
