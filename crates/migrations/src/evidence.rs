//! The query that an index is for.

use crate::FileError;
use crate::script::{Directive, Key};

/// Below so many rows the planner may well do without an index.
const ROWS: u64 = 10_000;

/// The index that a migration makes, and the query that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The index's name, without schema.
    pub index: String,
    /// The query; `{name}` stands for a value of the sample.
    pub query: String,
    /// What names the values: the first row of this query, by its columns.
    pub sample: Option<String>,
    /// The index that the planner takes instead; an index that has one is not expected to be used.
    pub covered_by: Option<String>,
    /// How many rows the table must have for the planner's choice to count.
    pub rows: u64,
}

/// A piece of a query with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// SQL as it is.
    Text(&'a str),
    /// The name of a value.
    Value(&'a str),
}

impl Evidence {
    pub(crate) fn read(file: &str, directives: &[Directive]) -> Result<Option<Self>, FileError> {
        let find = |key: Key| directives.iter().find(|directive| directive.key == key);
        let (index, query) = match (find(Key::Index), find(Key::Query)) {
            (Some(index), Some(query)) => (index, query),
            (None, None) => return Ok(None),
            (Some(index), None) => {
                return Err(FileError::new(file, Some(index.line), "`index` without `query`, expected both"));
            }
            (None, Some(query)) => {
                return Err(FileError::new(file, Some(query.line), "`query` without `index`, expected both"));
            }
        };
        let evidence = Self {
            index: index.identifier(file)?,
            query: query.value.clone(),
            sample: find(Key::Sample).map(|sample| sample.value.clone()),
            covered_by: find(Key::CoveredBy).map(|by| by.identifier(file)).transpose()?,
            rows: find(Key::Rows).map_or(Ok(ROWS), |rows| rows.rows(file))?,
        };
        let pieces = evidence.pieces().ok_or_else(|| {
            FileError::new(
                file,
                Some(query.line),
                "has a brace that is not closed, expected placeholders such as {category}",
            )
        })?;
        let value = pieces.iter().find_map(|piece| match piece {
            Piece::Value(name) => Some(*name),
            Piece::Text(_) => None,
        });
        if let (Some(name), None) = (value, &evidence.sample) {
            let reason = format!(
                "has the placeholder {{{name}}} and no `sample`, expected a query that names its value"
            );
            return Err(FileError::new(file, Some(query.line), reason));
        }
        Ok(Some(evidence))
    }

    /// The query in pieces; nothing if a brace is not closed.
    pub(crate) fn pieces(&self) -> Option<Vec<Piece<'_>>> {
        let mut pieces = Vec::new();
        let mut rest = self.query.as_str();
        while let Some((text, more)) = rest.split_once('{') {
            let (name, more) = more.split_once('}')?;
            pieces.extend([Piece::Text(text), Piece::Value(name)]);
            rest = more;
        }
        pieces.push(Piece::Text(rest));
        Some(pieces)
    }
}
