//! Debian packages.

use std::process::Command;

use anyhow::{Context, Result, bail};

use super::run;
use crate::tool::on_path;

/// Installs the packages when running as root; else the error says which and how.
pub fn install(packages: &[&str], progress: &mut impl FnMut(&str)) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let list = packages.join(" ");
    if !rustix::process::geteuid().is_root() || on_path("apt-get").is_none() {
        bail!(
            "these Debian packages are missing: {list}. Install them as root:\n  \
             apt-get update && apt-get install -y --no-install-recommends {list}"
        );
    }
    progress(&format!("installing {list} (apt-get)"));
    run(&mut apt_get(&["update"]))?;
    let arguments = ["install", "-y", "--no-install-recommends"];
    run(apt_get(&arguments).args(packages)).with_context(|| format!("cannot install {list}"))
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    // RUNLEVEL=1 keeps a package's own service from being started; we start servers ourselves, on ports of our own.
    command.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1").arg("-qq").args(arguments);
    command
}
