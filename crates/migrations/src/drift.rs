//! `drift`: whether the schema is what the migrations make.
//!
//! What they make is found out by making it: in a scratch schema, with empty tables, in a transaction that is rolled back. So nothing has
//! to be kept in step with the files, and the server's own version of everything is compared.

use serde::Serialize;

use crate::catalogue::{self, Object};
use crate::{Error, Migration, Migrator, State};

/// What the applied migrations make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    objects: Vec<Object>,
    /// SQL of applied migrations that cannot be replayed: what it names is not taken for a stranger.
    not_replayed: String,
}

/// Something that is not as the migrations make it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// A `table`, `column`, `constraint`, `index`, `view`, `trigger` or `function`.
    pub kind: String,
    /// Its name, with that of its table before a dot where it has one.
    pub name: String,
    /// How the migrations make it; none: they do not.
    pub expected: Option<String>,
    /// How it is; none: it is not there.
    pub found: Option<String>,
}

impl Migrator {
    /// What is not as the migrations make it. Changes nothing, but needs the right to create a schema.
    pub async fn drift(&self) -> Result<Vec<Difference>, Error> {
        let expected = self.expected().await?;
        self.compare(&expected).await
    }

    /// What the migrations make that are applied.
    pub async fn expected(&self) -> Result<Expected, Error> {
        let status = self.status().await?;
        let applied = |number: u32| {
            let mut own = status.migrations.iter().filter(|condition| condition.number == number);
            own.any(|condition| matches!(condition.state, State::Applied | State::Edited))
        };
        let applied: Vec<&Migration> =
            self.series.migrations().iter().filter(|migration| applied(migration.number)).collect();
        let doing = "trying the migrations in a scratch schema";
        let failed = |error: tokio_postgres::Error| Error::database(doing, &error);
        self.check_writable().await?;
        let pid: i32 = self
            .client
            .query_one("SELECT pg_backend_pid()", &[])
            .await
            .and_then(|row| row.try_get(0))
            .map_err(failed)?;
        let scratch = format!("slipstream_scratch_{pid}");
        let begin = format!("BEGIN; CREATE SCHEMA {scratch}; SET LOCAL search_path TO {scratch}, public");
        let result = match self.client.batch_execute(&begin).await {
            Ok(()) => self.replay(&applied, &scratch).await,
            Err(error) => Err(error),
        };
        self.roll_back().await?;
        result.map_err(failed)
    }

    async fn replay(&self, applied: &[&Migration], scratch: &str) -> Result<Expected, tokio_postgres::Error> {
        let mut not_replayed = String::new();
        for migration in applied {
            let first = migration.up.statements.first();
            if !migration.requires.is_empty() {
                not_replayed += &migration.up.sql;
            } else if migration.transactional {
                self.client.batch_execute(&migration.up.sql).await?;
            } else if let Some(sql) = first.and_then(|statement| statement.without_concurrently(None)) {
                self.client.batch_execute(&sql).await?;
            }
        }
        let objects = catalogue::read(&self.client, scratch, self.target.schema()).await?;
        Ok(Expected { objects, not_replayed })
    }

    /// What is not as expected.
    pub async fn compare(&self, expected: &Expected) -> Result<Vec<Difference>, Error> {
        let schema = self.target.schema();
        let found = catalogue::read(&self.client, schema, schema)
            .await
            .map_err(|error| Error::database("reading the schema", &error))?;
        Ok(differences(expected, &found))
    }
}

fn differences(expected: &Expected, found: &[Object]) -> Vec<Difference> {
    let same = |one: &Object, other: &Object| one.kind == other.kind && one.name == other.name;
    let mut differences = Vec::new();
    for wanted in &expected.objects {
        let twin = found.iter().find(|own| same(own, wanted));
        if twin.is_none_or(|twin| twin.definition != wanted.definition) {
            differences.push(Difference {
                kind: wanted.kind.clone(),
                name: wanted.name.clone(),
                expected: Some(wanted.definition.clone()),
                found: twin.map(|twin| twin.definition.clone()),
            });
        }
    }
    for stranger in found.iter().filter(|own| !expected.objects.iter().any(|wanted| same(own, wanted))) {
        let last = stranger.name.rsplit('.').next().unwrap_or(&stranger.name);
        if !names(&expected.not_replayed, last.split('(').next().unwrap_or(last)) {
            differences.push(Difference {
                kind: stranger.kind.clone(),
                name: stranger.name.clone(),
                expected: None,
                found: Some(stranger.definition.clone()),
            });
        }
    }
    differences
}

/// Whether SQL has this word.
fn names(sql: &str, word: &str) -> bool {
    sql.split(|char: char| !char.is_alphanumeric() && char != '_').any(|own| own == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(name: &str, definition: &str) -> Object {
        Object { kind: "index".to_owned(), name: name.to_owned(), definition: definition.to_owned() }
    }

    #[test]
    fn what_is_missing_changed_or_strange_is_a_difference() {
        let expected = Expected {
            objects: vec![object("same", "x"), object("missing", "x"), object("changed", "x")],
            not_replayed: "CREATE INDEX known ON a (b)".to_owned(),
        };
        let found =
            [object("same", "x"), object("changed", "y"), object("strange", "z"), object("known", "z")];
        let found = differences(&expected, &found);
        let names: Vec<(&str, bool, bool)> = found
            .iter()
            .map(|one| (one.name.as_str(), one.expected.is_some(), one.found.is_some()))
            .collect();
        assert_eq!(names, [("missing", true, false), ("changed", true, true), ("strange", false, true)]);
    }
}
