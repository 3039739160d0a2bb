//! `cargo xtask book`: `docs/` as a book for browsers, with its pictures drawn and everything that it links to beside it.

mod outside;
mod pictures;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};
use testbed::{Tool, workspace_root};

use outside::Outside;

/// What the book takes to be made.
pub(crate) const TOOLS: [Tool; 3] = [Tool::MdBook, Tool::Node, Tool::BeautifulMermaid];

/// Where to put it.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The folder to write to; an earlier book there is replaced
    #[arg(long, value_name = "FOLDER", default_value = "target/book")]
    out: PathBuf,
}

/// Makes the book, and says where it is.
pub fn run(options: &Options) -> Result<ExitCode> {
    crate::ensure(&TOOLS)?;
    let out = workspace_root().join(&options.out);
    let pages = make(&out)?;
    println!("{pages} pages: {}", out.join("docs/index.html").display());
    Ok(ExitCode::SUCCESS)
}

/// Makes it in `out/docs`, and puts the files that its pages link to where their links lead, in `out`. Returns the number of pages.
fn make(out: &Path) -> Result<usize> {
    let book = out.join("docs");
    if out.exists() {
        let is_replaceable = book.join("toc.html").is_file() || fs::read_dir(out)?.next().is_none();
        ensure!(is_replaceable, "{} is there and is no book: name another folder by --out", out.display());
        fs::remove_dir_all(out).with_context(|| format!("cannot replace {}", out.display()))?;
    }
    let mut mdbook = Command::new(Tool::MdBook.path()?);
    mdbook.arg("build").arg(workspace_root().join("docs")).arg("--dest-dir").arg(&book);
    let output = mdbook.stdin(Stdio::null()).output().context("cannot run mdbook")?;
    let said = String::from_utf8_lossy(&output.stderr);
    // It goes on where a page is missing, and says so.
    ensure!(
        output.status.success() && !said.contains("WARN") && !said.contains("ERROR"),
        "mdbook is not content:\n{}",
        said.trim_end()
    );
    // Its own settings are no page.
    let _ = fs::remove_file(book.join("book.toml"));
    let outside = Outside::new(out)?;
    let pages = pages(&book)?;
    for page in &pages {
        let read = || format!("cannot read {}", page.display());
        let text = fs::read_to_string(page).with_context(read)?;
        let text = pictures::draw(&text)?;
        let folder = page.parent().unwrap_or(&book).strip_prefix(out)?;
        fs::write(page, outside.bring(&text, folder)?)?;
    }
    Ok(pages.len())
}

/// All HTML files below a folder, in order.
fn pages(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(pages(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "html") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
