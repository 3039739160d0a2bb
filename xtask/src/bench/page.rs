//! The parts of `docs/BENCHMARKS.md`, and of some other pages, that benchmarks write themselves.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use testbed::workspace_root;

/// Where the page is.
pub fn path() -> PathBuf {
    workspace_root().join("docs/BENCHMARKS.md")
}

/// Replaces what stands between the markers of the benchmark that this command runs.
pub fn write(command: &str, text: &str) -> Result<()> {
    write_into("docs/BENCHMARKS.md", command, text)
}

/// The same in another page, by its path from the root.
pub fn write_into(page: &str, command: &str, text: &str) -> Result<()> {
    let path = workspace_root().join(page);
    let page = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let page = replace(&page, command, text)
        .with_context(|| format!("{} lacks the markers of {command}", path.display()))?;
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))
}

/// Whether a page has the markers of a command.
#[cfg(test)]
pub fn has_markers(page: &str, command: &str) -> Result<bool> {
    Ok(replace(&fs::read_to_string(workspace_root().join(page))?, command, "").is_some())
}

fn replace(page: &str, command: &str, text: &str) -> Option<String> {
    let marker = |end: &str| format!("<!-- recorded by {command}: {end} -->\n");
    let (begin, end) = (marker("begin"), marker("end"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{text}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_its_own_markers_changes() {
        let marked = |command: &str, text: &str| {
            format!("<!-- recorded by {command}: begin -->\n{text}<!-- recorded by {command}: end -->\n")
        };
        let page = marked("a", "old\n") + &marked("a b", "old\n") + "prose\n";
        let of_a = format!("# Title\n{}{}prose\n", marked("a", "new\n"), marked("a b", "old\n"));
        assert_eq!(replace(&format!("# Title\n{page}"), "a", "new\n"), Some(of_a));
        let of_b = marked("a", "old\n") + &marked("a b", "new\n") + "prose\n";
        assert_eq!(replace(&page, "a b", "new\n"), Some(of_b));
        assert_eq!(replace(&page, "c", "new\n"), None);
        assert_eq!(replace("# Title\n", "a", "new\n"), None);
    }

    #[test]
    fn the_page_has_the_markers() {
        let page = fs::read_to_string(path()).unwrap();
        for name in ["", " db", " timescale", " query-cache", " semantic", " floor"] {
            assert!(replace(&page, &format!("cargo xtask bench{name}"), "").is_some(), "{name}");
        }
        let page = fs::read_to_string(workspace_root().join("docs/RELIABILITY.md")).unwrap();
        for command in ["cargo xtask test faults", "cargo xtask soak"] {
            assert!(replace(&page, command, "").is_some(), "{command}");
        }
        for name in ["README.md", "docs/COMPRESSION.md"] {
            let page = fs::read_to_string(workspace_root().join(name)).unwrap();
            assert!(replace(&page, "cargo xtask bench", "").is_some(), "{name}");
        }
    }
}
