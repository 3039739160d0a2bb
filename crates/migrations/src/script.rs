//! One migration as it stands in its file.

mod directive;

use sha2::{Digest, Sha256};

use crate::{Evidence, FileError, Requirement, Statement, statement};
pub(crate) use directive::{Directive, Key};

/// A migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Its number, which orders it.
    pub number: u32,
    /// What its file's name says, such as `items_newest`.
    pub name: String,
    /// The file's name.
    pub file: String,
    /// The set that it belongs to; none: it is always applied.
    pub set: Option<String>,
    /// What the server must have.
    pub requires: Vec<Requirement>,
    /// Whether it runs in one transaction, or is one statement that cannot.
    pub transactional: bool,
    /// What applies it.
    pub up: Part,
    /// What takes it back, if it can be.
    pub down: Option<Part>,
    /// The index that it makes, and the query that the index is for.
    pub evidence: Option<Evidence>,
    /// SHA-256 of what applies it, in hex: without directives, with line ends and trailing blanks made alike.
    pub checksum: String,
}

/// The SQL of one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The SQL.
    pub sql: String,
    /// How many lines stand before it in the file.
    pub lines_before: usize,
    /// Its statements, as far as they can be read.
    pub statements: Vec<Statement>,
}

impl Migration {
    /// Reads a file.
    pub fn parse(file: &str, text: &str) -> Result<Self, FileError> {
        let (number, name) = numbered(file)?;
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        let directives = directive::read(file, &text)?;
        let split = directives.iter().find(|directive| directive.key == Key::Down);
        let (up, down) = halves(&text, split.map(|directive| directive.line));
        let up = Part::new(up, 0);
        let down = down.map(|(sql, lines_before)| Part::new(sql, lines_before));
        let mut migration = Self {
            number,
            name,
            file: file.to_owned(),
            set: None,
            requires: Vec::new(),
            transactional: true,
            checksum: checksum(&up.sql),
            up,
            down,
            evidence: None,
        };
        for directive in &directives {
            match directive.key {
                Key::Transaction => migration.transactional = directive.transaction(file)?,
                Key::Requires => migration.requires.push(directive.requirement(file)?),
                Key::Set => migration.set = Some(directive.set(file)?),
                Key::Index | Key::Query | Key::Sample | Key::CoveredBy | Key::Rows | Key::Down => {}
            }
        }
        migration.evidence = Evidence::read(file, &directives)?;
        migration.check()?;
        Ok(migration)
    }

    /// How it is called in messages and tables, such as `003 items_newest`.
    pub fn label(&self) -> String {
        format!("{:03} {}", self.number, self.name)
    }

    fn check(&self) -> Result<(), FileError> {
        let error = |reason: &str| Err(FileError::new(&self.file, None, reason));
        if self.up.is_empty() {
            return error("has no statement that applies it");
        }
        for part in [Some(&self.up), self.down.as_ref()].into_iter().flatten() {
            if !self.transactional && part.statements.len() != 1 {
                return error(&format!(
                    "says `transaction: none` and has {} statements in one direction, expected one: what cannot run in a transaction is \
                     recorded statement by statement, so give each a file",
                    part.statements.len()
                ));
            }
            if let Some(statement) = part.statements.iter().find(|statement| statement.ends_transaction()) {
                return error(&format!(
                    "has {:?}, expected none: the migrator begins and ends the transaction",
                    statement.first_words()
                ));
            }
            let alone = part.statements.iter().find(|statement| statement.wants_no_transaction());
            if let (true, Some(statement)) = (self.transactional, alone) {
                return error(&format!(
                    "has {:?}, which cannot run in a transaction, expected the line `--! transaction: none`",
                    statement.first_words()
                ));
            }
        }
        Ok(())
    }
}

impl Part {
    fn new(sql: &str, lines_before: usize) -> Self {
        Self { statements: statement::read(sql), sql: sql.to_owned(), lines_before }
    }

    fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// The file's line of a position that the server names: in characters, from 1.
    pub(crate) fn line_of(&self, position: u32) -> usize {
        let before = usize::try_from(position.saturating_sub(1)).unwrap_or(usize::MAX);
        self.lines_before + 1 + self.sql.chars().take(before).filter(|char| *char == '\n').count()
    }
}

/// `NNN_name.sql`.
fn numbered(file: &str) -> Result<(u32, String), FileError> {
    let error = || FileError::new(file, None, "expected a name such as 007_items_newest.sql");
    let (number, name) = file.strip_suffix(".sql").and_then(|stem| stem.split_once('_')).ok_or_else(error)?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let number: u32 = number.parse().map_err(|_| error())?;
    if number == 0 || number > 999_999 || name.is_empty() || !name.bytes().all(plain) {
        return Err(error());
    }
    Ok((number, name.to_owned()))
}

/// What stands before a line (from 1), and what stands after it with the number of lines before that.
fn halves(text: &str, line: Option<usize>) -> (&str, Option<(&str, usize)>) {
    let Some(line) = line else { return (text, None) };
    let start = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let (up, rest) = text.split_at_checked(start).unwrap_or((text, ""));
    let down = rest.split_once('\n').map_or("", |(_, down)| down);
    (up, Some((down, line)))
}

fn checksum(sql: &str) -> String {
    let mut hasher = Sha256::new();
    let lines = sql.lines().map(str::trim_end).filter(|line| !directive::is_one(line));
    let text = lines.collect::<Vec<_>>().join("\n");
    hasher.update(text.trim());
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
