//! What pages link to outside of the book: files of the project, which are put where the links lead.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use testbed::workspace_root;

const LINK: &str = "href=\"";

/// Brings files beside the book.
pub(super) struct Outside<'a> {
    out: &'a Path,
    /// What belongs to the project: neither secrets nor what was built are brought.
    files: BTreeSet<PathBuf>,
}

impl Outside<'_> {
    pub(super) fn new(out: &Path) -> Result<Outside<'_>> {
        let mut git = Command::new("git");
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let output = git.current_dir(workspace_root()).output().context("cannot run git")?;
        ensure!(output.status.success(), "git does not list the project's files");
        let listed = String::from_utf8(output.stdout)?;
        Ok(Outside {
            out,
            files: listed.split('\0').filter(|file| !file.is_empty()).map(PathBuf::from).collect(),
        })
    }

    /// A page of this folder (relative to `out`, as the book's is to the project) whose links lead to what was brought.
    pub(super) fn bring(&self, page: &str, folder: &Path) -> Result<String> {
        let mut settled = String::new();
        let mut rest = page;
        while let Some((before, after)) = rest.split_once(LINK) {
            let (target, after) = after.split_once('"').context("a link has no end")?;
            settled.push_str(before);
            settled.push_str(LINK);
            settled.push_str(&self.settle(target, folder)?);
            settled.push('"');
            rest = after;
        }
        Ok(settled + rest)
    }

    fn settle(&self, target: &str, folder: &Path) -> Result<String> {
        let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
        if path.is_empty() || path.starts_with('/') || path.contains(':') {
            return Ok(target.to_owned());
        }
        let place = plain(&folder.join(path));
        if place.starts_with("docs") {
            return Ok(target.to_owned());
        }
        if self.files.contains(&place) {
            self.copy(&place)?;
            return Ok(target.to_owned());
        }
        // The book takes every document for a page of its own.
        let document = place.with_extension("md");
        if self.files.contains(&document) {
            self.copy(&document)?;
            let to = Path::new(path).with_extension("md").display().to_string();
            return Ok(if anchor.is_empty() { to } else { format!("{to}#{anchor}") });
        }
        let inside: Vec<&PathBuf> = self.files.iter().filter(|file| file.starts_with(&place)).collect();
        if inside.is_empty() {
            bail!("{target} in {} leads nowhere", folder.display());
        }
        let mut items = String::new();
        for file in inside {
            self.copy(file)?;
            let name = file.strip_prefix(&place)?.display();
            items.push_str(&format!("<li><a href=\"{name}\">{name}</a></li>\n"));
        }
        let name = place.display();
        let list = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{name}</title></head>\n\
             <body><h1>{name}</h1><ul>\n{items}</ul></body></html>\n"
        );
        fs::write(self.out.join(&place).join("index.html"), list)?;
        Ok(format!("{}/index.html", path.trim_end_matches('/')))
    }

    fn copy(&self, file: &Path) -> Result<()> {
        let to = self.out.join(file);
        to.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::copy(workspace_root().join(file), &to)
            .map(drop)
            .with_context(|| format!("cannot copy {}", file.display()))
    }
}

/// A path without `.` and `..`.
pub(super) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(plain.pop()),
            Component::Normal(name) => plain.push(name),
            _ => {}
        }
    }
    plain
}
