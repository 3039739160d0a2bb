//! `slipstream purge`.

use anyhow::{Context, bail};
use cache_protocol::{ErrorBody, InvalidationAck, InvalidationRequest, names};
use clap::Args;
use hyper::{Method, StatusCode};

use super::Remote;

/// What to invalidate; options may be given together, and more than once.
#[derive(Debug, Args)]
#[group(id = "what", required = true, multiple = true, args = ["url", "key", "tag", "prefix", "glob", "all"])]
pub(super) struct Purge {
    /// A resource with all its variants, by its URL, such as "https://shop.example/api/items?page=2".
    #[arg(long)]
    url: Vec<String>,
    /// A primary key: every variant of one resource, such as "GET shop.example/api/items?page=2".
    #[arg(long)]
    key: Vec<String>,
    /// Every response that carries this tag.
    #[arg(long)]
    tag: Vec<String>,
    /// Every response whose full key starts with this, such as "GET shop.example/api/".
    #[arg(long)]
    prefix: Vec<String>,
    /// Every resource whose whole primary key matches this, "*" standing for anything, such as "GET shop.example/*.png".
    #[arg(long, value_name = "PATTERN")]
    glob: Vec<String>,
    /// Every response.
    #[arg(long)]
    all: bool,
    /// Let what is hit become stale instead of invalid: it is fetched anew, and may stand in until it has been.
    #[arg(long)]
    soft: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Purge {
    /// Asks for it, waits, and tells who confirmed.
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = self.remote.client()?;
        let request = InvalidationRequest {
            keys: self.key,
            tags: self.tag,
            prefixes: self.prefix,
            all: self.all,
            globs: self.glob,
            urls: self.url,
            soft: self.soft,
        };
        let headers = [("content-type", "application/json")];
        let answer = client
            .send(Method::POST, names::INVALIDATIONS_PATH, &headers, serde_json::to_vec(&request)?)
            .await?;
        if answer.status() != StatusCode::OK {
            let reason = serde_json::from_slice::<ErrorBody>(answer.body())
                .map_or_else(|_| String::from_utf8_lossy(answer.body()).into_owned(), |body| body.error);
            bail!("not purged: {reason} ({})", answer.status());
        }
        let ack: InvalidationAck =
            serde_json::from_slice(answer.body()).context("the companion's answer is no acknowledgement")?;
        println!(
            "purged {}{} {} at {}: {} followers confirmed, {} leases ran out{}",
            if ack.met_at_least { "at least " } else { "" },
            ack.met,
            if ack.met == 1 { "entry" } else { "entries" },
            ack.position,
            ack.confirmed,
            ack.expired,
            match ack.companions {
                0 => String::new(),
                1 => ", 1 other companion confirmed".to_owned(),
                others => format!(", {others} other companions confirmed"),
            }
        );
        Ok(())
    }
}
