//! The book in `docs/`: every page is listed, and every link to a file of ours leads somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::say;
use crate::shell::root;

/// Checks the book.
///
/// # Errors
/// When a page is not in `SUMMARY.md`, or a link leads nowhere.
pub(crate) fn check() -> Result<(), Failure> {
    let source = root().join("docs/src");
    let pages = pages(&source)?;
    let mut listed = BTreeSet::new();
    for page in &pages {
        let text = fs::read_to_string(page).map_err(|error| Failure::file("cannot read", page, &error))?;
        for (line, target) in links(&text) {
            let target = page.with_file_name(&target);
            if !target.exists() {
                return Err(Failure::new(
                    format!(
                        "{}:{line}: the link leads to {}, which is not there",
                        page.display(),
                        target.display()
                    ),
                    "correct the link, or write the page",
                ));
            }
            if page.ends_with("SUMMARY.md") {
                listed.insert(target);
            }
        }
    }
    let unlisted = pages
        .iter()
        .find(|page| !page.ends_with("SUMMARY.md") && !listed.contains(*page));
    if let Some(page) = unlisted {
        return Err(Failure::new(
            format!("{} is not part of the book", page.display()),
            "list it in docs/src/SUMMARY.md",
        ));
    }
    say::note(&format!(
        "{} pages, all listed, all links lead somewhere",
        listed.len()
    ));
    Ok(())
}

fn pages(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| Failure::file("cannot list", folder, &error))?;
    let mut pages: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    Ok(pages)
}

/// Line and target of every inline link to a file, outside of fenced code. Links to the web or within the page
/// are not ours to check.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut fenced = false;
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for rest in line.split("](").skip(1) {
            let target = rest.split([')', '#', ' ']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:") {
                found.push((index + 1, target.to_owned()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::links;

    #[test]
    fn only_links_to_files_are_found() {
        let text = "[a](a.md) and ![b](img/b.svg \"B\")\n```\n[no](no.md)\n```\n[c](c.md#part) [w](https://x.y/z) [h](#h)";
        let expected = [(1, "a.md"), (1, "img/b.svg"), (5, "c.md")];
        let found = links(text);
        let found: Vec<_> = found
            .iter()
            .map(|(line, target)| (*line, target.as_str()))
            .collect();
        assert_eq!(found, expected);
    }
}
