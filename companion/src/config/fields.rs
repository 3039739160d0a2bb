//! Fields that are checked while they are read, so that the error knows their path.

use std::fmt;
use std::net::SocketAddr;

use hyper::Uri;
use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Address, LogFormat, LogLevel, PgBouncerVersion, RagEngine, Secret, SemanticIndex};

/// A whole number from `MIN` to `MAX`.
pub(super) fn bounded<'de, const MIN: u64, const MAX: u64, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: TryFrom<u64>,
    D: Deserializer<'de>,
{
    let number = deserializer.deserialize_u64(Bounded::<MIN, MAX>)?;
    T::try_from(number)
        .map_err(|_| de::Error::invalid_value(Unexpected::Unsigned(number), &Bounded::<MIN, MAX>))
}

struct Bounded<const MIN: u64, const MAX: u64>;

impl<const MIN: u64, const MAX: u64> Visitor<'_> for Bounded<MIN, MAX> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {MIN} to {MAX}")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<u64, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
        if (MIN..=MAX).contains(&number) {
            Ok(number)
        } else {
            Err(E::invalid_value(Unexpected::Unsigned(number), &self))
        }
    }
}

/// An IP address and a port.
pub(super) fn socket_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    deserializer.deserialize_str(Text {
        expected: "an IP address and a port, such as 127.0.0.1:8900 or [::1]:8900",
        parse: |text| text.parse().ok(),
    })
}

/// A server's name or address, and its port.
pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
    deserializer.deserialize_str(Text {
        expected: "a name or address and a port, such as redis-1:6379 or [::1]:6379",
        parse: Address::parse,
    })
}

/// The URL of a server that is spoken to by plain HTTP, or nothing.
pub(super) fn http_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_str(Text {
        expected: "http://HOST:PORT, or nothing",
        parse: |text| {
            let is_url = is_http_url(text) || text.is_empty();
            is_url.then(|| text.trim_end_matches('/').to_owned())
        },
    })
}

/// URLs of servers that are spoken to by plain HTTP.
pub(super) fn http_urls<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let urls = Vec::<String>::deserialize(deserializer)?;
    match urls.iter().find(|url| !is_http_url(url)) {
        Some(url) => Err(de::Error::invalid_value(Unexpected::Str(url), &"http://HOST:PORT")),
        None => Ok(urls),
    }
}

fn is_http_url(text: &str) -> bool {
    let parsed = text.parse::<Uri>();
    parsed.is_ok_and(|url| url.scheme_str() == Some("http") && url.authority().is_some())
}

/// A bearer token (RFC 6750 §2.1), or nothing. The error does not show it.
pub(super) fn token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    let token = Secret::deserialize(deserializer)?;
    let fits = token.0.len() <= 256 && token.0.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(token) } else { Err(de::Error::custom("expected at most 256 visible ASCII characters")) }
}

/// A PostgreSQL URL, or nothing. The error does not show it: it may hold a password.
pub(super) fn database_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    let url = Secret::deserialize(deserializer)?;
    if url.0.is_empty() {
        return Ok(url);
    }
    match url.0.parse::<tokio_postgres::Config>() {
        Ok(_) => Ok(url),
        Err(error) => Err(de::Error::custom(format_args!(
            "expected a PostgreSQL URL, such as postgres://user:password@127.0.0.1:5432/workspace ({})",
            std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
        ))),
    }
}

/// The name of a set of migrations.
pub(super) fn set_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    let fits = |name: &str| {
        (1..=32).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    match names.iter().find(|name| !fits(name)) {
        Some(name) => Err(de::Error::custom(format_args!(
            "{name:?}, expected 1 to 32 lower-case letters, digits and hyphens, such as \"default\""
        ))),
        None => Ok(names),
    }
}

/// A text that fits into a line of another program's configuration.
pub(super) fn one_line<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_str(Text {
        expected: "at most 1024 bytes of text without line breaks",
        parse: |text| (text.len() <= 1024 && !text.contains(char::is_control)).then(|| text.to_owned()),
    })
}

/// A version of PgBouncer.
pub(super) fn pgbouncer_version<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<PgBouncerVersion, D::Error> {
    deserializer.deserialize_str(Text {
        expected: "a version of PgBouncer, such as \"1.18\"",
        parse: PgBouncerVersion::parse,
    })
}

/// What Redis keys start with. A brace would change which slot of a cluster they lie in.
pub(super) fn key_prefix<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_str(Text {
        expected: "1 to 64 visible ASCII characters without braces",
        parse: |text| {
            let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'{' | b'}');
            let fits = (1..=64).contains(&text.len()) && text.bytes().all(plain);
            fits.then(|| text.to_owned())
        },
    })
}

/// A name of PostgreSQL's that can stand in a replication command.
pub(super) fn database_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_str(Text {
        expected: "1 to 40 lower-case letters, digits and underscores",
        parse: |text| {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            ((1..=40).contains(&text.len()) && text.bytes().all(plain)).then(|| text.to_owned())
        },
    })
}

/// How a line of the log is written.
pub(super) fn log_format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LogFormat, D::Error> {
    deserializer.deserialize_str(Text {
        expected: "\"text\" or \"json\"",
        parse: |text| match text {
            "text" => Some(LogFormat::Text),
            "json" => Some(LogFormat::Json),
            _ => None,
        },
    })
}

/// The least severe level that is logged.
pub(super) fn log_level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LogLevel, D::Error> {
    deserializer.deserialize_str(Text {
        expected: "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
        parse: |text| match text {
            "error" => Some(LogLevel::Error),
            "warn" => Some(LogLevel::Warn),
            "info" => Some(LogLevel::Info),
            "debug" => Some(LogLevel::Debug),
            "trace" => Some(LogLevel::Trace),
            _ => None,
        },
    })
}

/// What makes answers.
pub(super) fn rag_engine<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RagEngine, D::Error> {
    deserializer.deserialize_str(Text {
        expected: "\"extractive\" or \"openai\"",
        parse: |text| match text {
            "extractive" => Some(RagEngine::Extractive),
            "openai" => Some(RagEngine::OpenAi),
            _ => None,
        },
    })
}

/// What finds the nearest questions.
pub(super) fn semantic_index<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SemanticIndex, D::Error> {
    deserializer.deserialize_str(Text {
        expected: "\"memory\" or \"vector-sets\"",
        parse: |text| match text {
            "memory" => Some(SemanticIndex::Memory),
            "vector-sets" => Some(SemanticIndex::VectorSets),
            _ => None,
        },
    })
}

/// The name of a header field, in lower case.
pub(super) fn header_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_str(Text {
        expected: "the name of a header field, such as \"x-tenant-id\"",
        parse: |text| text.parse::<hyper::header::HeaderName>().ok().map(|name| name.as_str().to_owned()),
    })
}

/// A text of a certain form.
struct Text<T> {
    expected: &'static str,
    parse: fn(&str) -> Option<T>,
}

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}
