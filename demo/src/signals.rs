//! `/api/signals`: trading signals by asset, channel and type, the latest of each asset, and daily summaries.

mod new;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::api::{Raw, parameters};
use crate::cursor::Cursor;
use crate::database::{Database, Parameter};
use crate::error::Error;
use crate::parameters::Parameters;
use new::NewSignal;

/// What `type` may be.
pub const TYPES: [&str; 5] = ["buy", "sell", "hold", "take-profit", "stop"];

const DEFAULT_PAGE_SIZE: i64 = 50;
const LARGEST_PAGE_SIZE: i64 = 200;

/// The columns that `Signal::from` reads.
const COLUMNS: &str = "id, (extract(epoch FROM ts) * 1000000)::bigint AS micros, \
    to_char(ts AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS time, asset, channel, signal_type, status, \
    price::float8 AS price, target_price::float8 AS target_price, stop_price::float8 AS stop_price, \
    volume::float8 AS volume, confidence::float8 AS confidence, raw_message, metadata";

/// The latest signal of each asset: the index is asked for one asset after the other, and never for all signals.
const LATEST: &str = "WITH RECURSIVE assets AS (
        (SELECT asset FROM tp_capital.tp_capital_signals ORDER BY asset LIMIT 1)
        UNION ALL
        SELECT (SELECT s.asset FROM tp_capital.tp_capital_signals s WHERE s.asset > assets.asset ORDER BY s.asset LIMIT 1)
        FROM assets WHERE assets.asset IS NOT NULL
    )
    SELECT latest.* FROM assets, LATERAL (
        SELECT * FROM tp_capital.tp_capital_signals s WHERE s.asset = assets.asset ORDER BY ts DESC, id DESC LIMIT 1
    ) latest";

const SUMMARY: &str = "SELECT asset, signal_type, count(*) AS count, min(price)::float8 AS lowest, max(price)::float8 AS highest, \
    round(avg(price), 6)::float8 AS average \
    FROM tp_capital.tp_capital_signals WHERE ts >= $1::text::date AND ts < $1::text::date + 1 \
    GROUP BY asset, signal_type ORDER BY asset, signal_type";

/// The database of the signals.
#[derive(Debug, Clone)]
pub struct Signals(pub Database);

/// A signal as clients see it.
#[derive(Debug, Serialize)]
struct Signal {
    id: i64,
    time: String,
    asset: String,
    channel: String,
    #[serde(rename = "type")]
    kind: String,
    status: String,
    price: f64,
    target_price: Option<f64>,
    stop_price: Option<f64>,
    volume: Option<f64>,
    confidence: Option<f64>,
    raw_message: String,
    metadata: serde_json::Value,
}

/// Some signals, latest first.
#[derive(Debug, Serialize)]
pub struct Page {
    signals: Vec<Signal>,
    page_size: i64,
    /// What `after` has to be for the next page; none: this may be the last.
    next: Option<String>,
}

/// A day's figures of an asset and type.
#[derive(Debug, Serialize)]
struct Group {
    asset: String,
    #[serde(rename = "type")]
    kind: String,
    count: i64,
    lowest: f64,
    highest: f64,
    average: f64,
}

/// `GET /api/signals`.
pub async fn list(State(Signals(database)): State<Signals>, raw: Raw) -> Result<Json<Page>, Error> {
    let parameters = parameters(raw)?;
    let given = Parameters::new(&parameters)?;
    let filters = [
        ("asset", given.text("asset")),
        ("channel", given.text("channel")),
        ("signal_type", given.one_of("type", &TYPES)?),
    ];
    let after = Cursor::from_parameters(&given)?;
    let page_size = given.number("page_size", LARGEST_PAGE_SIZE)?.unwrap_or(DEFAULT_PAGE_SIZE);
    let mut values: Vec<Parameter<'_>> = vec![(&page_size, Type::INT8)];
    let mut clauses = vec!["true".to_owned()];
    for (column, value) in &filters {
        if let Some(value) = value {
            values.push((value, Type::TEXT));
            clauses.push(format!("{column} = ${}", values.len()));
        }
    }
    if let Some(Cursor { micros, id }) = &after {
        values.extend([(micros as _, Type::INT8), (id as _, Type::INT8)]);
        let last = values.len();
        clauses.push(format!(
            "(ts, id) < (timestamptz 'epoch' + ${} * interval '1 microsecond', ${last})",
            last - 1
        ));
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM tp_capital.tp_capital_signals WHERE {} ORDER BY ts DESC, id DESC LIMIT $1",
        clauses.join(" AND ")
    );
    let rows = database.query(&sql, &values).await?;
    let signals = rows.iter().map(Signal::try_from).collect::<Result<Vec<_>, _>>()?;
    let is_full = i64::try_from(signals.len()).is_ok_and(|count| count == page_size);
    let next = match rows.last().filter(|_| is_full) {
        Some(last) => Some(Cursor { micros: last.try_get("micros")?, id: last.try_get("id")? }.to_string()),
        None => None,
    };
    Ok(Json(Page { signals, page_size, next }))
}

