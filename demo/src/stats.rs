//! `GET /api/stats`: counts and averages by category and by status.

use query_cache::Row;
use serde::Serialize;

use crate::database::Database;
use crate::error::Error;

/// Figures over all items.
#[derive(Debug, Serialize)]
pub struct Stats {
    total: i64,
    by_category: Vec<Group>,
    by_status: Vec<Group>,
}

#[derive(Debug, Serialize)]
struct Group {
    name: String,
    count: i64,
    average_tags: f64,
    average_description_length: f64,
}

impl Stats {
    /// Asks the database.
    pub async fn read(database: &Database) -> Result<Stats, Error> {
        let mut groups = Vec::new();
        for (column, query) in [("category", "items by category"), ("status", "items by status")] {
            let sql = format!(
                "SELECT {column} AS name, count(*) AS count, \
                 round(avg(cardinality(tags)), 3)::float8 AS average_tags, \
                 round(avg(length(description)), 3)::float8 AS average_description_length \
                 FROM workspace.workspace_items GROUP BY {column} ORDER BY {column}"
            );
            let rows = database.read(query, &sql, &[]).await?;
            groups.push(rows.iter().map(|row| Group::try_from(&row)).collect::<Result<Vec<_>, _>>()?);
        }
        let by_status = groups.pop().unwrap_or_default();
        let by_category = groups.pop().unwrap_or_default();
        let total = by_status.iter().map(|group| group.count).sum();
        Ok(Stats { total, by_category, by_status })
    }
}

impl TryFrom<&Row> for Group {
    type Error = query_cache::Error;

    fn try_from(row: &Row) -> Result<Group, query_cache::Error> {
        Ok(Group {
            name: row.try_get("name")?,
            count: row.try_get("count")?,
            average_tags: row.try_get("average_tags")?,
            average_description_length: row.try_get("average_description_length")?,
        })
    }
}
