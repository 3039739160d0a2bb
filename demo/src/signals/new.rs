//! `POST /api/signals`: what a new signal must look like.

use serde::Deserialize;
use serde_json::{Map, Value};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::{COLUMNS, TYPES};
use crate::database::Database;
use crate::error::Error;
use crate::new_item::{object, one_of, read, text};

const LONGEST_NAME: usize = 50;
const LONGEST_MESSAGE: usize = 5_000;
/// What `numeric(20, 8)` can hold.
const HIGHEST_PRICE: f64 = 1e11;

/// A signal that is about to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSignal {
    asset: String,
    channel: String,
    #[serde(rename = "type")]
    kind: String,
    price: f64,
    target_price: Option<f64>,
    stop_price: Option<f64>,
    volume: Option<f64>,
    confidence: Option<f64>,
    #[serde(default)]
    raw_message: String,
    #[serde(default)]
    metadata: Map<String, Value>,
}

impl NewSignal {
    /// Reads a request's body; lengths are in characters.
    pub(super) fn parse(body: &[u8]) -> Result<NewSignal, Error> {
        let signal: NewSignal = read(body)?;
        for (field, value) in [("asset", &signal.asset), ("channel", &signal.channel)] {
            if value.trim().is_empty() {
                return Err(Error::invalid(field, "must not be empty"));
            }
            text(field, value, LONGEST_NAME)?;
        }
        one_of("type", &signal.kind, &TYPES)?;
        text("raw_message", &signal.raw_message, LONGEST_MESSAGE)?;
        object("metadata", &signal.metadata)?;
        let numbers = [
            ("price", Some(signal.price), HIGHEST_PRICE),
            ("target_price", signal.target_price, HIGHEST_PRICE),
            ("stop_price", signal.stop_price, HIGHEST_PRICE),
            ("volume", signal.volume, HIGHEST_PRICE),
            ("confidence", signal.confidence, 1.0),
        ];
        for (field, value, highest) in numbers {
            if let Some(value) = value.filter(|value| !(0.0..=highest).contains(value)) {
                return Err(Error::invalid(field, format!("{value} is not from 0 to {highest}")));
            }
        }
        Ok(signal)
    }

    /// Stores it; the answer is the signal as it is from now on.
    pub(super) async fn insert(self, database: &Database) -> Result<Row, Error> {
        let sql = format!(
            "INSERT INTO tp_capital.tp_capital_signals \
             (asset, channel, signal_type, price, target_price, stop_price, volume, confidence, raw_message, metadata) \
             VALUES ($1, $2, $3, $4::numeric, $5::numeric, $6::numeric, $7::numeric, $8::real, $9, $10) RETURNING {COLUMNS}"
        );
        let metadata = Value::Object(self.metadata);
        let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 10] = [
            (&self.asset, Type::TEXT),
            (&self.channel, Type::TEXT),
            (&self.kind, Type::TEXT),
            (&self.price, Type::FLOAT8),
            (&self.target_price, Type::FLOAT8),
            (&self.stop_price, Type::FLOAT8),
            (&self.volume, Type::FLOAT8),
            (&self.confidence, Type::FLOAT8),
            (&self.raw_message, Type::TEXT),
            (&metadata, Type::JSONB),
        ];
        database.query_one(&sql, &parameters).await
    }
}
