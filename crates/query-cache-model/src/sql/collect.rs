//! Walks a statement and collects what it names. What it does not know, it refuses.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, InTarget,
    ObjectName, ObjectNamePart, Query, Select, SelectItem, SetExpr, Statement, TableFactor, UnaryOperator,
    Value, ValueWithSpan, Visit, Visitor,
};

use super::casts::{self, Operand};
use super::literals::is_relative_time;
use super::{Call, Name, Refusal, Shape};

/// What this statement names.
pub(super) fn of(statement: &Statement) -> Result<Shape, Refusal> {
    if !matches!(statement, Statement::Query(_)) {
        return Err(Refusal::NotAQuery);
    }
    let mut collector =
        Collector { shape: Shape::default(), common: Vec::new(), aliases: BTreeSet::new(), statements: 0 };
    if let ControlFlow::Break(refusal) = statement.visit(&mut collector) {
        return Err(refusal);
    }
    let Collector { mut shape, common, aliases, .. } = collector;
    // Not the column of that name, it may be anything.
    if let Some(column) = shape.dated_columns.intersection(&aliases).next() {
        return Err(Refusal::RelativeTime(format!("the cast of {column}")));
    }
    // A common table expression hides a table only within its scope; being both costs no truth.
    let is_common = |name: &Name| name.schema.is_none() && common.contains(&name.name);
    let (maybe, relations) = std::mem::take(&mut shape.relations).into_iter().partition(is_common);
    (shape.maybe_relations, shape.relations) = (maybe, relations);
    Ok(shape)
}

/// An identifier as PostgreSQL reads it.
pub(super) fn folded(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_ascii_lowercase() }
}

struct Collector {
    shape: Shape,
    common: Vec<String>,
    aliases: BTreeSet<String>,
    statements: usize,
}

type Step = ControlFlow<Refusal>;

fn unknown(what: impl Into<String>) -> Step {
    ControlFlow::Break(Refusal::Construct(what.into()))
}

impl Visitor for Collector {
    type Break = Refusal;

    fn pre_visit_statement(&mut self, _statement: &Statement) -> Step {
        self.statements += 1;
        // A statement within a statement writes.
        if self.statements > 1 { ControlFlow::Break(Refusal::NotAQuery) } else { ControlFlow::Continue(()) }
    }

    fn pre_visit_query(&mut self, query: &Query) -> Step {
        if !query.locks.is_empty() {
            return ControlFlow::Break(Refusal::Locks);
        }
        if query.for_clause.is_some()
            || query.settings.is_some()
            || query.format_clause.is_some()
            || !query.pipe_operators.is_empty()
        {
            return unknown("a clause of another database");
        }
        if let Some(with) = &query.with {
            self.common.extend(with.cte_tables.iter().map(|table| folded(&table.alias.name)));
        }
        body(&query.body)
    }

