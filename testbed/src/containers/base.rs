//! The image that all others begin with: the smallest Debian, made by debootstrap, once for all engines.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::{Engine, output};
use crate::{Lock, Tool, tools_dir};

const NAME: &str = "debian:bookworm-slim";

/// Makes the image, if the engine does not have it.
pub fn make(engine: &Engine, progress: &mut impl FnMut(&str)) -> Result<()> {
    if output(engine.client().args(["image", "inspect", NAME])).is_ok() {
        return Ok(());
    }
    let archive = archive(&mut *progress)?;
    let file = fs::File::open(&archive).with_context(|| format!("cannot read {}", archive.display()))?;
    let status = engine.client().args(["import", "-", NAME]).stdin(file).stdout(Stdio::null()).status()?;
    ensure!(status.success(), "the engine does not take {}", archive.display());
    Ok(())
}

/// The smallest Debian as a tar, made if it is not there; `progress` is told. It takes root, and [`Tool::Debootstrap`].
pub fn archive(mut progress: impl FnMut(&str)) -> Result<PathBuf> {
    let archive = tools_dir().join("debian-bookworm/root.tar");
    let _lock = Lock::wait(&tools_dir().join("debian-bookworm.lock"), || {})?;
    if !archive.is_file() {
        progress("installing Debian into a folder (debootstrap, a minute or two, once)");
        let staging = tempfile::tempdir_in(tools_dir())?;
        let root = staging.path().join("root");
        let mut debootstrap = Command::new(Tool::Debootstrap.path()?);
        // From the mirror that debootstrap itself knows.
        output(debootstrap.args(["--variant=minbase", "bookworm"]).arg(&root))?;
        let packed = staging.path().join("packed");
        fs::create_dir(&packed)?;
        let mut tar = Command::new("tar");
        tar.arg("-C")
            .arg(&root)
            .args(["--exclude=./var/cache/apt/archives/*.deb", "--exclude=./var/lib/apt/lists/*"]);
        // The engine brings its own devices.
        output(tar.arg("--exclude=./dev/*").arg("-cf").arg(packed.join("root.tar")).arg("."))?;
        fs::rename(&packed, tools_dir().join("debian-bookworm")).context("cannot put Debian in its place")?;
    }
    Ok(archive)
}
