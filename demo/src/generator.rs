//! `slipstream-demo generate`: signals as they would come in all day, sent to the API tp-capital.

use std::time::Duration;

use anyhow::{Result, bail};
use hyper::{StatusCode, Uri};
use serde_json::{Value, json};

use crate::http_client::{HttpClient, http_uri};
use crate::signals::TYPES;

const ASSETS: [(&str, f64); 6] = [
    ("BTCUSD", 64_000.0),
    ("ETHUSD", 3_100.0),
    ("EURUSD", 1.09),
    ("PETR4", 37.5),
    ("VALE3", 61.0),
    ("WINFUT", 128_000.0),
];
const CHANNELS: [&str; 4] = ["alpha-desk", "breakouts", "momentum", "scalpers"];
/// The share of itself that a price may move with a signal.
const STEP: f64 = 0.002;
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest pause after failures in a row.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What to send where.
#[derive(Debug, clap::Args)]
pub struct Settings {
    /// Where signals are sent, such as http://127.0.0.1:10000/api/signals
    #[arg(long, env = "GENERATOR_URL", value_parser = http_uri)]
    url: Uri,
    /// Signals a second (0.001 to 1000)
    #[arg(long, env = "GENERATOR_PER_SECOND", default_value_t = 1.0, value_parser = per_second)]
    per_second: f64,
    /// The same number makes the same signals
    #[arg(long, env = "GENERATOR_SEED", default_value_t = 7)]
    seed: u64,
    /// Stop after so many signals; fails if one was not taken [default: go on, and try again after failures]
    #[arg(long)]
    count: Option<u64>,
}

fn per_second(text: &str) -> Result<f64> {
    match text.parse() {
        Ok(rate) if (0.001..=1000.0).contains(&rate) => Ok(rate),
        _ => bail!("{text:?} is not a number from 0.001 to 1000"),
    }
}

/// Sends until it is asked to stop, or has sent as many as it should.
pub async fn run(settings: Settings, stop: impl Future<Output = ()>) -> Result<()> {
    tokio::select! {
        sent = send_all(settings) => sent,
        () = stop => Ok(()),
    }
}

async fn send_all(settings: Settings) -> Result<()> {
    let client = HttpClient::new(TIMEOUT);
    let mut market = Market::new(settings.seed);
    let pause = Duration::from_secs_f64(1.0 / settings.per_second);
    let (mut sent, mut failures) = (0, 0_u32);
    while settings.count.is_none_or(|count| sent < count) {
        let failure = match client.post(&settings.url, market.signal().to_string()).await {
            Ok((StatusCode::CREATED, _)) => None,
            Ok((status, body)) => Some(format!("{status}: {}", String::from_utf8_lossy(&body))),
            Err(error) => Some(format!("{error:#}")),
        };
        match failure {
            None => {
                sent += 1;
                failures = 0;
                tracing::debug!(sent, "signal sent");
                tokio::time::sleep(pause).await;
            }
            Some(failure) if settings.count.is_some() => {
                bail!("{} did not take a signal: {failure}", settings.url)
            }
            Some(failure) => {
                failures = failures.saturating_add(1);
                tracing::warn!(failure, failures, "a signal was not taken");
                tokio::time::sleep(pause.max(back_off(failures))).await;
            }
        }
    }
    tracing::info!(sent, "all sent");
    Ok(())
}

/// Twice as long with each failure.
fn back_off(failures: u32) -> Duration {
    Duration::from_secs(1).saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LONGEST_PAUSE)
}

/// Prices that walk at random, each from where it was.
struct Market {
    dice: fastrand::Rng,
    prices: [f64; ASSETS.len()],
}

impl Market {
    fn new(seed: u64) -> Market {
        Market { dice: fastrand::Rng::with_seed(seed), prices: ASSETS.map(|(_, price)| price) }
    }

    /// The next signal, as `POST /api/signals` takes it.
    fn signal(&mut self) -> Value {
        let place = self.dice.usize(..ASSETS.len());
        let step = 1.0 + (self.dice.f64() * 2.0 - 1.0) * STEP;
        let mut price = 0.0;
        if let Some(last) = self.prices.get_mut(place) {
            *last *= step;
            price = rounded(*last);
        }
        let asset = ASSETS.get(place).map_or("", |(asset, _)| asset);
        let channel = self.dice.choice(CHANNELS).unwrap_or_default();
        let kind = self.dice.choice(TYPES).unwrap_or_default();
        json!({
            "asset": asset,
            "channel": channel,
            "type": kind,
            "price": price,
            "target_price": rounded(price * 1.01),
            "stop_price": rounded(price * 0.99),
            "volume": rounded(self.dice.f64() * 100.0),
            "confidence": (self.dice.f64() * 100.0).round() / 100.0,
            "raw_message": format!("{kind} {asset} at {price}"),
            "metadata": { "source": "generator" },
        })
    }
}

/// To four places after the point.
fn rounded(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_signals_and_every_price_is_positive() {
        let signals = |seed| {
            let mut market = Market::new(seed);
            (0..1_000).map(|_| market.signal()).collect::<Vec<_>>()
        };
        assert_eq!(signals(1), signals(1));
        assert_ne!(signals(1), signals(2));
        assert!(signals(3).iter().all(|signal| signal["price"].as_f64() > Some(0.0)));
    }

    #[test]
    fn pauses_grow_to_half_a_minute() {
        let seconds: Vec<u64> = [0, 1, 2, 3, 5, 6, 100].into_iter().map(|n| back_off(n).as_secs()).collect();
        assert_eq!(seconds, [1, 1, 2, 4, 16, 30, 30]);
    }

    #[test]
    fn rates_have_bounds() {
        for (text, good) in
            [("1", true), ("0.001", true), ("0", false), ("1001", false), ("NaN", false), ("x", false)]
        {
            assert_eq!(per_second(text).is_ok(), good, "{text}");
        }
    }
}
