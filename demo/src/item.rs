//! An item of the workspace.

use query_cache::{Error, Row};
use serde::Serialize;

/// What `category` may be.
pub const CATEGORIES: [&str; 8] =
    ["backend", "data", "design", "documentation", "frontend", "infrastructure", "operations", "security"];
/// What `status` may be.
pub const STATUSES: [&str; 5] = ["new", "in-progress", "review", "completed", "rejected"];
/// What `priority` may be.
pub const PRIORITIES: [&str; 4] = ["low", "medium", "high", "critical"];

/// The columns that `Item::from` reads, times already in RFC 3339.
pub const COLUMNS: &str = "id, title, description, category, status, priority, tags, metadata, \
    to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS created, \
    to_char(updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS updated";

/// An item as clients see it.
#[derive(Debug, Serialize)]
pub struct Item {
    id: i64,
    title: String,
    description: String,
    category: String,
    status: String,
    priority: String,
    tags: Vec<String>,
    metadata: serde_json::Value,
    created_at: String,
    updated_at: String,
}

impl Item {
    /// Its number, which is also its place under `/api/items/`.
    pub fn id(&self) -> i64 {
        self.id
    }
}

impl TryFrom<&Row> for Item {
    type Error = Error;

    fn try_from(row: &Row) -> Result<Item, Error> {
        Ok(Item {
            id: row.try_get("id")?,
            title: row.try_get("title")?,
            description: row.try_get("description")?,
            category: row.try_get("category")?,
            status: row.try_get("status")?,
            priority: row.try_get("priority")?,
            tags: row.try_get("tags")?,
            metadata: row.try_get("metadata")?,
            created_at: row.try_get("created")?,
            updated_at: row.try_get("updated")?,
        })
    }
}
