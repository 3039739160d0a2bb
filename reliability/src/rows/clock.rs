//! The companion's clock, told by libfaketime. (Envoy does not start with that library, so its clock is left alone.)

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use tempfile::TempDir;
use testbed::Tool;

use crate::Stand;

/// What programs that were started with its environment take for the time of day.
#[derive(Debug)]
pub(crate) struct Clock {
    dir: TempDir,
    library: PathBuf,
}

impl Clock {
    pub(crate) fn new() -> Result<Clock> {
        let clock = Clock { dir: testbed::temp_dir("clock")?, library: Tool::FakeTime.path()? };
        clock.set("+0")?;
        Ok(clock)
    }

    /// What tells a program.
    pub(crate) fn env(&self) -> Vec<(String, String)> {
        let library = self.library.display().to_string();
        [
            ("LD_PRELOAD", library.as_str()),
            ("FAKETIME_TIMESTAMP_FILE", &self.file().display().to_string()),
            // Looks each second, and leaves the clock alone by which time-outs are measured.
            ("FAKETIME_CACHE_DURATION", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    fn set(&self, offset: &str) -> Result<()> {
        // Moved into place, so that nobody reads half of it.
        let next = self.dir.path().join("next");
        fs::write(&next, format!("{offset}\n"))?;
        fs::rename(next, self.file()).context("cannot set the clock")
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("time")
    }
}

pub(crate) fn ahead(stand: &mut Stand) -> Result<()> {
    set(stand, "+3600")
}

/// Back by an hour, that is.
pub(crate) fn right(stand: &mut Stand) -> Result<()> {
    set(stand, "+0")
}

fn set(stand: &Stand, offset: &str) -> Result<()> {
    stand.extras.clock.as_ref().context("this clock cannot be moved")?.set(offset)
}
