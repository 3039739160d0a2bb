//! The databases that have migrations.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// A database with a series of migrations of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Items and their audit log.
    Workspace,
    /// Trading signals.
    TpCapital,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Workspace, Self::TpCapital];

    /// Its name, which is also that of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::TpCapital => "tp-capital",
        }
    }

    /// The schema that its tables are in, `schema_version` among them.
    pub fn schema(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::TpCapital => "tp_capital",
        }
    }

    /// What its migrators lock, so that one of them works at a time (advisory locks are of one database).
    pub(crate) fn lock_key(self) -> i32 {
        match self {
            Self::Workspace => 1,
            Self::TpCapital => 2,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|target| target.name() == text)
            .ok_or_else(|| format!("{text:?}, expected workspace or tp-capital"))
    }
}
