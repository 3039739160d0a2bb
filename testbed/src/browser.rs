//! A browser without a window.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::{Launch, Tool, temp_dir, wait_until};

/// What keeps Chromium from asking others than the page's server.
const QUIET: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
];

/// How long Chromium may take for a page.
const PATIENCE: Duration = Duration::from_secs(120);

/// How to look at a page.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Width and height of the window.
    pub size: (u32, u32),
    /// Whether the screen is dark.
    pub is_dark: bool,
    /// How long the page's scripts run, in milliseconds of its own clock.
    pub script_ms: u32,
}

/// The page as Chromium has it after its scripts have run, as HTML.
pub fn rendered(url: &str, look: Look) -> Result<String> {
    chromium(url, look, &["--dump-dom".to_owned()])
}

/// Takes a picture of the page, as PNG.
pub fn screenshot(url: &str, look: Look, picture: &Path) -> Result<()> {
    chromium(url, look, &[format!("--screenshot={}", picture.display())])?;
    ensure!(picture.is_file(), "Chromium made no {}", picture.display());
    Ok(())
}

fn chromium(url: &str, look: Look, arguments: &[String]) -> Result<String> {
    let dir = temp_dir("chromium")?;
    let (width, height) = look.size;
    let mut process = Launch::new("chromium", Tool::Chromium.path()?, dir.path())
        .args(QUIET)
        .arg(format!("--user-data-dir={}", dir.path().join("profile").display()))
        .arg(format!("--window-size={width},{height}"))
        .arg(format!("--virtual-time-budget={}", look.script_ms))
        .args(look.is_dark.then_some("--blink-settings=preferredColorScheme=0"))
        .args(arguments.iter().cloned())
        .arg(url)
        .start(|| true)?;
    let ended = wait_until(PATIENCE, || !matches!(process.exit_status(), Ok(None)));
    ensure!(
        ended,
        "Chromium did not finish {url} within {PATIENCE:?}; its log ends:\n{}",
        process.log_tail()
    );
    Ok(process.log())
}
