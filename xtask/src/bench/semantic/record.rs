//! The record in `docs/BENCHMARKS.md`.

use std::fs;

use anyhow::{Context, Result};
use minilm::Model;

use super::Verdict;
use super::speed::Speed;
use crate::bench::record::{cpu_model, path, said};

const BEGIN: &str = "<!-- recorded by cargo xtask bench semantic: begin -->\n";
const END: &str = "<!-- recorded by cargo xtask bench semantic: end -->\n";

/// Replaces what stands between the markers.
pub fn write(
    load_average: f64,
    model: &Model,
    speed: Option<&Speed>,
    table: &str,
    verdicts: &[Verdict],
) -> Result<()> {
    let path = path();
    let page = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let (before, rest) =
        page.split_once(BEGIN).with_context(|| format!("{} lacks {BEGIN:?}", path.display()))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{} lacks {END:?}", path.display()))?;
    let lines: String = verdicts.iter().map(|verdict| format!("- {}\n", verdict.line())).collect();
    let text = format!(
        "{date}, commit {commit}: `cargo xtask bench semantic`\n\n\
         - {cpu}, {cores} processors; load average before {load_average:.2}; kernel {kernel}\n\n{speed}{table}{lines}",
        date = said("date", &["-u", "+%Y-%m-%d"])?,
        commit = said("git", &["describe", "--always", "--dirty"])?,
        cpu = cpu_model()?,
        cores = std::thread::available_parallelism()?,
        kernel = model.kernel().name(),
        speed = speed.map(Speed::table).unwrap_or_default(),
    );
    fs::write(&path, format!("{before}{BEGIN}{text}{END}{after}"))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_its_markers() {
        let page = fs::read_to_string(path()).unwrap();
        assert!(page.split_once(BEGIN).is_some_and(|(_, rest)| rest.contains(END)));
    }
}
