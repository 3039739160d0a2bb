//! `slipstream cache`: what is stored.

use std::fmt::Write;

use anyhow::{Context, bail};
use cache_protocol::{EntryPage, ErrorBody, ListedEntry, names};
use clap::{Args, Subcommand};
use hyper::{Method, StatusCode};
use serde_json::Value;

use super::Remote;
use super::table::{Table, bytes, seconds};

/// The entries that one request asks for.
const PAGE: usize = 1_000;

#[derive(Debug, Subcommand)]
pub(super) enum Cache {
    /// Show every variant that is stored for a URL.
    Get(Get),
    /// Show what is stored.
    List(List),
    /// Show how full the store is, and how well it serves.
    Stats(Stats),
}

#[derive(Debug, Args)]
pub(super) struct Get {
    /// The URL, such as "https://shop.example/api/items?page=2".
    #[arg(value_name = "URL")]
    url: String,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Only those whose full key starts with this, such as "GET shop.example/api/".
    #[arg(long, conflicts_with = "tag")]
    prefix: Option<String>,
    /// Only those that carry this tag.
    #[arg(long)]
    tag: Option<String>,
    /// How many at most.
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: usize,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct Stats {
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
struct Output {
    /// Print JSON instead of a table for people.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Cache {
    /// Asks for it and prints it.
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Get(Get { url, output }) => {
                let page = output.entries(&format!("url={}", encoded(&url)), usize::MAX).await?;
                output.print(&page)
            }
            Self::List(List { prefix, tag, limit, output }) => {
                let query = match (prefix, tag) {
                    (Some(prefix), _) => format!("prefix={}", encoded(&prefix)),
                    (None, Some(tag)) => format!("tag={}", encoded(&tag)),
                    (None, None) => String::new(),
                };
                let page = output.entries(&query, limit).await?;
                output.print(&page)
            }
            Self::Stats(Stats { output }) => {
                let text = output.ask(&format!("{}?count=true", names::STATS_PATH)).await?;
                if output.json {
                    println!("{text}");
                } else {
                    print!("{}", figures(&serde_json::from_str(&text)?));
                }
                Ok(())
            }
        }
    }
}

impl Output {
    /// The entries of as many pages as it takes to have `limit`.
    async fn entries(&self, query: &str, limit: usize) -> anyhow::Result<EntryPage> {
        let mut all = EntryPage { store: String::new(), entries: Vec::new(), cursor: None, complete: false };
        loop {
            let left = limit.saturating_sub(all.entries.len()).min(PAGE);
            let cursor = all.cursor.as_deref().map(|cursor| format!("&cursor={}", encoded(cursor)));
            let path = format!("{}?{query}&limit={left}{}", names::ENTRIES_PATH, cursor.unwrap_or_default());
            let page: EntryPage = serde_json::from_str(&self.ask(&path).await?)
                .context("the companion's answer is no list of entries")?;
            all.entries.extend(page.entries);
            (all.store, all.cursor, all.complete) = (page.store, page.cursor, page.complete);
            if all.cursor.is_none() || all.entries.len() >= limit {
                return Ok(all);
            }
        }
    }

    async fn ask(&self, path: &str) -> anyhow::Result<String> {
        let answer = self.remote.client()?.send(Method::GET, path, &[], "").await?;
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        if answer.status() != StatusCode::OK {
            let reason = serde_json::from_str::<ErrorBody>(&text).map_or(text, |body| body.error);
            bail!("{reason} ({})", answer.status());
        }
        Ok(text)
    }

    fn print(&self, page: &EntryPage) -> anyhow::Result<()> {
        if self.json {
            println!("{}", serde_json::to_string(page)?);
        } else {
            print!("{}", table(page));
        }
        Ok(())
    }
}

/// A text as the value of a query parameter (RFC 3986 §2.1).
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn table(page: &EntryPage) -> String {
    let mut table =
        Table::new(&["STATE", "STATUS", "AGE", "FRESH FOR", "SIZE", "TYPE", "KEY", "VARIANT", "TAGS"]);
    for entry in &page.entries {
        let ListedEntry { key, variant, tags, content_type, state, .. } = entry;
        table.row([
            state.as_str().to_owned(),
            entry.status.to_string(),
            seconds(i64::try_from(entry.age_seconds).unwrap_or(i64::MAX)),
            seconds(entry.ttl_seconds),
            bytes(entry.body_bytes),
            content_type.clone().unwrap_or_default(),
            key.clone(),
            variant.clone(),
            tags.join(" "),
        ]);
    }
    let what = if page.entries.len() == 1 { "entry" } else { "entries" };
    let more = if page.complete { "" } else { "; there may be more" };
    format!("{table}{} {what} in store {}{more}\n", page.entries.len(), page.store)
}

fn figures(stats: &Value) -> String {
    let number = |name: &str| stats.get(name).and_then(Value::as_u64).unwrap_or(0);
    let text = |name: &str| stats.get(name).and_then(Value::as_str).unwrap_or("unknown").to_owned();
    let (hits, stale, misses) = (number("hits"), number("stale"), number("misses"));
    let ratio = match hits + stale + misses {
        0 => "no lookups yet".to_owned(),
        lookups => {
            format!("{:.1} % of {lookups} lookups ({stale} stale)", hits as f64 * 100.0 / lookups as f64)
        }
    };
    let at_least = stats.get("entries_at_least") == Some(&Value::Bool(true));
    let mut table = Table::new(&[]);
    for (name, value) in [
        ("store", text("store")),
        ("entries", format!("{}{}", if at_least { "at least " } else { "" }, number("entries"))),
        ("memory", bytes(number("bytes"))),
        ("hits", ratio),
        ("followers", number("followers").to_string()),
        ("position", text("position")),
    ] {
        table.row([name.to_owned(), value]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_a_query_is_encoded() {
        assert_eq!(encoded("GET a/x?b=c&d#é-._~"), "GET%20a%2Fx%3Fb%3Dc%26d%23%C3%A9-._~");
    }
}
