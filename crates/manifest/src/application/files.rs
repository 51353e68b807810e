//! The files that a process needs beside those of its command line.

use fogline_core::model::BadInput;
use fogline_core::model::limits::MAX_FILES;
use toml::Spanned;

use crate::amount::excerpt;
use crate::source::Source;

/// The files and folders that are named, each once. Whether they are there is for whoever reads them to say.
pub(super) fn files(source: &Source, named: Vec<Spanned<String>>) -> Result<Vec<String>, BadInput> {
    if let Some(beyond) = named.get(MAX_FILES) {
        let problem = format!("there are {} files, expected at most {MAX_FILES}", named.len());
        return Err(source.fault(beyond.span().start, problem, "name the folders that they are in"));
    }
    // They are so few that looking through them is no matter.
    let mut files: Vec<String> = Vec::with_capacity(named.len());
    for file in named {
        let (at, path) = (file.span().start, file.get_ref());
        if !is_plain(path) {
            let found = excerpt(path);
            let problem =
                format!("\"{found}\" is not the path of a file or folder inside the manifest's folder");
            let hint =
                "write it relative to the manifest, with / between folders, without . and .., as \"lib\"";
            return Err(source.fault(at, problem, hint));
        }
        if files.contains(path) {
            let problem = format!("the file \"{}\" is there twice", excerpt(path));
            return Err(source.fault(at, problem, "keep it once"));
        }
        files.push(file.into_inner());
    }
    Ok(files)
}

/// Refuses files of a component, which could not open them.
pub(super) fn none(source: &Source, named: &[Spanned<String>]) -> Result<(), BadInput> {
    let Some(file) = named.first() else {
        return Ok(());
    };
    let hint = "leave files out; what a component needs is inside it";
    Err(source.fault(file.span().start, "a component has no files", hint))
}

/// Whether a path can be written in one way only, and stays inside the folder that it starts from on every system.
pub(super) fn is_plain(path: &str) -> bool {
    let foreign = |it: char| matches!(it, '\\' | ':' | '"') || it.is_control();
    !path.contains(foreign) && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}
