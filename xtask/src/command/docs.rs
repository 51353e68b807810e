//! `cargo xtask docs`: builds the book.

use crate::check::book;
use crate::failure::Failure;
use crate::shell::Run;
use crate::tool::MDBOOK;

/// Checks the book's links and builds it into `target/book`.
pub(crate) fn run() -> Result<(), Failure> {
    book::check()?;
    MDBOOK.ensure()?;
    Run::program("mdbook").args(["build", "docs"]).show()
}
