//! A file system that is soon full.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::Stand;

const FILLER: &str = "filler";

/// A small file system in memory, mounted in a folder of its own.
#[derive(Debug)]
pub(crate) struct SmallDisk {
    dir: TempDir,
}

impl SmallDisk {
    pub(crate) fn mount() -> Result<SmallDisk> {
        let dir = testbed::temp_dir("small-disk")?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(dir.path());
        let output = mount.output().context("cannot run mount")?;
        ensure!(output.status.success(), "mount: {}", String::from_utf8_lossy(&output.stderr).trim_end());
        Ok(SmallDisk { dir })
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    fn filler(&self) -> PathBuf {
        self.path().join(FILLER)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

/// Leaves no byte.
pub(crate) fn fill(stand: &mut Stand) -> Result<()> {
    let disk = stand.extras.small_disk.as_ref().context("there is no small disk")?;
    let mut file = fs::File::create(disk.filler())?;
    for size in [4_096, 1] {
        let ended = std::iter::repeat_with(|| file.write_all(&vec![b'x'; size])).find_map(Result::err);
        let kind = ended.map(|error| error.kind());
        ensure!(kind == Some(ErrorKind::StorageFull), "{kind:?} instead of a full disk");
    }
    Ok(())
}

pub(crate) fn free(stand: &mut Stand) -> Result<()> {
    let disk = stand.extras.small_disk.as_ref().context("there is no small disk")?;
    fs::remove_file(disk.filler()).context("cannot remove what fills the disk")
}
