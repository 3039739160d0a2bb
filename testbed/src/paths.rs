//! Where things are: the workspace, its tools, and the temporary folders of running servers.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;

use anyhow::{Context, Result};
use tempfile::TempDir;

const TEMP_PREFIX: &str = "slipstream-testbed-";

/// The folder that holds the workspace's `Cargo.toml`.
pub fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Where downloaded tools live: `SLIPSTREAM_TOOLS`, or `.tools` in the workspace.
pub fn tools_dir() -> PathBuf {
    match std::env::var_os("SLIPSTREAM_TOOLS") {
        Some(dir) if !dir.is_empty() => workspace_root().join(dir),
        _ => workspace_root().join(".tools"),
    }
}

/// Where cargo builds: `CARGO_TARGET_DIR`, or `target` in the workspace.
pub(crate) fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) if !dir.is_empty() => workspace_root().join(dir),
        _ => workspace_root().join("target"),
    }
}

/// A new temporary folder that other users can enter, removed on drop. Its name carries this process's id, and the
/// first call of a process removes what killed processes left behind.
pub fn temp_dir(name: &str) -> Result<TempDir> {
    static SWEEP: Once = Once::new();
    SWEEP.call_once(sweep);
    let dir = tempfile::Builder::new()
        .prefix(&format!("{TEMP_PREFIX}{}-{name}-", std::process::id()))
        .tempdir()
        .context("cannot make a temporary folder")?;
    // PostgreSQL runs as another user and has to get through to its data.
    fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(dir)
}

fn sweep() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner =
            name.to_str().and_then(|name| name.strip_prefix(TEMP_PREFIX)?.split('-').next()?.parse().ok());
        if owner.is_some_and(|pid: u32| !Path::new(&format!("/proc/{pid}")).exists()) {
            // Another process may be sweeping the same folder, so a failure means nothing.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
