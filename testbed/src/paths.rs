//! Where things are: the workspace, its tools, and the temporary folders of running servers.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;

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

/// A new temporary folder that other users can enter, removed on drop or, if it never comes to that (a `static`
/// fixture, a killed test), soon after this process has ended.
pub fn temp_dir(name: &str) -> Result<TempDir> {
    let prefix = format!("{TEMP_PREFIX}{}-", std::process::id());
    static CLEANER: OnceLock<Option<ChildStdin>> = OnceLock::new();
    CLEANER.get_or_init(|| start_cleaner(&std::env::temp_dir().join(&prefix)));
    let dir = tempfile::Builder::new()
        .prefix(&format!("{prefix}{name}-"))
        .tempdir()
        .context("cannot make a temporary folder")?;
    // PostgreSQL runs as another user and has to get through to its data.
    fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755))?;
    Ok(dir)
}

/// Starts a shell that waits for its stdin to end, which it does when this process ends in any way, and then removes
/// what is left. It tries for a while: killed servers take a moment to stop writing.
fn start_cleaner(prefix: &Path) -> Option<ChildStdin> {
    const SCRIPT: &str = r#"read -r _; n=0
        while [ $n -lt 25 ] && ls -d "$0"* >/dev/null 2>&1; do rm -rf "$0"*; sleep 0.2; n=$((n+1)); done"#;
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(SCRIPT).arg(prefix).current_dir("/").process_group(0);
    // Without a cleaner, folders stay behind in rare cases; that is no reason for a test to fail.
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?.stdin
}
