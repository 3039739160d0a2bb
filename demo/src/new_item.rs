//! `POST /api/items`: what a new item must look like.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio_postgres::types::Type;

use crate::database::Database;
use crate::error::Error;
use crate::item::{CATEGORIES, COLUMNS, Item, PRIORITIES, STATUSES};

const LONGEST_TITLE: usize = 200;
const LONGEST_DESCRIPTION: usize = 5_000;
const MOST_TAGS: usize = 20;
const LONGEST_TAG: usize = 50;

/// An item that is about to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    title: String,
    #[serde(default)]
    description: String,
    category: String,
    #[serde(default = "first_status")]
    status: String,
    #[serde(default = "usual_priority")]
    priority: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    metadata: Map<String, Value>,
}

fn first_status() -> String {
    "new".to_owned()
}

fn usual_priority() -> String {
    "medium".to_owned()
}

impl NewItem {
    /// Reads a request's body; lengths are in characters.
    pub fn parse(body: &[u8]) -> Result<NewItem, Error> {
        let item: NewItem = read(body)?;
        item.checked()
    }

    fn checked(self) -> Result<NewItem, Error> {
        if self.title.trim().is_empty() {
            return Err(Error::invalid("title", "must not be empty"));
        }
        text("title", &self.title, LONGEST_TITLE)?;
        text("description", &self.description, LONGEST_DESCRIPTION)?;
        one_of("category", &self.category, &CATEGORIES)?;
        one_of("status", &self.status, &STATUSES)?;
        one_of("priority", &self.priority, &PRIORITIES)?;
        if self.tags.len() > MOST_TAGS {
            return Err(Error::invalid("tags", format!("{} tags, at most {MOST_TAGS}", self.tags.len())));
        }
        for (index, tag) in self.tags.iter().enumerate() {
            text(&format!("tags[{index}]"), tag, LONGEST_TAG)?;
        }
        object("metadata", &self.metadata)?;
        Ok(self)
    }

    /// Stores it; the answer is the item as it is from now on.
    pub async fn insert(self, database: &Database) -> Result<Item, Error> {
        let sql = format!(
            "INSERT INTO workspace.workspace_items \
             (title, description, category, status, priority, tags, metadata) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {COLUMNS}"
        );
        let metadata = Value::Object(self.metadata);
        let rows = database
            .write(
                &sql,
                &[
                    (&self.title, Type::TEXT),
                    (&self.description, Type::TEXT),
                    (&self.category, Type::TEXT),
                    (&self.status, Type::TEXT),
                    (&self.priority, Type::TEXT),
                    (&self.tags, Type::TEXT_ARRAY),
                    (&metadata, Type::JSONB),
                ],
            )
            .await?;
        Ok(Item::try_from(&rows.first().ok_or_else(Error::no_row)?)?)
    }
}

/// Reads a body of JSON.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { "body" } else { path.as_str() };
        match error.inner().classify() {
            serde_json::error::Category::Data => Error::invalid(field, error.inner().to_string()),
            _ => Error::malformed("body", format!("not JSON: {}", error.inner())),
        }
    })?;
    deserializer.end().map_err(|error| Error::malformed("body", format!("not JSON: {error}")))?;
    Ok(value)
}

/// Refuses a text that is too long, or that PostgreSQL cannot hold.
pub fn text(field: &str, value: &str, longest: usize) -> Result<(), Error> {
    let length = value.chars().count();
    if length > longest {
        return Err(Error::invalid(field, format!("{length} characters, at most {longest}")));
    }
    if value.contains('\0') {
        return Err(Error::invalid(field, "must not contain a NUL character"));
    }
    Ok(())
}

/// Refuses what PostgreSQL's jsonb, like its text, cannot hold.
pub fn object(field: &str, value: &Map<String, Value>) -> Result<(), Error> {
    if Value::Object(value.clone()).to_string().contains("\\u0000") {
        return Err(Error::invalid(field, "must not contain a NUL character"));
    }
    Ok(())
}

/// Refuses what is not one of some values.
pub fn one_of(field: &str, value: &str, allowed: &[&str]) -> Result<(), Error> {
    if allowed.contains(&value) {
        return Ok(());
    }
    Err(Error::invalid(field, format!("{value:?} is not one of {}", allowed.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_body_is_refused_by_name() {
        let long = format!(r#"{{"title": "{}", "category": "data"}}"#, "x".repeat(201));
        let cases = [
            ("{", 400, "body", "EOF"),
            (r#"{"title": "a", "category": "data"} x"#, 400, "body", "trailing"),
            ("[]", 422, "body", "expected"),
            (r#"{"category": "data"}"#, 422, "body", "title"),
            (r#"{"title": " ", "category": "data"}"#, 422, "title", "empty"),
            (r#"{"title": "a\u0000", "category": "data"}"#, 422, "title", "NUL"),
            (long.as_str(), 422, "title", "201 characters"),
            (r#"{"title": 1, "category": "data"}"#, 422, "title", "integer `1`"),
            (r#"{"title": "a", "category": "x"}"#, 422, "category", "\"x\""),
            (r#"{"title": "a", "category": "data", "status": "x"}"#, 422, "status", "\"x\""),
            (r#"{"title": "a", "category": "data", "priority": "x"}"#, 422, "priority", "\"x\""),
            (r#"{"title": "a", "category": "data", "tags": ["a", 2]}"#, 422, "tags[1]", "integer `2`"),
            (r#"{"title": "a", "category": "data", "metadata": []}"#, 422, "metadata", "map"),
            (r#"{"title": "a", "category": "data", "metadata": {"a": "\u0000"}}"#, 422, "metadata", "NUL"),
            (r#"{"title": "a", "category": "data", "colour": 1}"#, 422, "colour", "unknown field"),
        ];
        for (body, status, name, part) in cases {
            let (got, field, message) = match NewItem::parse(body.as_bytes()) {
                Err(Error::Malformed { field, message }) => (400, field, message),
                Err(Error::Invalid { field, message }) => (422, field, message),
                other => panic!("{body}: {other:?}"),
            };
            assert_eq!((got, field.as_str()), (status, name), "{body}: {message}");
            assert!(message.contains(part), "{body}: {message}");
        }
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let item = NewItem::parse(br#"{"title": "a", "category": "data"}"#).unwrap();
        assert_eq!((item.status.as_str(), item.priority.as_str(), item.tags.len()), ("new", "medium", 0));
    }
}
