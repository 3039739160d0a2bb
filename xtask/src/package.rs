//! `cargo xtask package`: what is delivered, with what proves where it is from.

mod archive;
mod build;
mod deb;
mod oci;
mod origin;
mod provenance;
mod sbom;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use testbed::artifacts::FILTERS;
use testbed::workspace_root;

use archive::Entry;
use build::Built;
use origin::Origin;

/// How to package.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The folder to write to; what an earlier run has left in it is replaced
    #[arg(long, value_name = "FOLDER", default_value = "target/package")]
    out: PathBuf,
    /// Build everything a second time, elsewhere, and compare what comes of it byte by byte
    #[arg(long)]
    twice: bool,
    /// Package what `cargo xtask demo` or `test` has built, with this machine's paths in it: for trying
    #[arg(long, conflicts_with = "twice")]
    as_built: bool,
}

/// Builds, packages, and lists what it wrote.
pub fn run(options: &Options) -> Result<ExitCode> {
    let origin = Origin::read()?;
    if origin.is_dirty {
        eprintln!("package: the working tree has changes that no commit has; the provenance says so");
    }
    let out = workspace_root().join(&options.out);
    let built = if options.as_built { Built::as_it_is()? } else { Built::build("package-build")? };
    pack(&built, &origin, &out)?;
    if options.twice {
        let again = Built::build("package-build-again")?;
        let second = out.with_extension("again");
        pack(&again, &origin, &second)?;
        compare(&out, &second)?;
        fs::remove_dir_all(&second)?;
        println!("two builds gave equal bytes");
    }
    for (name, bytes) in files(&out)? {
        println!("{:>10}  {name}", bytes.len());
    }
    println!("{}", out.display());
    Ok(ExitCode::SUCCESS)
}

/// Writes everything that is delivered to a folder.
fn pack(built: &Built, origin: &Origin, out: &Path) -> Result<()> {
    if out.exists() {
        ensure!(
            out.join("SHA256SUMS").is_file() || fs::read_dir(out)?.next().is_none(),
            "{} is there and is no package: name another folder by --out",
            out.display()
        );
        fs::remove_dir_all(out).with_context(|| format!("cannot replace {}", out.display()))?;
    }
    let version = &origin.version;
    let mut written = Written { out, sums: BTreeMap::new() };
    let mut entries = Vec::new();
    for name in FILTERS {
        let wasm = fs::read(built.filter(name))?;
        written.write(&format!("{name}.wasm"), &wasm)?;
        let folder = format!("oci/{name}");
        oci::write_layouts(&out.join(&folder), name, &wasm, origin)?;
        written.write(&format!("{name}.cdx.json"), &sbom::of_filter(name, origin)?)?;
        entries.push(Entry::file(format!("slipstream-filters-{version}/{name}.wasm"), wasm));
    }
    for (path, text) in shared_files()? {
        entries.push(Entry::file(format!("slipstream-filters-{version}/{path}"), text));
    }
    written
        .write(&format!("slipstream-filters-{version}.tar.gz"), &archive::tar_gz(&entries, origin.epoch)?)?;
    let companion = fs::read(&built.companion)?;
    written.write(&deb::name(origin), &deb::package(&companion, origin)?)?;
    written.write("slipstream.cdx.json", &sbom::of_companion(origin)?)?;
    let provenance = provenance::statement(&written.sums, origin)?;
    written.write("provenance.intoto.json", &provenance)?;
    let sums: String = written.sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
    fs::write(out.join("SHA256SUMS"), sums)?;
    Ok(())
}

/// What belongs to the filters: configurations that load them, and schemas of their settings.
fn shared_files() -> Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    for (path, bytes) in files(&workspace_root().join("envoy"))? {
        found.push((format!("envoy/{path}"), bytes));
    }
    found.push(("LICENSE".to_owned(), fs::read(workspace_root().join("LICENSE"))?));
    Ok(found)
}

/// The files of a package and their checksums.
struct Written<'a> {
    out: &'a Path,
    sums: BTreeMap<String, String>,
}

impl Written<'_> {
    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        fs::create_dir_all(self.out)?;
        let path = self.out.join(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        self.sums.insert(name.to_owned(), archive::sha256(bytes));
        Ok(())
    }
}

/// All files below a folder by their paths in it, in order.
fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        let entries = fs::read_dir(&next).with_context(|| format!("cannot read {}", next.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                left.push(path);
                continue;
            }
            let name = path.strip_prefix(folder)?.to_string_lossy().into_owned();
            found.insert(name, fs::read(&path)?);
        }
    }
    Ok(found)
}

/// Names the first files that differ.
fn compare(first: &Path, second: &Path) -> Result<()> {
    let (a, b) = (files(first)?, files(second)?);
    let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let different: Vec<&str> =
        names.into_iter().filter(|name| a.get(*name) != b.get(*name)).map(String::as_str).collect();
    if !different.is_empty() {
        bail!("two builds differ in {}", different.join(", "));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
