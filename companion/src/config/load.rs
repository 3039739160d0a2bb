//! Where settings come from: the defaults, then the file, then the environment.

use std::fmt;
use std::path::Path;

use toml::{Table, Value};

use super::{Config, check};

/// What the variables of the companion's own start with; the standard ones of Redis and PgBouncer stand in [`STANDARD`].
const PREFIX: &str = "SLIPSTREAM_";
/// What stands between section and key in a variable's name.
const SEPARATOR: &str = "__";
/// Variables that many programs share. The companion's own go before them.
const STANDARD: [(&str, &str); 9] = [
    ("REDIS_HOST", "redis.host"),
    ("REDIS_PORT", "redis.port"),
    ("REDIS_DB", "redis.db"),
    ("REDIS_PASSWORD", "redis.password"),
    ("USE_PGBOUNCER", "pooling.use_pgbouncer"),
    ("PGBOUNCER_HOST", "pooling.host"),
    ("PGBOUNCER_PORT", "pooling.port"),
    ("SEMANTIC_CACHE_ENABLED", "semantic.enabled"),
    ("SEMANTIC_CACHE_SIMILARITY_THRESHOLD", "semantic.similarity_threshold"),
];

/// Settings that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigError {
    /// The file cannot be read.
    Unreadable {
        /// The file's name.
        file: String,
        /// Why.
        reason: String,
    },
    /// The file is no TOML.
    Syntax {
        /// The file's name.
        file: String,
        /// Where and why.
        reason: String,
    },
    /// A setting is unknown, of another type, or out of range.
    Field {
        /// The setting's path, such as `redis.port`.
        path: String,
        /// Where it was set: a file or a variable.
        source: String,
        /// The offending value and what would be right.
        reason: String,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, reason } => write!(f, "cannot read {file}: {reason}"),
            Self::Syntax { file, reason } => write!(f, "{file} is no TOML: {reason}"),
            Self::Field { path, source, reason } => write!(f, "{path} (from {source}): {reason}"),
        }
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// The settings of the file, if there is one, and this process's environment.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::load_with(file, environment)
    }

    /// The settings of the file, if there is one, and these variables.
    pub fn load_with(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let source = file.map_or_else(|| "the defaults".to_owned(), |file| file.display().to_string());
        let mut table = Table::new();
        if let Some(file) = file {
            let text = std::fs::read_to_string(file).map_err(|error| ConfigError::Unreadable {
                file: source.clone(),
                reason: error.to_string(),
            })?;
            table = text.parse().map_err(|error: toml::de::Error| ConfigError::Syntax {
                file: source.clone(),
                reason: error.to_string().trim_end().to_owned(),
            })?;
        }
        // Read again after each source, so that an error is put down to the source that brought it in.
        let mut config = read(table.clone(), &source)?;
        for (variable, path, text) in settings_in(environment) {
            let (path, text) = from_file(path, text).map_err(|reason| ConfigError::Field {
                path: variable.clone(),
                source: variable.clone(),
                reason,
            })?;
            set(&mut table, &path, typed(&path, &text));
            config = read(table.clone(), &variable)?;
        }
        check::check(&config)?;
        Ok(config)
    }
}

fn read(table: Table, source: &str) -> Result<Config, ConfigError> {
    serde_path_to_error::deserialize(table).map_err(|error| ConfigError::Field {
        path: error.path().to_string(),
        source: source.to_owned(),
        reason: error.inner().message().to_owned(),
    })
}

/// The variables that are settings: name, the setting's path, and value; the shared ones first.
fn settings_in(environment: impl IntoIterator<Item = (String, String)>) -> Vec<(String, String, String)> {
    let mut shared = Vec::new();
    let mut own = Vec::new();
    for (name, value) in environment {
        if let Some((_, path)) = STANDARD.iter().find(|(standard, _)| *standard == name) {
            // Kubernetes sets REDIS_PORT to `tcp://ADDRESS:PORT` in every pod beside a service named redis.
            if !value.is_empty() && !value.starts_with("tcp://") {
                shared.push((name, (*path).to_owned(), value));
            }
        } else if let Some(path) = path_of(&name) {
            own.push((name, path, value));
        }
    }
    shared.append(&mut own);
    shared
}

/// The path a variable of the companion's own sets. Without a section only known settings count: the command line and
/// Kubernetes use other names that start alike.
fn path_of(variable: &str) -> Option<String> {
    let name = variable.strip_prefix(PREFIX)?.to_ascii_lowercase();
    match name.split_once(SEPARATOR) {
        Some((section, key)) => Some(format!("{section}.{key}")),
        None => {
            matches!(name.as_str(), "listen" | "token" | "token_file" | "shutdown_grace_ms").then_some(name)
        }
    }
}

/// A setting and its text, which stand in the file that the variable names if it ends in `_FILE` and no setting does: so
/// container platforms hand over secrets.
fn from_file(path: String, text: String) -> Result<(String, String), String> {
    let Some(setting) = path.strip_suffix("_file") else { return Ok((path, text)) };
    if default_of(&path).is_some() || default_of(setting).is_none() {
        return Ok((path, text));
    }
    let secret = std::fs::read_to_string(&text).map_err(|error| format!("cannot read {text:?}: {error}"))?;
    Ok((setting.to_owned(), secret.trim_end_matches(['\r', '\n']).to_owned()))
}

fn default_of(path: &str) -> Option<Value> {
    let defaults = Table::try_from(Config::default()).unwrap_or_default();
    match path.split_once('.') {
        Some((section, key)) => defaults.get(section).and_then(|section| section.get(key)).cloned(),
        None => defaults.get(path).cloned(),
    }
}

/// A variable's text as the type that the setting's default has. Commas part the items of a list.
fn typed(path: &str, text: &str) -> Value {
    let value = match default_of(path) {
        Some(Value::Integer(_)) => text.parse().ok().map(Value::Integer),
        Some(Value::Boolean(_)) => match text {
            "true" | "1" => Some(Value::Boolean(true)),
            "false" | "0" => Some(Value::Boolean(false)),
            _ => None,
        },
        Some(Value::Float(_)) => text.parse().ok().map(Value::Float),
        Some(Value::Array(_)) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Some(Value::Array(items.map(|item| Value::String(item.to_owned())).collect()))
        }
        _ => None,
    };
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn set(table: &mut Table, path: &str, value: Value) {
    match path.split_once('.') {
        Some((section, key)) => {
            let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(section) = section {
                section.insert(key.to_owned(), value);
            }
        }
        None => {
            table.insert(path.to_owned(), value);
        }
    }
}
