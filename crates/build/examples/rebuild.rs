//! Rebuilds the components of a workspace of example applications: `cargo run --package fogline-build --example
//! rebuild -- functions`. What made them is written beside them.

use std::path::PathBuf;
use std::process::ExitCode;

use fogline_build::build_all;

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the example's whole purpose is to say what it built"
)]
fn main() -> ExitCode {
    let Some(workspace) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("error: no folder was named\nhint: name the workspace, as functions");
        return ExitCode::from(2);
    };
    match build_all(&workspace) {
        Ok(built) => {
            for component in &built.components {
                println!("{}", component.path.display());
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            if let Some(hint) = error.hint() {
                eprintln!("hint: {hint}");
            }
            ExitCode::FAILURE
        }
    }
}
