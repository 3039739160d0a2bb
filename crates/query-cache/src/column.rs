//! The columns of a result, and how one is named.

use tokio_postgres::types::Type;

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub(crate) name: String,
    pub(crate) type_: Type,
}

impl Column {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of its values.
    pub fn type_(&self) -> &Type {
        &self.type_
    }
}

/// A column's number or name.
pub trait ColumnIndex {
    /// Its number among these columns.
    fn find(&self, columns: &[Column]) -> Option<usize>;
    /// What it was asked for by.
    fn shown(&self) -> String;
}

impl ColumnIndex for usize {
    fn find(&self, columns: &[Column]) -> Option<usize> {
        (*self < columns.len()).then_some(*self)
    }

    fn shown(&self) -> String {
        format!("number {self}")
    }
}

impl ColumnIndex for str {
    fn find(&self, columns: &[Column]) -> Option<usize> {
        let exact = columns.iter().position(|column| column.name == self);
        // As tokio-postgres does.
        exact.or_else(|| columns.iter().position(|column| column.name.eq_ignore_ascii_case(self)))
    }

    fn shown(&self) -> String {
        format!("{self:?}")
    }
}

impl<I: ColumnIndex + ?Sized> ColumnIndex for &I {
    fn find(&self, columns: &[Column]) -> Option<usize> {
        (**self).find(columns)
    }

    fn shown(&self) -> String {
        (**self).shown()
    }
}
