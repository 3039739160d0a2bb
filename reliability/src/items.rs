//! The demo's items on PostgreSQL behind PgBouncer, with a query cache: the newest come first, so that the first one's id is the
//! version.

use anyhow::{Context, Result};
use testbed::{Demo, PgBouncer, PgBouncerOptions, Postgres, Redis};

use crate::truth::Truth;

const ITEMS: u32 = 200;

/// The API, its pooler and its database, stopped in this order.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) demo: Demo,
    pub(crate) pgbouncer: PgBouncer,
    pub(crate) postgres: Postgres,
}

impl Database {
    pub(crate) fn start(redis: &Redis) -> Result<Database> {
        let settings = ["wal_level=logical", "synchronous_commit=on", "max_slot_wal_keep_size=1GB"];
        let postgres = Postgres::start_with(&settings).context("PostgreSQL")?;
        let pgbouncer = PgBouncer::start(&PgBouncerOptions {
            databases: vec![("postgres".to_owned(), format!("host=127.0.0.1 port={}", postgres.port()))],
            settings: ["default_pool_size = 8", "server_login_retry = 1"].map(str::to_owned).to_vec(),
        });
        let pgbouncer = pgbouncer.context("PgBouncer")?;
        let (pooler, redis) = (pgbouncer.port().to_string(), redis.port().to_string());
        let env = [
            ("USE_PGBOUNCER", "true"),
            ("PGBOUNCER_PORT", &pooler),
            ("REDIS_HOST", "127.0.0.1"),
            ("REDIS_PORT", &redis),
            ("QUERY_CACHE_ENABLED", "true"),
        ];
        let demo = Demo::start_with(&postgres.url(), ITEMS, &env).context("the API")?;
        Ok(Database { demo, pgbouncer, postgres })
    }

    /// What has the companion follow the changes, for the query cache.
    pub(crate) fn companion_env(&self) -> Vec<(String, String)> {
        let (on, url) = ("SLIPSTREAM_CHANGE_CAPTURE__ENABLED", "SLIPSTREAM_CHANGE_CAPTURE__URL");
        vec![(on.to_owned(), "true".to_owned()), (url.to_owned(), self.postgres.url())]
    }
}

/// What is true of lists of items.
#[derive(Debug)]
pub(crate) struct Items;

impl Truth for Items {
    fn query(&self, page: u64) -> String {
        format!("page_size={}", page + 1)
    }

    fn version_of(&self, target: &str, text: &str) -> Result<u64, String> {
        let wrong = || format!("{target} was answered with {}", text.chars().take(200).collect::<String>());
        let list: serde_json::Value = serde_json::from_str(text).map_err(|_| wrong())?;
        let ids = list["items"]
            .as_array()
            .map(|items| items.iter().filter_map(|item| item["id"].as_u64()).collect());
        let ids: Vec<u64> = ids.unwrap_or_default();
        let is_whole = target.ends_with(&format!("page_size={}", ids.len()));
        let is_in_order = ids.is_sorted_by(|newer, older| newer > older);
        ids.first().copied().filter(|_| is_whole && is_in_order).ok_or_else(wrong)
    }

    fn post(&self) -> &'static str {
        r#"{"title": "one more", "category": "backend"}"#
    }

    fn written(&self, text: &str) -> Option<u64> {
        serde_json::from_str::<serde_json::Value>(text).ok()?["id"].as_u64()
    }

    fn write_past_envoy(&self) -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_as_new_as_its_first_item_if_it_is_whole_and_in_order() {
        let list = r#"{"items": [{"id": 7}, {"id": 5}]}"#;
        assert_eq!(Items.version_of("/api/items?page_size=2", list), Ok(7));
        for (target, text) in [
            ("/api/items?page_size=3", list),
            ("/api/items?page_size=2", r#"{"items": [{"id": 5}, {"id": 7}]}"#),
            ("/api/items?page_size=0", r#"{"items": []}"#),
            ("/api/items?page_size=2", "<html>"),
        ] {
            assert!(Items.version_of(target, text).is_err(), "{target}: {text}");
        }
        assert_eq!(Items.written(r#"{"id": 9, "title": "one more"}"#), Some(9));
    }
}
