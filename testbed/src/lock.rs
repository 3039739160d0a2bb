//! A lock between processes, held as long as the value lives.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};

/// An exclusive lock on a file; the kernel frees it when the value is dropped or the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until nobody else holds the lock file at `path`, and takes it. `waiting` is called once if that
    /// does not succeed at once.
    pub fn wait(path: &Path, waiting: impl FnOnce()) -> Result<Lock> {
        let file = open(path)?;
        if file.try_lock().is_err() {
            waiting();
            file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
        }
        Ok(Lock { _file: file })
    }

    /// Takes the lock file at `path` if nobody holds it.
    pub fn attempt(path: &Path) -> Result<Option<Lock>> {
        let file = open(path)?;
        Ok(file.try_lock().is_ok().then_some(Lock { _file: file }))
    }
}

fn open(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("cannot open the lock file {}", path.display()))
}
