//! What goes wrong, and what to do about it.

use std::fmt;

/// A file that is no migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    /// The file's name.
    pub file: String,
    /// The line, from 1, where one is to blame.
    pub line: Option<usize>,
    /// What is wrong, and what would be right.
    pub reason: String,
}

impl FileError {
    pub(crate) fn new(file: &str, line: Option<usize>, reason: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, reason: reason.into() }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}, line {line}: {}", self.file, self.reason),
            None => write!(f, "{}: {}", self.file, self.reason),
        }
    }
}

/// Why a database was not brought in line. Each says what to do.
#[derive(Debug)]
pub enum Error {
    /// A file is no migration, or does not fit the others.
    File(FileError),
    /// The database cannot be reached.
    Connect {
        /// Where it should be, without password.
        place: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// The connection broke.
    ConnectionLost {
        /// What was going on.
        doing: String,
    },
    /// Another migrates this database and does not come to an end.
    Locked {
        /// Who it is.
        holder: String,
        /// For how long it was waited, in seconds.
        waited_seconds: u64,
    },
    /// Migrations were edited after they ran.
    Edited {
        /// Their files.
        files: Vec<String>,
    },
    /// A migration failed.
    Failed {
        /// Its file.
        file: String,
        /// The line in it, from 1, where the server names one.
        line: Option<usize>,
        /// What the server says.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// A lock was not to be had for all the time that the settings give.
    LockTimeout {
        /// The migration's file.
        file: String,
        /// For how long it was tried, in seconds.
        tried_seconds: u64,
        /// Who holds it, as far as can be seen.
        holders: String,
    },
    /// What was asked for cannot be done.
    Refused {
        /// Why, and what to do.
        reason: String,
    },
    /// The server refused a statement of the migrator's own.
    Database {
        /// What was going on.
        doing: String,
        /// What the server says.
        reason: String,
    },
}

impl Error {
    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into() }
    }

    /// An error of a statement of our own.
    pub(crate) fn database(doing: &str, error: &tokio_postgres::Error) -> Self {
        if error.is_closed() || error.as_db_error().is_none() {
            return Self::ConnectionLost { doing: doing.to_owned() };
        }
        Self::Database { doing: doing.to_owned(), reason: said(error) }
    }
}

/// What the server says: tokio-postgres itself only says "db error".
pub(crate) fn said(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(said) => {
            let mut text = format!("{} ({})", said.message(), said.code().code());
            for more in [said.detail(), said.hint()].into_iter().flatten() {
                text = format!("{text}. {}", more.trim_end_matches('.'));
            }
            text
        }
        None => match std::error::Error::source(error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        },
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Connect { place, reason } => write!(f, "cannot connect to {place}: {reason}"),
            Self::ConnectionLost { doing } => write!(
                f,
                "the connection broke while {doing}. Nothing is half done that the next `migrate up` does not repair: run it again"
            ),
            Self::Locked { holder, waited_seconds } => write!(
                f,
                "another migrates this database and did not end within {waited_seconds} s: {holder}. Wait for it, or end it with \
                 pg_terminate_backend, and run `migrate up` again (migrate.wait_seconds says how long to wait)"
            ),
            Self::Edited { files } => write!(
                f,
                "edited after it ran: {}. Restore what ran and put the change into a new migration; if it comes to the same, \
                 `migrate repair --accept-edited` records it. Nothing was changed",
                files.join(", ")
            ),
            Self::Failed { file, line, reason, remedy } => match line {
                Some(line) => write!(f, "{file}, line {line}: {reason}. {remedy}"),
                None => write!(f, "{file}: {reason}. {remedy}"),
            },
            Self::LockTimeout { file, tried_seconds, holders } => write!(
                f,
                "{file}: its lock was not to be had within {tried_seconds} s ({holders}). It stepped back each time, so nobody was held \
                 up. Run `migrate up` again when they are done (migrate.lock_patience_seconds says how long to try)"
            ),
            Self::Refused { reason } => f.write_str(reason),
            Self::Database { doing, reason } => write!(f, "{doing}: {reason}"),
        }
    }
}

impl std::error::Error for Error {}
