//! Archives that depend on nothing but what is in them: no clock, no user, no order of a folder.

use std::io::Write;

use anyhow::Result;
use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};

/// A file in an archive.
pub(super) struct Entry {
    path: String,
    bytes: Vec<u8>,
    mode: u32,
}

impl Entry {
    /// A file that everybody may read.
    pub(super) fn file(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Entry {
        Entry { path: path.into(), bytes: bytes.into(), mode: 0o644 }
    }

    /// A program.
    pub(super) fn program(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Entry {
        Entry { mode: 0o755, ..Entry::file(path, bytes) }
    }
}

/// A tar of these files in the order of their paths, with the folders that they are in, all of this time (seconds).
pub(super) fn tar(entries: &[Entry], epoch: u64) -> Result<Vec<u8>> {
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by(|a, b| a.path.cmp(&b.path));
    let mut archive = tar::Builder::new(Vec::new());
    let mut folders = std::collections::BTreeSet::new();
    for entry in sorted {
        for (at, _) in entry.path.match_indices('/').filter(|(at, _)| *at > 0) {
            let folder = entry.path.get(..=at).unwrap_or_default();
            if folder != "./" && folders.insert(folder.to_owned()) {
                let mut header = header(0o755, 0, epoch);
                header.set_entry_type(tar::EntryType::Directory);
                archive.append_data(&mut header, folder, std::io::empty())?;
            }
        }
        let mut header = header(entry.mode, entry.bytes.len() as u64, epoch);
        archive.append_data(&mut header, &entry.path, entry.bytes.as_slice())?;
    }
    Ok(archive.into_inner()?)
}

/// The same, compressed.
pub(super) fn tar_gz(entries: &[Entry], epoch: u64) -> Result<Vec<u8>> {
    gzip(&tar(entries, epoch)?)
}

pub(super) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    gzip.write_all(bytes)?;
    Ok(gzip.finish()?)
}

/// The SHA-256 of some bytes, in hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn header(mode: u32, size: u64, epoch: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(epoch);
    header.set_uid(0);
    header.set_gid(0);
    header
}
