//! Casts to dates and times: a text that is cast may say `today`.

use sqlparser::ast::{ArrayElemTypeDef, DataType, Expr, Value};

/// What a cast's operand is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Operand {
    /// Something that is no text, or a literal, which is looked at by itself.
    Harmless,
    /// A column, which must not be text.
    Column(String),
    /// It may be text.
    Doubtful,
}

/// Functions that give dates, times or numbers, and never text.
const DATED: [&str; 9] = [
    "date_trunc",
    "to_timestamp",
    "to_date",
    "make_date",
    "make_time",
    "make_timestamp",
    "make_timestamptz",
    "timezone",
    "age",
];

/// Whether a value may become a date or a time by this cast.
pub(super) fn may_be_dated(data_type: &DataType) -> bool {
    match data_type {
        DataType::Date
        | DataType::Date32
        | DataType::Time(..)
        | DataType::Timestamp(..)
        | DataType::TimestampNtz(..)
        | DataType::Datetime(..)
        | DataType::Datetime64(..)
        // A domain may be of dates, and a composite or a range have them.
        | DataType::Custom(..) => true,
        DataType::Array(
            ArrayElemTypeDef::AngleBracket(inner)
            | ArrayElemTypeDef::SquareBracket(inner, _)
            | ArrayElemTypeDef::Parenthesis(inner),
        ) => may_be_dated(inner),
        _ => false,
    }
}

/// What is cast to a date or a time.
pub(super) fn operand(expr: &Expr) -> Operand {
    match expr {
        Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } => operand(inner),
        Expr::Value(value) => match &value.value {
            Value::DollarQuotedString(_) => Operand::Doubtful,
            _ => Operand::Harmless,
        },
        Expr::Interval(_) | Expr::TypedString(_) => Operand::Harmless,
        Expr::Cast { data_type, .. } if is_no_text(data_type) => Operand::Harmless,
        Expr::AtTimeZone { timestamp, .. } => operand(timestamp),
        Expr::BinaryOp { left, op, right } if matches!(op.to_string().as_str(), "+" | "-" | "*") => {
            match operand(left) {
                Operand::Harmless => operand(right),
                other => other,
            }
        }
        Expr::Identifier(ident) => Operand::Column(super::collect::folded(ident)),
        Expr::CompoundIdentifier(parts) => {
            parts.last().map_or(Operand::Doubtful, |part| Operand::Column(super::collect::folded(part)))
        }
        Expr::Function(function) => {
            let name = function.name.to_string().to_ascii_lowercase();
            let name = name.strip_prefix("pg_catalog.").unwrap_or(&name);
            if DATED.contains(&name) { Operand::Harmless } else { Operand::Doubtful }
        }
        _ => Operand::Doubtful,
    }
}

/// Types by whose casts a text is no longer one.
fn is_no_text(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Date
            | DataType::Time(..)
            | DataType::Timestamp(..)
            | DataType::Interval { .. }
            | DataType::Int(..)
            | DataType::Integer(..)
            | DataType::BigInt(..)
            | DataType::Numeric(..)
    )
}
