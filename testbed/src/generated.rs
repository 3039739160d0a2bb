//! Files of the workspace that are made from its code, and kept in it for those who read them.

use std::fs;

use crate::workspace_root;

/// The variable that has such files written instead of compared.
pub const WRITE: &str = "SLIPSTREAM_WRITE_GENERATED";

/// Compares a file, by its path in the workspace, with what the code makes; with [`WRITE`] set, writes it.
///
/// # Panics
/// If they differ, or the file cannot be written.
pub fn assert_generated(path: &str, made: &str) {
    let file = workspace_root().join(path);
    let kept = fs::read_to_string(&file).unwrap_or_default();
    if std::env::var_os(WRITE).is_some_and(|value| !value.is_empty()) {
        if kept != made {
            fs::create_dir_all(file.parent().expect("a folder")).expect("a folder for what is made");
            fs::write(&file, made).unwrap_or_else(|error| panic!("cannot write {path}: {error}"));
        }
        return;
    }
    let line = kept.lines().zip(made.lines()).position(|(kept, made)| kept != made);
    let line = line.unwrap_or_else(|| kept.lines().count().min(made.lines().count())) + 1;
    assert!(kept == made, "{path} is out of date, from line {line}: run `cargo xtask generate`");
}
