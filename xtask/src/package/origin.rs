//! Which sources a package is of.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use testbed::workspace_root;

/// Where what is built comes from.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// The workspace's version.
    pub(super) version: String,
    /// The commit, if the sources are in a repository.
    pub(super) commit: Option<String>,
    /// Whether there are changes that no commit has.
    pub(super) is_dirty: bool,
    /// `SOURCE_DATE_EPOCH`, or the time of the commit: seconds since 1970, which all files bear.
    pub(super) epoch: u64,
    /// What `rustc --version` says.
    pub(super) rustc: String,
}

impl Origin {
    pub(super) fn read() -> Result<Origin> {
        let commit = said("git", &["rev-parse", "HEAD"]).ok();
        let epoch = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(text) => text
                .parse()
                .with_context(|| format!("SOURCE_DATE_EPOCH is {text:?}, expected seconds since 1970"))?,
            Err(_) => said("git", &["log", "-1", "--format=%ct"])
                .ok()
                .and_then(|text| text.parse().ok())
                .unwrap_or(0),
        };
        Ok(Origin {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            is_dirty: said("git", &["status", "--porcelain"]).is_ok_and(|changes| !changes.is_empty()),
            commit,
            epoch,
            rustc: said("rustc", &["--version"])?,
        })
    }

    /// The time as RFC 3339 has it.
    pub(super) fn time(&self) -> String {
        let (days, seconds) = (self.epoch / 86_400, self.epoch % 86_400);
        let (year, month, day) = date(days);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Year, month and day of a day since 1970, by counting from March of year 0 in cycles of 400 years.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

fn said(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).current_dir(workspace_root()).output();
    let output = output.with_context(|| format!("cannot run {program}"))?;
    ensure!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (epoch, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
        ] {
            let origin =
                Origin { version: String::new(), commit: None, is_dirty: false, epoch, rustc: String::new() };
            assert_eq!(origin.time(), expected);
        }
    }
}
