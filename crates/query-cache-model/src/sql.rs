//! What a statement names, and why its result may not be cached at all.

mod casts;
mod collect;
mod literals;

use std::collections::BTreeSet;
use std::fmt;

use sqlparser::ast::Statement;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

/// A table's, view's or function's name as the statement has it, folded to lower case where it is not quoted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// The schema, if it is named.
    pub schema: Option<String>,
    /// The name itself.
    pub name: String,
}

impl Name {
    /// The name, quoted as SQL wants it.
    pub fn quoted(&self) -> String {
        let quote = |part: &str| format!("\"{}\"", part.replace('"', "\"\""));
        match &self.schema {
            Some(schema) => format!("{}.{}", quote(schema), quote(&self.name)),
            None => quote(&self.name),
        }
    }
}

/// A function that is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// Its name.
    pub name: Name,
    /// With how many arguments.
    pub arguments: usize,
}

/// Everything a statement names that the catalogue has to say something about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// Tables and views that must exist.
    pub relations: BTreeSet<Name>,
    /// Names of common table expressions, which may also be tables elsewhere in the statement.
    pub maybe_relations: BTreeSet<Name>,
    /// Functions that are called.
    pub calls: BTreeSet<Call>,
    /// Operators.
    pub operators: BTreeSet<String>,
    /// The last parts of names with a dot: columns, or functions of one row.
    pub fields: BTreeSet<String>,
    /// Columns that are cast to a date or time. None may be text, for a text may say `today`.
    pub dated_columns: BTreeSet<String>,
}

/// Why a result must not be cached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is not SQL that this crate understands.
    Unparsed(String),
    /// It is more than one statement, or none.
    NotOneStatement(usize),
    /// It does something else than read.
    NotAQuery,
    /// It locks rows.
    Locks,
    /// It says something whose meaning is not known here.
    Construct(String),
    /// A literal or a cast may stand for the current time.
    RelativeTime(String),
    /// A part of it is of chance.
    Sample,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unparsed(reason) => write!(f, "not understood: {reason}"),
            Self::NotOneStatement(count) => write!(f, "{count} statements, expected one"),
            Self::NotAQuery => write!(f, "not only a query"),
            Self::Locks => write!(f, "locks rows"),
            Self::Construct(what) => {
                write!(f, "{what} is not known to depend on tables and parameters alone")
            }
            Self::RelativeTime(what) => write!(f, "{what} may depend on the current time"),
            Self::Sample => write!(f, "a sample of a table"),
        }
    }
}

impl std::error::Error for Refusal {}

/// What one statement names.
pub fn shape(sql: &str) -> Result<Shape, Refusal> {
    let statements = parse(sql)?;
    match statements.as_slice() {
        [statement] => collect::of(statement),
        others => Err(Refusal::NotOneStatement(others.len())),
    }
}

/// What an expression names that PostgreSQL has printed, such as the condition of a policy.
pub fn expression_shape(expression: &str) -> Result<Shape, Refusal> {
    shape(&format!("SELECT ({expression})"))
}

/// What the statements in the body of an SQL function name; `RETURN x` and `BEGIN ATOMIC … END` are bodies too.
pub fn body_shapes(body: &str) -> Result<Vec<Shape>, Refusal> {
    let body = body.trim();
    if let Some(expression) = strip_word(body, "RETURN") {
        return Ok(vec![expression_shape(expression.trim_end_matches(';'))?]);
    }
    let atomic = strip_word(body, "BEGIN").and_then(|rest| strip_word(rest.trim_start(), "ATOMIC"));
    let statements = match atomic {
        Some(rest) => {
            let end = rest.trim_end().len().checked_sub(3);
            let inner = end.and_then(|end| Some((rest.get(..end)?, rest.get(end..)?)));
            let (inner, last) = inner.ok_or_else(|| Refusal::Unparsed("BEGIN without END".to_owned()))?;
            if !last.trim().eq_ignore_ascii_case("END") {
                return Err(Refusal::Unparsed("BEGIN without END".to_owned()));
            }
            parse(inner)?
        }
        None => parse(body)?,
    };
    if statements.is_empty() {
        return Err(Refusal::NotOneStatement(0));
    }
    statements.iter().map(collect::of).collect()
}

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let start = text.get(..word.len())?;
    let rest = text.get(word.len()..)?;
    let ends = rest.chars().next().is_none_or(|next| next.is_whitespace() || next == '(');
    (start.eq_ignore_ascii_case(word) && ends).then_some(rest)
}

fn parse(sql: &str) -> Result<Vec<Statement>, Refusal> {
    let refusal = |error: ParserError| Refusal::Unparsed(error.to_string());
    let mut parser = Parser::new(&PostgreSqlDialect {}).try_with_sql(sql).map_err(refusal)?;
    let statements = parser.parse_statements().map_err(refusal)?;
    // It stops at a word END without a word about what follows; to PostgreSQL it may be the name of a column.
    match parser.peek_token().token {
        Token::EOF => Ok(statements),
        other => Err(Refusal::Unparsed(format!("{other} after the statement"))),
    }
}
