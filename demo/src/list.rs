//! `GET /api/items`: filters, full-text search, pages.

use deadpool_postgres::Pool;
use serde::Serialize;
use tokio_postgres::types::ToSql;

use crate::error::Error;
use crate::item::{CATEGORIES, COLUMNS, Item, PRIORITIES, STATUSES};

const DEFAULT_PAGE_SIZE: i64 = 50;
const LARGEST_PAGE_SIZE: i64 = 200;
/// Beyond it a page's offset would not be a number PostgreSQL takes.
const LAST_PAGE: i64 = 1_000_000_000;

/// Which items to list.
#[derive(Debug, PartialEq, Eq)]
pub struct Query {
    category: Option<String>,
    status: Option<String>,
    priority: Option<String>,
    tag: Option<String>,
    search: Option<String>,
    page: i64,
    page_size: i64,
}

/// One page of items, newest first.
#[derive(Debug, Serialize)]
pub struct Page {
    items: Vec<Item>,
    total: i64,
    page: i64,
    page_size: i64,
}

impl Query {
    /// Reads query parameters; those it does not know mean nothing, and of a repeated one the last counts.
    pub fn parse(parameters: &[(String, String)]) -> Result<Query, Error> {
        // PostgreSQL's text cannot hold it.
        if let Some((name, _)) = parameters.iter().find(|(_, value)| value.contains('\0')) {
            return Err(Error::malformed(name, "must not contain a NUL character"));
        }
        let value = |name: &str| {
            let found = parameters.iter().rev().find(|(own, _)| own == name);
            found.map(|(_, value)| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        Ok(Query {
            category: one_of("category", value("category"), &CATEGORIES)?,
            status: one_of("status", value("status"), &STATUSES)?,
            priority: one_of("priority", value("priority"), &PRIORITIES)?,
            tag: value("tag"),
            search: value("q"),
            page: number("page", value("page"), LAST_PAGE)?.unwrap_or(1),
            page_size: number("page_size", value("page_size"), LARGEST_PAGE_SIZE)?
                .unwrap_or(DEFAULT_PAGE_SIZE),
        })
    }

    /// The WHERE clause and its parameters.
    fn conditions(&self) -> (String, Vec<&(dyn ToSql + Sync)>) {
        let all = [
            ("category = $", &self.category),
            ("status = $", &self.status),
            ("priority = $", &self.priority),
            ("tags @> ARRAY[$::text]", &self.tag),
            (
                "to_tsvector('english', title || ' ' || description) @@ websearch_to_tsquery('english', $::text)",
                &self.search,
            ),
        ];
        let mut parameters: Vec<&(dyn ToSql + Sync)> = Vec::new();
        let mut clauses = Vec::new();
        for (clause, value) in all {
            if let Some(value) = value {
                parameters.push(value);
                clauses.push(clause.replace('$', &format!("${}", parameters.len())));
            }
        }
        let clause =
            if clauses.is_empty() { String::new() } else { format!("WHERE {}", clauses.join(" AND ")) };
        (clause, parameters)
    }

    /// Asks the database.
    pub async fn run(&self, pool: &Pool) -> Result<Page, Error> {
        let client = pool.get().await?;
        let (conditions, mut parameters) = self.conditions();
        let count = format!("SELECT count(*) FROM workspace.workspace_items {conditions}");
        let count = client.prepare_cached(&count).await?;
        let total = client.query_one(&count, &parameters).await?.try_get(0)?;

        let offset = (self.page - 1) * self.page_size;
        let page = format!(
            "SELECT {COLUMNS} FROM workspace.workspace_items {conditions} \
             ORDER BY created_at DESC, id DESC LIMIT ${} OFFSET ${}",
            parameters.len() + 1,
            parameters.len() + 2
        );
        parameters.extend([&self.page_size as &(dyn ToSql + Sync), &offset]);
        let page = client.prepare_cached(&page).await?;
        let rows = client.query(&page, &parameters).await?;
        let items = rows.iter().map(Item::try_from).collect::<Result<_, _>>()?;
        Ok(Page { items, total, page: self.page, page_size: self.page_size })
    }
}

fn one_of(field: &str, value: Option<String>, allowed: &[&str]) -> Result<Option<String>, Error> {
    match value {
        Some(value) if !allowed.contains(&value.as_str()) => {
            Err(Error::malformed(field, format!("{value:?} is not one of {}", allowed.join(", "))))
        }
        value => Ok(value),
    }
}

fn number(field: &str, value: Option<String>, largest: i64) -> Result<Option<i64>, Error> {
    let Some(value) = value else { return Ok(None) };
    match value.parse() {
        Ok(number) if (1..=largest).contains(&number) => Ok(Some(number)),
        _ => Err(Error::malformed(field, format!("{value:?} is not a whole number from 1 to {largest}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &[(&str, &str)]) -> Result<Query, Error> {
        let pairs: Vec<_> =
            query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Query::parse(&pairs)
    }

    #[test]
    fn conditions_number_their_parameters() {
        let query = parse(&[("tag", "api"), ("status", "new"), ("q", " "), ("unknown", "1")]).unwrap();
        let (clause, parameters) = query.conditions();
        assert_eq!(clause, "WHERE status = $1 AND tags @> ARRAY[$2::text]");
        assert_eq!(parameters.len(), 2);
        assert_eq!(parse(&[]).unwrap().conditions().0, "");
    }

    #[test]
    fn a_bad_parameter_is_named() {
        let cases = [
            ("page", "0"),
            ("page", "x"),
            ("page", "99999999999999999999"),
            ("page_size", "201"),
            ("category", "nope"),
            ("status", "NEW"),
            ("priority", "1"),
            ("tag", "\0"),
        ];
        for (name, value) in cases {
            match parse(&[(name, value)]) {
                Err(Error::Malformed { field, message }) => {
                    assert_eq!(field, name);
                    assert!(message.contains(value) || message.contains("NUL"), "{message}");
                }
                other => panic!("{name}={value}: {other:?}"),
            }
        }
    }
}
