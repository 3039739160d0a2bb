//! A result as it is cached and handed out: shared, never copied.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tokio_postgres::types::{FromSql, Type};

use crate::column::{Column, ColumnIndex};
use crate::error::Error;

/// The rows of a result.
#[derive(Clone)]
pub struct Rows(Arc<Table>);

/// All rows, their values one after the other in one piece of memory.
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    pub(crate) count: usize,
    pub(crate) cells: Vec<Option<Range<usize>>>,
    pub(crate) data: Bytes,
}

/// One row of a result.
#[derive(Clone)]
pub struct Row {
    table: Arc<Table>,
    index: usize,
}

/// A value's bytes, whatever its type is.
struct Raw<'a>(Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl Rows {
    pub(crate) fn new(table: Table) -> Self {
        Self(Arc::new(table))
    }

    pub(crate) fn table(&self) -> &Table {
        &self.0
    }

    /// What the database answered, for code that reads rows of both. Without rows there may be no columns either.
    ///
    /// # Errors
    /// If a row has fewer values than columns, which the database's own never have.
    pub fn from_database(rows: &[tokio_postgres::Row]) -> Result<Self, Error> {
        let columns: Vec<Column> = rows.first().map_or_else(Vec::new, |row| {
            row.columns()
                .iter()
                .map(|column| Column { name: column.name().to_owned(), type_: column.type_().clone() })
                .collect()
        });
        let mut cells = Vec::with_capacity(rows.len().saturating_mul(columns.len()));
        let mut data = Vec::new();
        for row in rows {
            for number in 0..columns.len() {
                cells.push(row.try_get::<_, Raw<'_>>(number)?.0.map(|value| {
                    let start = data.len();
                    data.extend_from_slice(value);
                    start..data.len()
                }));
            }
        }
        Ok(Self::new(Table { columns, count: rows.len(), cells, data: data.into() }))
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.0.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.count == 0
    }

    /// The columns; none if there are no rows.
    pub fn columns(&self) -> &[Column] {
        &self.0.columns
    }

    /// A row by its number.
    pub fn get(&self, index: usize) -> Option<Row> {
        (index < self.len()).then(|| Row { table: Arc::clone(&self.0), index })
    }

    /// The first row.
    pub fn first(&self) -> Option<Row> {
        self.get(0)
    }

    /// One row after the other.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row> + '_ {
        (0..self.len()).map(|index| Row { table: Arc::clone(&self.0), index })
    }

    /// What it takes in memory, in bytes, roughly.
    pub(crate) fn bytes(&self) -> usize {
        let table = self.table();
        let columns: usize = table.columns.iter().map(|column| column.name.len() + 64).sum();
        table.data.len() + table.cells.len() * size_of::<Option<Range<usize>>>() + columns + 128
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("len", &self.len()).field("columns", &self.columns()).finish()
    }
}

impl PartialEq for Rows {
    /// The same columns and the same bytes.
    fn eq(&self, other: &Self) -> bool {
        let values = |rows: &Self| -> Vec<Option<Vec<u8>>> {
            let table = rows.table();
            let value = |cell: &Option<Range<usize>>| Some(table.data.get(cell.clone()?)?.to_vec());
            table.cells.iter().map(value).collect()
        };
        self.columns() == other.columns() && self.len() == other.len() && values(self) == values(other)
    }
}

/// One row after the other.
#[derive(Debug)]
pub struct RowIter {
    rows: Rows,
    next: usize,
}

impl Iterator for RowIter {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        let row = self.rows.get(self.next)?;
        self.next += 1;
        Some(row)
    }
}

impl IntoIterator for &Rows {
    type Item = Row;
    type IntoIter = RowIter;

    fn into_iter(self) -> RowIter {
        RowIter { rows: self.clone(), next: 0 }
    }
}

impl IntoIterator for Rows {
    type Item = Row;
    type IntoIter = RowIter;

    fn into_iter(self) -> RowIter {
        RowIter { rows: self, next: 0 }
    }
}

impl Row {
    /// The columns.
    pub fn columns(&self) -> &[Column] {
        &self.table.columns
    }

    /// How many columns there are.
    pub fn len(&self) -> usize {
        self.columns().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.columns().is_empty()
    }

    /// A column's value.
    pub fn try_get<'a, I: ColumnIndex, T: FromSql<'a>>(&'a self, column: I) -> Result<T, Error> {
        let columns = self.columns();
        let number = column.find(columns).ok_or_else(|| Error::NoColumn(column.shown()))?;
        let type_ = columns.get(number).map_or(&Type::UNKNOWN, |column| &column.type_);
        if !T::accepts(type_) {
            let reason = format!("a {type_} is no {}", std::any::type_name::<T>());
            return Err(Error::Value(column.shown(), reason.into()));
        }
        let place = self.index.saturating_mul(columns.len()).saturating_add(number);
        let range = self.table.cells.get(place).cloned().flatten();
        let value = range.and_then(|range| self.table.data.get(range));
        T::from_sql_nullable(type_, value).map_err(|error| Error::Value(column.shown(), error))
    }

    /// A column's value.
    ///
    /// # Panics
    /// If there is no such column or its value is of another type, as `get` of tokio-postgres does.
    #[expect(clippy::panic, reason = "what stands in for tokio-postgres does as it does")]
    pub fn get<'a, I: ColumnIndex, T: FromSql<'a>>(&'a self, column: I) -> T {
        match self.try_get(column) {
            Ok(value) => value,
            Err(error) => panic!("{error}"),
        }
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").field("columns", &self.columns()).finish()
    }
}
