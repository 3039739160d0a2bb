//! `cargo xtask generate`: writes what is made from the code and kept in the repository. Tests compare it with the code.

mod mesh;
mod reference;

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use testbed::artifacts::FILTERS;
use testbed::{WRITE_GENERATED, workspace_root};

/// A file by its path in the workspace, and its text.
type Page = (String, String);

/// Writes the schemas of the filters' settings, and then what is made from them and from other files.
pub fn run() -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--quiet", "--lib"]).current_dir(workspace_root()).env(WRITE_GENERATED, "1");
    for filter in FILTERS {
        cargo.args(["-p", filter]);
    }
    let status = cargo.arg("the_schema_is_the_codes").status().context("cannot run cargo")?;
    ensure!(status.success(), "the schemas could not be written");
    for (path, text) in pages()? {
        let file = workspace_root().join(&path);
        if fs::read_to_string(&file).is_ok_and(|kept| kept == text) {
            continue;
        }
        fs::create_dir_all(file.parent().context("a folder")?)?;
        fs::write(&file, text).with_context(|| format!("cannot write {path}"))?;
        println!("{path}");
    }
    Ok(())
}

fn pages() -> Result<Vec<Page>> {
    Ok([reference::pages()?, mesh::files()?].concat())
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_kept_is_what_is_made() {
        for (path, text) in super::pages().unwrap() {
            testbed::assert_generated(&path, &text);
        }
    }
}