    fn pre_visit_select(&mut self, select: &Select) -> Step {
        if select.into.is_some() {
            return ControlFlow::Break(Refusal::NotAQuery);
        }
        let foreign = select.top.is_some()
            || select.exclude.is_some()
            || !select.lateral_views.is_empty()
            || select.prewhere.is_some()
            || !select.connect_by.is_empty()
            || !select.cluster_by.is_empty()
            || !select.distribute_by.is_empty()
            || !select.sort_by.is_empty()
            || select.qualify.is_some()
            || select.value_table_mode.is_some();
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                self.aliases.insert(folded(alias));
            }
        }
        if foreign { unknown("a clause of another database") } else { ControlFlow::Continue(()) }
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Step {
        match factor {
            TableFactor::Table { sample: Some(_), .. } | TableFactor::Derived { sample: Some(_), .. } => {
                ControlFlow::Break(Refusal::Sample)
            }
            TableFactor::Table { name, args: None, version: None, json_path: None, .. } => {
                match self.name(name) {
                    Some(name) => {
                        self.shape.relations.insert(name);
                        ControlFlow::Continue(())
                    }
                    None => unknown(name.to_string()),
                }
            }
            TableFactor::Table { name, args: Some(args), .. } => self.call(name, args.args.len()),
            TableFactor::Function { name, args, .. } => self.call(name, args.len()),
            TableFactor::Derived { .. } | TableFactor::UNNEST { .. } | TableFactor::NestedJoin { .. } => {
                ControlFlow::Continue(())
            }
            _ => unknown(factor.to_string()),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> Step {
        match expr {
            Expr::Function(function) => return self.function(function),
            Expr::Identifier(ident) => return physical(&folded(ident)),
            Expr::CompoundIdentifier(parts) => {
                if let Some(field) = parts.last().map(folded) {
                    let step = physical(&field);
                    self.shape.fields.insert(field);
                    return step;
                }
            }
            Expr::CompoundFieldAccess { .. } => {
                // The fields of what stands in parentheses may be functions, too.
                let text = expr.to_string();
                let parts = text.split(['.', '[', ']', '(', ')']);
                self.shape.fields.extend(parts.map(|part| part.trim_matches('"').to_ascii_lowercase()));
            }
            Expr::Cast { expr: inner, data_type, .. } if casts::may_be_dated(data_type) => {
                return self.dated(inner, expr);
            }
            Expr::BinaryOp { op, .. } => return self.operator(op),
            Expr::AnyOp { compare_op, .. } | Expr::AllOp { compare_op, .. } => {
                return self.operator(compare_op);
            }
            Expr::UnaryOp { op, .. } => return self.unary(op),
            Expr::In { target: InTarget::Table { .. } | InTarget::Unnest(_), .. } => {
                return unknown(expr.to_string());
            }
            Expr::Like { any: true, .. } | Expr::ILike { any: true, .. } => return unknown(expr.to_string()),
            Expr::In { .. }
            | Expr::Between { .. }
            | Expr::IsDistinctFrom(..)
            | Expr::IsNotDistinctFrom(..) => {
                self.implicit(&["=", "<>", "<=", ">="]);
            }
            Expr::Like { .. } => self.implicit(&["~~", "!~~"]),
            Expr::ILike { .. } => self.implicit(&["~~*", "!~~*"]),
            Expr::SimilarTo { .. } => self.implicit(&["~", "!~"]),
            Expr::Case { operand, .. } if operand.is_some() => self.implicit(&["="]),
            Expr::IsFalse(_)
            | Expr::IsNotFalse(_)
            | Expr::IsTrue(_)
            | Expr::IsNotTrue(_)
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotUnknown(_)
            | Expr::Cast { .. }
            | Expr::AtTimeZone { .. }
            | Expr::Extract { .. }
            | Expr::Ceil { .. }
            | Expr::Floor { .. }
            | Expr::Position { .. }
            | Expr::Substring { .. }
            | Expr::Trim { .. }
            | Expr::Overlay { .. }
            | Expr::Collate { .. }
            | Expr::Nested(_)
            | Expr::Value(_)
            | Expr::TypedString(_)
            | Expr::Case { .. }
            | Expr::Exists { .. }
            | Expr::Subquery(_)
            | Expr::GroupingSets(_)
            | Expr::Cube(_)
            | Expr::Rollup(_)
            | Expr::Tuple(_)
            | Expr::Array(_)
            | Expr::Interval(_)
            | Expr::Wildcard(_)
            | Expr::QualifiedWildcard(..) => {}
            _ => return unknown(expr.to_string()),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> Step {
        let text = match &value.value {
            Value::SingleQuotedString(text)
            | Value::EscapedStringLiteral(text)
            | Value::NationalStringLiteral(text)
            | Value::UnicodeStringLiteral(text) => text,
            Value::DollarQuotedString(quoted) => &quoted.value,
            Value::Number(..)
            | Value::Boolean(_)
            | Value::Null
            | Value::Placeholder(_)
            | Value::HexStringLiteral(_)
            | Value::SingleQuotedByteStringLiteral(_) => return ControlFlow::Continue(()),
            other => return unknown(other.to_string()),
        };
        if is_relative_time(text) {
            return ControlFlow::Break(Refusal::RelativeTime(format!("the literal {text:?}")));
        }
        ControlFlow::Continue(())
    }
}

/// Where and by whom a row was written changes without the row.
fn physical(column: &str) -> Step {
    match column {
        "ctid" | "xmin" | "xmax" | "cmin" | "cmax" => unknown(column),
        _ => ControlFlow::Continue(()),
    }
}

fn body(body: &SetExpr) -> Step {
    match body {
        SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => ControlFlow::Continue(()),
        SetExpr::SetOperation { left, right, .. } => match self::body(left) {
            ControlFlow::Continue(()) => self::body(right),
            stop => stop,
        },
        SetExpr::Table(_) => unknown("TABLE"),
        _ => ControlFlow::Break(Refusal::NotAQuery),
    }
}

impl Collector {
    fn name(&self, name: &ObjectName) -> Option<Name> {
        let mut parts = Vec::new();
        for part in &name.0 {
            match part {
                ObjectNamePart::Identifier(ident) => parts.push(folded(ident)),
                ObjectNamePart::Function(_) => return None,
            }
        }
        let name = parts.pop()?;
        let schema = parts.pop();
        parts.is_empty().then_some(Name { schema, name })
    }

    fn call(&mut self, name: &ObjectName, arguments: usize) -> Step {
        match self.name(name) {
            Some(name) => {
                self.shape.calls.insert(Call { name, arguments });
                ControlFlow::Continue(())
            }
            None => unknown(name.to_string()),
        }
    }

    fn function(&mut self, function: &Function) -> Step {
        if function.uses_odbc_syntax || !matches!(function.parameters, FunctionArguments::None) {
            return unknown(function.to_string());
        }
        let arguments = match &function.args {
            FunctionArguments::None => 0,
            FunctionArguments::Subquery(_) => 1,
            FunctionArguments::List(list) => list.args.len(),
        };
        // A type's name before parentheses is a cast.
        let name = function.name.to_string().to_ascii_lowercase();
        if arguments == 1 && matches!(name.as_str(), "date" | "time" | "timetz" | "timestamp" | "timestamptz")
        {
            match &function.args {
                FunctionArguments::List(list) => match list.args.first() {
                    Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(inner))) => {
                        let whole = Expr::Function(function.clone());
                        match self.dated(inner, &whole) {
                            ControlFlow::Continue(()) => {}
                            stop => return stop,
                        }
                    }
                    _ => return unknown(function.to_string()),
                },
                _ => return unknown(function.to_string()),
            }
        }
        self.call(&function.name, arguments)
    }

    fn dated(&mut self, inner: &Expr, whole: &Expr) -> Step {
        match casts::operand(inner) {
            Operand::Harmless => {}
            Operand::Column(column) => {
                self.shape.dated_columns.insert(column);
            }
            Operand::Doubtful => return ControlFlow::Break(Refusal::RelativeTime(whole.to_string())),
        }
        ControlFlow::Continue(())
    }

    fn operator(&mut self, op: &BinaryOperator) -> Step {
        match op {
            BinaryOperator::PGCustomBinaryOperator(_) | BinaryOperator::Custom(_) => unknown(op.to_string()),
            BinaryOperator::And | BinaryOperator::Or => ControlFlow::Continue(()),
            _ => {
                self.shape.operators.insert(op.to_string());
                // What SQL writes as <> PostgreSQL also knows as !=.
                self.implicit(if op == &BinaryOperator::NotEq { &["<>"] } else { &[] });
                ControlFlow::Continue(())
            }
        }
    }

    fn unary(&mut self, op: &UnaryOperator) -> Step {
        if !matches!(op, UnaryOperator::Not) {
            self.shape.operators.insert(op.to_string());
        }
        ControlFlow::Continue(())
    }

    fn implicit(&mut self, operators: &[&str]) {
        self.shape.operators.extend(operators.iter().map(|operator| (*operator).to_owned()));
    }
}
