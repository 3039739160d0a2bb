//! One question, asked of the signals and of their daily sums.

use std::time::Instant;

use anyhow::{Context, Result};
use tokio_postgres::Client;

/// The last 30 days that have signals all day.
const WINDOW: &str = ">= timestamptz '2025-11-20' AND $ < timestamptz '2025-12-20'";

/// How often a question is asked before it is measured: the server runs in WebAssembly, and its code is compiled well only once
/// it has run for some time.
const WARM_UP: u8 = 10;

/// What a question came to.
pub struct Asked {
    /// What was asked.
    pub name: &'static str,
    /// How long it took at the least, in milliseconds: whatever else the machine does only adds to it.
    pub ms: f64,
    /// The rows, as text.
    pub answer: Vec<String>,
}

/// What is summed up for.
#[derive(Debug, Clone, Copy)]
pub enum Sums {
    /// Each day.
    Days,
    /// Each day and type, of one asset.
    Asset,
    /// Each day, asset and type.
    Parts,
}

/// Asks the signals themselves.
pub async fn signals(client: &Client, sums: Sums, name: &'static str, rounds: u8) -> Result<Asked> {
    let window = sums.wanted("ts");
    let parts = sums.parts();
    let sql = format!(
        "SELECT concat_ws(' ', time_bucket(INTERVAL '1 day', ts){parts}, count(*), min(price), max(price), sum(volume))
         FROM tp_capital_signals WHERE {window}
         GROUP BY time_bucket(INTERVAL '1 day', ts){parts}"
    );
    ask(client, name, &sql, rounds).await
}

/// Asks the continuous aggregate.
pub async fn aggregate(client: &Client, sums: Sums, name: &'static str, rounds: u8) -> Result<Asked> {
    let window = sums.wanted("day");
    let sql = match sums {
        Sums::Days => format!(
            "SELECT concat_ws(' ', day, sum(signals), min(min_price), max(max_price), sum(volume))
             FROM tp_capital_signals_daily WHERE {window}
             GROUP BY day"
        ),
        // Each is a row of the aggregate: there is nothing left to sum up.
        Sums::Asset | Sums::Parts => format!(
            "SELECT concat_ws(' ', day, asset, signal_type, signals, min_price, max_price, volume)
             FROM tp_capital_signals_daily WHERE {window}"
        ),
    };
    ask(client, name, &sql, rounds).await
}

impl Sums {
    /// All questions, the answers growing.
    pub const ALL: [Self; 3] = [Self::Days, Self::Asset, Self::Parts];

    fn parts(self) -> &'static str {
        match self {
            Self::Days => "",
            Self::Asset | Self::Parts => ", asset, signal_type",
        }
    }

    /// The condition, on this column of time.
    fn wanted(self, time: &str) -> String {
        let window = format!("{time} {}", WINDOW.replace('$', time));
        match self {
            Self::Asset => format!("asset = 'PETR4' AND {window}"),
            Self::Days | Self::Parts => window,
        }
    }
}

async fn ask(client: &Client, name: &'static str, sql: &str, rounds: u8) -> Result<Asked> {
    let statement = client.prepare(sql).await?;
    let (mut times, mut answer) = (Vec::new(), Vec::new());
    for _ in 0..WARM_UP {
        client.query(&statement, &[]).await?;
    }
    for _ in 0..rounds {
        let start = Instant::now();
        let rows = client.query(&statement, &[]).await?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        answer = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    }
    times.sort_by(f64::total_cmp);
    answer.sort();
    let ms = *times.first().context("no round was asked")?;
    Ok(Asked { name, ms, answer })
}
