//! How a client hands its statements to the server.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a client hands its statements to the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientMode {
    /// The simple protocol: text in, text out, no parameters. Right through every pooler.
    Simple,
    /// Unnamed statements, parsed and bound before one sync, with the parameters' types said. Right through every pooler.
    #[default]
    Typed,
    /// Named statements, parsed once and bound later. Right directly, in session mode, and through PgBouncer 1.21 and later
    /// with `max_prepared_statements` above 0.
    Prepared,
    /// Unnamed statements, parsed before one sync and bound before the next, as sqlx sends them. In transaction mode the bind
    /// may meet what another client has parsed: its answer comes back without an error.
    Split,
}

impl ClientMode {
    /// Every mode there is.
    pub const ALL: [Self; 4] = [Self::Simple, Self::Typed, Self::Prepared, Self::Split];

    /// The mode's name, as it is read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Typed => "typed",
            Self::Prepared => "prepared",
            Self::Split => "split",
        }
    }
}

impl fmt::Display for ClientMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ClientMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|mode| mode.as_str() == text);
        found.ok_or_else(|| format!("{text:?}, expected \"simple\", \"typed\", \"prepared\" or \"split\""))
    }
}
