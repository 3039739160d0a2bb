//! The queries of a list page, asked with and without indexes.

use std::time::Instant;

use anyhow::Result;
use tokio_postgres::Client;

/// What a query must reach with indexes: at most so many milliseconds, and so many times faster than without.
pub const TARGET: (f64, f64) = (3.0, 100.0);

/// A query, its name, and whether it has to reach the target.
struct Query {
    name: &'static str,
    sql: String,
    must: bool,
}

/// A query's median, in milliseconds.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What it asks for.
    pub name: &'static str,
    /// Whether it has to reach the target.
    pub must: bool,
    /// Without indexes but the primary key.
    pub without_ms: f64,
    /// With the default set.
    pub with_ms: f64,
}

const COLUMNS: &str =
    "SELECT id, title, category, status, priority, tags, created_at FROM workspace.workspace_items";
const NEWEST: &str = "ORDER BY created_at DESC, id DESC LIMIT 50";
const SEARCH: &str = "to_tsvector('english', title || ' ' || description) @@ plainto_tsquery('english', ";

fn queries(rows: u32) -> Vec<Query> {
    let list = |name, condition: String, must| Query {
        name,
        sql: format!("{COLUMNS} WHERE {condition} {NEWEST}"),
        must,
    };
    // An item from the middle: what it has, some others have, too.
    let middle = rows / 2 - rows / 2 % 4;
    let day = format!("(timestamptz '2024-01-01 00:00:00+00' + {middle} * interval '5 minutes')");
    vec![
        list(
            "category and status, newest 50",
            "category = 'data' AND status = 'in-progress'".to_owned(),
            true,
        ),
        list("high priority, newest 50", "priority IN ('high', 'critical')".to_owned(), true),
        list("two tags, newest 50", format!("tags @> ARRAY['api', 'sprint-{}']", 1 + middle / 2 % 499), true),
        list("full text, a rare word, newest 50", format!("{SEARCH}'K{}')", 1000 + middle % 5003), true),
        list("full text, common words, newest 50", format!("{SEARCH}'slow payment')"), false),
        list(
            "metadata contains, newest 50",
            format!("metadata @> '{{\"team\": \"team-{}\"}}'", middle % 1009),
            true,
        ),
        list("metadata, one key", format!("metadata ->> 'ext_id' = 'EXT-{middle}'"), false),
        list(
            "category, priority, newest 50",
            "category = 'design' AND priority = 'critical'".to_owned(),
            false,
        ),
        list(
            "somebody's open items",
            "assignee = 'person-7' AND status IN ('new', 'in-progress', 'review')".to_owned(),
            false,
        ),
        Query {
            name: "one day, count by status",
            sql: format!(
                "SELECT status, count(*) FROM workspace.workspace_items \
                 WHERE created_at >= {day} AND created_at < {day} + interval '1 day' GROUP BY status"
            ),
            must: false,
        },
        Query {
            name: "all, page 2,000 by offset",
            sql: format!("{COLUMNS} ORDER BY created_at DESC, id DESC LIMIT 50 OFFSET {}", rows / 10),
            must: false,
        },
        list(
            "all, page 2,000 by key",
            format!(
                "(created_at, id) < (timestamptz '2024-01-01 00:00:00+00' + {} * interval '5 minutes', 0)",
                rows - rows / 10
            ),
            false,
        ),
        Query {
            name: "count by category and status",
            sql: "SELECT category, status, count(*) FROM workspace.workspace_items GROUP BY category, status"
                .to_owned(),
            must: false,
        },
    ]
}

/// Asks each so often, after once that does not count; the medians.
pub async fn ask(client: &Client, rows: u32, rounds: u16) -> Result<Vec<(&'static str, bool, f64)>> {
    let mut asked = Vec::new();
    for Query { name, sql, must } in queries(rows) {
        client.simple_query(&sql).await?;
        let mut times = Vec::new();
        for _ in 0..rounds {
            let start = Instant::now();
            client.simple_query(&sql).await?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        asked.push((name, must, times[times.len() / 2]));
    }
    Ok(asked)
}

/// Both measurements side by side.
pub fn together(without: Vec<(&'static str, bool, f64)>, with: Vec<(&'static str, bool, f64)>) -> Vec<Asked> {
    let pair = |((name, must, without_ms), (_, _, with_ms))| Asked { name, must, without_ms, with_ms };
    without.into_iter().zip(with).map(pair).collect()
}
