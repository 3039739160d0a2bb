//! Where migrations come from.

use std::fs;
use std::path::PathBuf;

use crate::{Error, FileError, Series, Target};

mod built_in {
    include!(concat!(env!("OUT_DIR"), "/built_in.rs"));
}

/// Where migrations come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Source {
    /// Those that are part of the program.
    #[default]
    BuiltIn,
    /// A folder with a folder for each target.
    Folder(PathBuf),
}

impl Source {
    /// Reads the series of this target; every mistake in a file is an error that names it.
    pub fn read(&self, target: Target) -> Result<Series, Error> {
        match self {
            Self::BuiltIn => {
                let files = match target {
                    Target::Workspace => built_in::WORKSPACE,
                    Target::TpCapital => built_in::TP_CAPITAL,
                };
                Series::new(files.iter().copied())
            }
            Self::Folder(folder) => {
                let folder = folder.join(target.name());
                let unreadable = |path: &PathBuf, error: std::io::Error| {
                    Error::File(FileError::new(
                        &path.display().to_string(),
                        None,
                        format!("cannot read it: {error}"),
                    ))
                };
                let mut files = Vec::new();
                for entry in fs::read_dir(&folder).map_err(|error| unreadable(&folder, error))? {
                    let path = entry.map_err(|error| unreadable(&folder, error))?.path();
                    if path.extension().is_some_and(|extension| extension == "sql") {
                        let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
                        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                        files.push((name, text));
                    }
                }
                files.sort();
                Series::new(files.iter().map(|(name, text)| (name.as_str(), text.as_str())))
            }
        }
    }
}
