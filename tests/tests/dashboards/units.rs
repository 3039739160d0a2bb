//! What a query's answer is measured in, found out from the metrics' names as one checks a formula in physics.

use promql_parser::parser::{Expr, parse};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    Seconds,
    Microseconds,
    Bytes,
    Percent,
    /// A share, of 1.
    Share,
    Number,
    /// A literal: fits to everything.
    Any,
}

/// A quantity, or how fast it grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    pub quantity: Quantity,
    pub per_second: bool,
}

impl Unit {
    const fn of(quantity: Quantity) -> Unit {
        Unit { quantity, per_second: false }
    }

    /// Grafana's names of units that show it rightly.
    pub fn shown_as(self) -> &'static [&'static str] {
        match (self.quantity, self.per_second) {
            (Quantity::Seconds, false) => &["s"],
            (Quantity::Bytes, false) => &["bytes"],
            (Quantity::Bytes, true) => &["Bps"],
            (Quantity::Percent, false) => &["percent"],
            (Quantity::Share, false) => &["percentunit"],
            (Quantity::Number, true) => &["reqps", "ops"],
            (Quantity::Number, false) => &["short"],
            _ => &[],
        }
    }
}

/// What the answer to a query is measured in.
pub fn unit(promql: &str) -> Result<Unit, String> {
    of(&parse(promql)?)
}

fn of(expression: &Expr) -> Result<Unit, String> {
    match expression {
        Expr::Paren(inner) => of(&inner.expr),
        Expr::Unary(inner) => of(&inner.expr),
        Expr::Subquery(inner) => of(&inner.expr),
        Expr::Aggregate(aggregate) if aggregate.op.to_string() == "count" => Ok(Unit::of(Quantity::Number)),
        Expr::Aggregate(aggregate) => of(&aggregate.expr),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) => Ok(Unit::of(Quantity::Any)),
        Expr::VectorSelector(selector) => named(selector.name.as_deref().unwrap_or_default()),
        Expr::MatrixSelector(selector) => named(selector.vs.name.as_deref().unwrap_or_default()),
        Expr::Call(call) => {
            let last = call.args.args.last().ok_or("a function of nothing")?;
            let inner = of(last)?;
            match call.func.name {
                "rate" | "irate" => Ok(Unit { per_second: true, ..inner }),
                // Rates of buckets are shares of the same whole.
                "histogram_quantile" => Ok(Unit { per_second: false, ..inner }),
                _ => Ok(inner),
            }
        }
        Expr::Binary(binary) => {
            let (left, right) = (of(&binary.lhs)?, of(&binary.rhs)?);
            match binary.op.to_string().as_str() {
                "/" => divided(left, right, &binary.rhs),
                "*" if right.quantity == Quantity::Any => Ok(left),
                "*" if left.quantity == Quantity::Any => Ok(right),
                _ if left == right || right.quantity == Quantity::Any => Ok(left),
                _ if left.quantity == Quantity::Any => Ok(right),
                operator => Err(format!("{left:?} {operator} {right:?}")),
            }
        }
        other => Err(format!("cannot tell the unit of {other:?}")),
    }
}

fn divided(left: Unit, right: Unit, divisor: &Expr) -> Result<Unit, String> {
    match (left.quantity, right.quantity) {
        (Quantity::Microseconds, Quantity::Any) if matches!(divisor, Expr::NumberLiteral(n) if n.val == 1e6) => {
            Ok(Unit { quantity: Quantity::Seconds, ..left })
        }
        (Quantity::Microseconds, Quantity::Any) => Err("microseconds are to be divided by 1e6".to_owned()),
        (_, Quantity::Any) => Ok(left),
        // So many times as much.
        (Quantity::Share, Quantity::Share) => Ok(Unit::of(Quantity::Number)),
        (a, b) if a == b && left.per_second == right.per_second => Ok(Unit::of(Quantity::Share)),
        (quantity, Quantity::Number) if left.per_second == right.per_second => Ok(Unit::of(quantity)),
        _ => Err(format!("{left:?} / {right:?}")),
    }
}

/// What a metric's name says it is measured in.
fn named(metric: &str) -> Result<Unit, String> {
    if metric.ends_with("_count") {
        return Ok(Unit::of(Quantity::Number));
    }
    // Recording rules: what of, what, how.
    let parts: Vec<&str> = metric.split(':').collect();
    if let [_, name, how] = parts[..] {
        return if how.starts_with("ratio") {
            Ok(Unit::of(Quantity::Share))
        } else if how.starts_with("rate") {
            Ok(Unit { per_second: true, quantity: Quantity::Number })
        } else {
            named(name)
        };
    }
    let name =
        ["_total", "_sum", "_bucket"].iter().find_map(|end| metric.strip_suffix(end)).unwrap_or(metric);
    let quantities = [
        ("_microseconds", Quantity::Microseconds),
        ("_seconds", Quantity::Seconds),
        ("_bytes", Quantity::Bytes),
        ("_percent", Quantity::Percent),
    ];
    let found = quantities.iter().find(|(end, _)| name.ends_with(end));
    Ok(Unit::of(found.map_or(Quantity::Number, |(_, quantity)| *quantity)))
}

#[test]
fn units_follow_from_names_and_operators() {
    for (promql, shown) in [
        ("rate(http_requests_total[1m])", "reqps"),
        ("increase(http_requests_total[1m])", "short"),
        ("sum by (a) (rate(x_bytes_sum[1m]))", "Bps"),
        ("histogram_quantile(0.9, sum by (le) (rate(x_seconds_bucket[1m])))", "s"),
        ("rate(x_seconds_sum[1m]) / rate(x_seconds_count[1m])", "s"),
        ("rate(x_microseconds_total[1m]) / 1e6 / rate(x_seconds_count[1m])", "s"),
        ("rate(x_percent_sum[5m]) / rate(x_percent_count[5m])", "percent"),
        ("rate(a_total[5m]) / (rate(a_total[5m]) + rate(b_total[5m]))", "percentunit"),
        ("(sum(rate(a_total[5m])) or vector(0)) / sum(rate(b_total[5m]))", "percentunit"),
        ("service:failed:ratio1h / scalar(a:budget:ratio)", "short"),
        ("process_resident_memory_bytes", "bytes"),
    ] {
        assert!(unit(promql).unwrap().shown_as().contains(&shown), "{promql}: {:?}", unit(promql));
    }
    for wrong in [
        "rate(x_seconds_sum[1m]) + rate(x_bytes_sum[1m])",
        "x_microseconds_total / 1000",
        "1 +",
        "a_bytes / b_seconds",
    ] {
        assert!(unit(wrong).is_err(), "{wrong}: {:?}", unit(wrong));
    }
}
