//! Clocks that jump: what programs take for the time of day, moved by a library that they are started with.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use tempfile::TempDir;
use testbed::{Way, artifacts};

use crate::Stand;

const HOUR: i64 = 3600;

/// Those that can be moved.
#[derive(Debug)]
pub(crate) struct Clocks {
    pub(crate) companion: Clock,
    pub(crate) envoy: Clock,
}

impl Clocks {
    pub(crate) fn new() -> Result<Clocks> {
        Ok(Clocks { companion: Clock::new()?, envoy: Clock::new()? })
    }
}

/// What programs that were started with its environment take for the time of day.
#[derive(Debug)]
pub(crate) struct Clock {
    dir: TempDir,
    library: PathBuf,
}

impl Clock {
    fn new() -> Result<Clock> {
        let clock = Clock { dir: testbed::temp_dir("clock")?, library: artifacts::moved_clock()? };
        clock.set(0)?;
        Ok(clock)
    }

    /// What tells a program.
    pub(crate) fn env(&self) -> [(String, String); 2] {
        let text = |path: PathBuf| path.display().to_string();
        [("LD_PRELOAD".to_owned(), text(self.library.clone())), ("MOVED_CLOCK".to_owned(), text(self.file()))]
    }

    /// Moves it by so many seconds. Programs have the file mapped, so it may never be empty.
    fn set(&self, seconds: i64) -> Result<()> {
        let file = File::options().create(true).truncate(false).write(true).open(self.file());
        file.and_then(|mut file| file.write_all(&seconds.to_ne_bytes())).context("cannot set the clock")
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("seconds")
    }
}

pub(crate) fn companion_ahead(stand: &mut Stand) -> Result<()> {
    clocks(stand)?.companion.set(HOUR)
}

pub(crate) fn envoy_ahead(stand: &mut Stand) -> Result<()> {
    clocks(stand)?.envoy.set(HOUR)
}

pub(crate) fn envoy_back_and_cut_off(stand: &mut Stand) -> Result<()> {
    stand.to_companion[0].set(Way::Silent);
    clocks(stand)?.envoy.set(-HOUR)
}

/// Back by an hour, or on.
pub(crate) fn right(stand: &mut Stand) -> Result<()> {
    stand.to_companion[0].set(Way::Pass);
    clocks(stand)?.companion.set(0)?;
    clocks(stand)?.envoy.set(0)
}

fn clocks(stand: &Stand) -> Result<&Clocks> {
    stand.extras.clocks.as_ref().context("these clocks cannot be moved")
}
