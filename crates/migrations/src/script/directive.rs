//! The lines `--! key: value` of a migration's file.

use crate::{FileError, Requirement};

const MARK: &str = "--!";
/// What goes on with the value of the line before.
const CONTINUED: char = '|';

/// What a directive is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// `none`: one statement outside of a transaction.
    Transaction,
    /// An extension that the server must have.
    Requires,
    /// The set that the migration belongs to.
    Set,
    /// The index that the migration makes.
    Index,
    /// The query that the index is for.
    Query,
    /// The query whose row fills in the other's placeholders.
    Sample,
    /// The index that the planner prefers.
    CoveredBy,
    /// How many rows it takes to judge.
    Rows,
    /// Here begins what takes the migration back.
    Down,
}

impl Key {
    const ALL: [(&str, Self); 9] = [
        ("transaction", Self::Transaction),
        ("requires", Self::Requires),
        ("set", Self::Set),
        ("index", Self::Index),
        ("query", Self::Query),
        ("sample", Self::Sample),
        ("covered-by", Self::CoveredBy),
        ("rows", Self::Rows),
        ("down", Self::Down),
    ];
}

/// One directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Directive {
    /// What it is about.
    pub(crate) key: Key,
    /// What it says.
    pub(crate) value: String,
    /// Its line, from 1.
    pub(crate) line: usize,
}

/// Whether a line is a directive.
pub(crate) fn is_one(line: &str) -> bool {
    line.starts_with(MARK)
}

/// All directives of a text.
pub(crate) fn read(file: &str, text: &str) -> Result<Vec<Directive>, FileError> {
    let mut directives: Vec<Directive> = Vec::new();
    for (number, text) in (1..).zip(text.lines()) {
        let Some(said) = text.strip_prefix(MARK) else { continue };
        let said = said.trim();
        let error = |reason: String| FileError::new(file, Some(number), reason);
        if let Some(more) = said.strip_prefix(CONTINUED) {
            let before = directives.last_mut().filter(|before| before.key != Key::Down);
            let before = before.ok_or_else(|| error("goes on with a line that is not there".to_owned()))?;
            before.value = format!("{} {}", before.value, more.trim());
            continue;
        }
        let (name, value) = said.split_once(':').unwrap_or((said, ""));
        let known = Key::ALL.iter().find(|(known, _)| *known == name.trim());
        let Some((_, key)) = known else {
            let all: Vec<&str> = Key::ALL.iter().map(|(name, _)| *name).collect();
            return Err(error(format!(
                "unknown directive {:?}, expected one of {}",
                name.trim(),
                all.join(", ")
            )));
        };
        if *key != Key::Requires && directives.iter().any(|directive| directive.key == *key) {
            return Err(error(format!("says {:?} for the second time", name.trim())));
        }
        if (*key == Key::Down) != value.trim().is_empty() {
            let expected = if *key == Key::Down { "nothing after it" } else { "a value after the colon" };
            return Err(error(format!("{:?}, expected {expected}", said)));
        }
        if directives.iter().any(|directive| directive.key == Key::Down) {
            return Err(error(format!("{:?} stands below `--! down`, expected it above", name.trim())));
        }
        directives.push(Directive { key: *key, value: value.trim().to_owned(), line: number });
    }
    Ok(directives)
}

impl Directive {
    fn error(&self, file: &str, expected: &str) -> FileError {
        FileError::new(file, Some(self.line), format!("{:?}, expected {expected}", self.value))
    }

    /// Whether the migration runs in a transaction.
    pub(crate) fn transaction(&self, file: &str) -> Result<bool, FileError> {
        if self.value == "none" {
            return Ok(false);
        }
        Err(self.error(file, "`transaction: none`, or no such line"))
    }

    /// What the server must have.
    pub(crate) fn requirement(&self, file: &str) -> Result<Requirement, FileError> {
        Requirement::parse(&self.value)
            .ok_or_else(|| self.error(file, "the name of an extension, such as `requires: timescaledb`"))
    }

    /// The name of a set.
    pub(crate) fn set(&self, file: &str) -> Result<String, FileError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=32).contains(&self.value.len()) && self.value.bytes().all(plain) {
            return Ok(self.value.clone());
        }
        Err(self.error(file, "1 to 32 lower-case letters, digits and hyphens, such as `set: default`"))
    }

    /// The name of an index or table.
    pub(crate) fn identifier(&self, file: &str) -> Result<String, FileError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if (1..=63).contains(&self.value.len()) && self.value.bytes().all(plain) {
            return Ok(self.value.clone());
        }
        Err(self.error(file, "the name of an index without schema, such as items_newest"))
    }

    /// A number of rows.
    pub(crate) fn rows(&self, file: &str) -> Result<u64, FileError> {
        self.value.parse().map_err(|_| self.error(file, "a number of rows, such as 10000"))
    }
}
