//! The parts of `docs/BENCHMARKS.md` that benchmarks write themselves.

use std::fs;

use anyhow::{Context, Result};

use super::record;

/// Replaces what stands between the markers of this benchmark.
pub fn write(name: &str, text: &str) -> Result<()> {
    let path = record::path();
    let page = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let page = replace(&page, name, text)
        .with_context(|| format!("{} lacks the markers of {name}", path.display()))?;
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))
}

fn replace(page: &str, name: &str, text: &str) -> Option<String> {
    let marker = |end: &str| format!("<!-- recorded by cargo xtask bench {name}: {end} -->\n");
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
        let marked = |name: &str, text: &str| {
            format!(
                "<!-- recorded by cargo xtask bench {name}: begin -->\n{text}<!-- recorded by cargo xtask bench {name}: end -->\n"
            )
        };
        let page = marked("a", "old\n") + &marked("b", "old\n");
        assert_eq!(replace(&page, "b", "new\n"), Some(marked("a", "old\n") + &marked("b", "new\n")));
        assert_eq!(replace(&page, "c", "new\n"), None);
    }

    #[test]
    fn the_page_has_the_markers() {
        let page = fs::read_to_string(record::path()).unwrap();
        for name in ["db", "timescale"] {
            assert!(replace(&page, name, "").is_some(), "{name}");
        }
    }
}
