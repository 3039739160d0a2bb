//! `GET /api/items`: filters, full-text search, pages by number or by where the last one ended.

use serde::Serialize;
use tokio_postgres::types::Type;

use crate::cursor::Cursor;
use crate::database::{Database, Parameter};
use crate::error::Error;
use crate::item::{CATEGORIES, COLUMNS, Item, PRIORITIES, STATUSES};
use crate::parameters::Parameters;

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
    after: Option<Cursor>,
    page: i64,
    page_size: i64,
}

/// One page of items, newest first.
#[derive(Debug, Serialize)]
pub struct Page {
    items: Vec<Item>,
    /// Counted for pages by number only.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<i64>,
    page_size: i64,
    /// What `after` has to be for the next page; none: this may be the last.
    next: Option<String>,
}

impl Query {
    /// Reads query parameters.
    pub fn parse(parameters: &[(String, String)]) -> Result<Query, Error> {
        let parameters = Parameters::new(parameters)?;
        let after = Cursor::from_parameters(&parameters)?;
        let page = parameters.number("page", LAST_PAGE)?;
        if after.is_some() && page.is_some() {
            return Err(Error::malformed("after", "goes before a page's number: leave out one of the two"));
        }
        Ok(Query {
            category: parameters.one_of("category", &CATEGORIES)?,
            status: parameters.one_of("status", &STATUSES)?,
            priority: parameters.one_of("priority", &PRIORITIES)?,
            tag: parameters.text("tag"),
            search: parameters.text("q"),
            after,
            page: page.unwrap_or(1),
            page_size: parameters.number("page_size", LARGEST_PAGE_SIZE)?.unwrap_or(DEFAULT_PAGE_SIZE),
        })
    }

    /// The WHERE clause and its parameters.
    fn conditions(&self) -> (String, Vec<Parameter<'_>>) {
        let all = [
            ("category = $", &self.category),
            ("status = $", &self.status),
            ("priority = $", &self.priority),
            ("tags @> ARRAY[$]", &self.tag),
            (
                "to_tsvector('english', title || ' ' || description) @@ websearch_to_tsquery('english', $)",
                &self.search,
            ),
        ];
        let mut parameters: Vec<Parameter<'_>> = Vec::new();
        let mut clauses = Vec::new();
        for (clause, value) in all {
            if let Some(value) = value {
                parameters.push((value, Type::TEXT));
                clauses.push(clause.replace('$', &format!("${}", parameters.len())));
            }
        }
        if let Some(Cursor { micros, id }) = &self.after {
            parameters.extend([(micros as _, Type::INT8), (id as _, Type::INT8)]);
            let last = parameters.len();
            clauses.push(format!(
                "(created_at, id) < (timestamptz 'epoch' + ${} * interval '1 microsecond', ${last})",
                last - 1
            ));
        }
        let clause =
            if clauses.is_empty() { String::new() } else { format!("WHERE {}", clauses.join(" AND ")) };
        (clause, parameters)
    }

    /// Asks the database.
    pub async fn run(&self, database: &Database) -> Result<Page, Error> {
        let (conditions, mut parameters) = self.conditions();
        let total = match self.after {
            Some(_) => None,
            None => {
                let count = format!("SELECT count(*) FROM workspace.workspace_items {conditions}");
                let rows = database.read("number of items", &count, &parameters).await?;
                Some(rows.first().ok_or_else(Error::no_row)?.try_get(0)?)
            }
        };
        let offset = if self.after.is_some() { 0 } else { (self.page - 1) * self.page_size };
        let page = format!(
            "SELECT {COLUMNS}, (extract(epoch FROM created_at) * 1000000)::bigint AS micros \
             FROM workspace.workspace_items {conditions} \
             ORDER BY created_at DESC, id DESC LIMIT ${} OFFSET ${}",
            parameters.len() + 1,
            parameters.len() + 2
        );
        parameters.extend([(&self.page_size as _, Type::INT8), (&offset as _, Type::INT8)]);
        let rows = database.read("page of items", &page, &parameters).await?;
        let items = rows.iter().map(|row| Item::try_from(&row)).collect::<Result<Vec<_>, _>>()?;
        let is_full = i64::try_from(items.len()).is_ok_and(|count| count == self.page_size);
        let last = rows.get(rows.len().saturating_sub(1));
        let next = match last.filter(|_| is_full) {
            Some(last) => {
                Some(Cursor { micros: last.try_get("micros")?, id: last.try_get("id")? }.to_string())
            }
            None => None,
        };
        let page = self.after.is_none().then_some(self.page);
        Ok(Page { items, total, page, page_size: self.page_size, next })
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
        assert_eq!(clause, "WHERE status = $1 AND tags @> ARRAY[$2]");
        assert_eq!(parameters.len(), 2);
        assert_eq!(parse(&[]).unwrap().conditions().0, "");
        let query = parse(&[("status", "new"), ("after", "17-4")]).unwrap();
        let (clause, parameters) = query.conditions();
        assert!(
            clause.ends_with(
                "AND (created_at, id) < (timestamptz 'epoch' + $2 * interval '1 microsecond', $3)"
            )
        );
        assert_eq!((parameters.len(), query.after), (3, Some(Cursor { micros: 17, id: 4 })));
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
            ("after", "x"),
            ("after", "-1-1"),
            ("after", "9000000000000001-1"),
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
        assert!(parse(&[("after", "1-1"), ("page", "2")]).is_err());
    }
}