/// `GET /api/signals/latest`.
pub async fn latest(State(Signals(database)): State<Signals>) -> Result<Json<serde_json::Value>, Error> {
    let rows =
        database.query(&format!("SELECT {COLUMNS} FROM ({LATEST}) AS latest ORDER BY asset"), &[]).await?;
    let signals = rows.iter().map(Signal::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(serde_json::json!({ "signals": signals })))
}

/// `GET /api/signals/summary?day=2024-01-31`.
pub async fn summary(
    State(Signals(database)): State<Signals>,
    raw: Raw,
) -> Result<Json<serde_json::Value>, Error> {
    let parameters = parameters(raw)?;
    let day = Parameters::new(&parameters)?.text("day").unwrap_or_default();
    if !is_day(&day) {
        return Err(Error::malformed("day", format!("{day:?} is not a day such as 2024-01-31")));
    }
    let rows = database.query(SUMMARY, &[(&day, Type::TEXT)]).await?;
    let groups = rows.iter().map(Group::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(serde_json::json!({ "day": day, "groups": groups })))
}

/// `POST /api/signals`.
pub async fn create(State(Signals(database)): State<Signals>, body: Bytes) -> Result<Response, Error> {
    let row = NewSignal::parse(&body)?.insert(&database).await?;
    Ok((StatusCode::CREATED, Json(Signal::try_from(&row)?)).into_response())
}

/// `YYYY-MM-DD`, of a day that there is.
fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    let number = |part: &str, length: usize| {
        (part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| part.parse::<u32>().ok())
            .flatten()
    };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    year > 0 && (1..=longest).contains(&day)
}

impl TryFrom<&Row> for Signal {
    type Error = tokio_postgres::Error;

    fn try_from(row: &Row) -> Result<Signal, tokio_postgres::Error> {
        Ok(Signal {
            id: row.try_get("id")?,
            time: row.try_get("time")?,
            asset: row.try_get("asset")?,
            channel: row.try_get("channel")?,
            kind: row.try_get("signal_type")?,
            status: row.try_get("status")?,
            price: row.try_get("price")?,
            target_price: row.try_get("target_price")?,
            stop_price: row.try_get("stop_price")?,
            volume: row.try_get("volume")?,
            confidence: row.try_get("confidence")?,
            raw_message: row.try_get("raw_message")?,
            metadata: row.try_get("metadata")?,
        })
    }
}

impl TryFrom<&Row> for Group {
    type Error = tokio_postgres::Error;

    fn try_from(row: &Row) -> Result<Group, tokio_postgres::Error> {
        Ok(Group {
            asset: row.try_get("asset")?,
            kind: row.try_get("signal_type")?,
            count: row.try_get("count")?,
            lowest: row.try_get("lowest")?,
            highest: row.try_get("highest")?,
            average: row.try_get("average")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::is_day;

    #[test]
    fn days_are_days() {
        for (text, expected) in [
            ("2024-02-29", true),
            ("2023-02-29", false),
            ("2024-12-31", true),
            ("2024-13-01", false),
            ("2024-1-01", false),
            ("0000-01-01", false),
            ("", false),
            ("tomorrow", false),
        ] {
            assert_eq!(is_day(text), expected, "{text}");
        }
    }
}
