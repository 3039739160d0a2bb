//! One service that is watched.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use axum::http::Uri;
use serde::Serialize;
use tokio::net::TcpStream;

use crate::http_client::{HttpClient, http_uri};

/// A service's name, and how it is asked whether it is well.
#[derive(Debug, Clone)]
pub struct Service {
    name: String,
    question: Question,
}

#[derive(Debug, Clone)]
enum Question {
    Http(Uri),
    Tcp(String),
}

impl Service {
    /// Reads `NAME=http://host:port/path` or `NAME=tcp://host:port`.
    pub fn parse(text: &str) -> Result<Service> {
        let (name, address) = text
            .split_once('=')
            .with_context(|| format!("{text:?} is not NAME=http://host:port/path or NAME=tcp://host:port"))?;
        ensure!(!name.is_empty(), "{text:?} names no service");
        let question = match address.strip_prefix("tcp://") {
            Some(authority) => Question::Tcp(authority_of(authority)?),
            None => Question::Http(http_uri(address)?),
        };
        Ok(Service { name: name.to_owned(), question })
    }
}

fn authority_of(text: &str) -> Result<String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0) => {
            Ok(text.to_owned())
        }
        _ => bail!("tcp://{text} is not tcp://host:port"),
    }
}

/// A service, and how it was when it was last asked.
#[derive(Debug)]
pub struct Watched {
    service: Service,
    client: HttpClient,
    timeout: Duration,
    seen: Mutex<Option<Seen>>,
}

#[derive(Debug, Clone)]
struct Seen {
    at: Instant,
    took: Duration,
    error: Option<String>,
    /// Since when it has been up, or down.
    since: Instant,
}

/// How a service is, for clients.
#[derive(Debug, Serialize)]
pub struct Report {
    name: String,
    /// `up`, `down`, or `unknown` until it was asked for the first time.
    pub status: &'static str,
    /// How long its last answer took.
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<f64>,
    /// For how long it has been up, or down, as far as this API knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    for_seconds: Option<u64>,
    /// How long ago it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_seconds_ago: Option<u64>,
    /// Why it is down.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Watched {
    /// A service that was not asked yet, and may take `timeout` each time.
    pub fn new(service: Service, timeout: Duration) -> Watched {
        Watched { service, client: HttpClient::new(timeout), timeout, seen: Mutex::new(None) }
    }

    /// Asks it, and remembers what came of it.
    pub async fn look(&self) {
        let start = Instant::now();
        let error = self.ask().await.err().map(|error| format!("{error:#}"));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let same = seen.as_ref().filter(|seen| seen.error.is_some() == error.is_some());
        let since = same.map_or(start, |seen| seen.since);
        if same.is_none() {
            match &error {
                Some(error) => tracing::warn!(service = self.service.name, error, "service is down"),
                None => tracing::info!(service = self.service.name, "service is up"),
            }
        }
        *seen = Some(Seen { at: Instant::now(), took: start.elapsed(), error, since });
    }

    async fn ask(&self) -> Result<()> {
        match &self.service.question {
            Question::Http(uri) => {
                let (status, _) = self.client.get(uri).await?;
                ensure!(status.is_success(), "{uri} answered {status}");
            }
            Question::Tcp(authority) => {
                let connection = tokio::time::timeout(self.timeout, TcpStream::connect(authority)).await;
                connection
                    .with_context(|| {
                        format!("{authority} took no connection within {} ms", self.timeout.as_millis())
                    })?
                    .with_context(|| format!("{authority} takes no connection"))?;
            }
        }
        Ok(())
    }

    /// How it is.
    pub fn report(&self) -> Report {
        let name = self.service.name.clone();
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(seen) = seen else {
            return Report {
                name,
                status: "unknown",
                latency_ms: None,
                for_seconds: None,
                asked_seconds_ago: None,
                error: None,
            };
        };
        Report {
            name,
            status: if seen.error.is_none() { "up" } else { "down" },
            latency_ms: Some((seen.took.as_secs_f64() * 100_000.0).round() / 100.0),
            for_seconds: Some(seen.since.elapsed().as_secs()),
            asked_seconds_ago: Some(seen.at.elapsed().as_secs()),
            error: seen.error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_named_and_addressed() {
        for (text, error) in [
            ("a=http://host:1/health", ""),
            ("a=tcp://host:1", ""),
            ("a=tcp://[::1]:1", ""),
            ("http://host:1", "not NAME="),
            ("=tcp://host:1", "names no service"),
            ("a=tcp://host", "tcp://host:port"),
            ("a=tcp://:1", "tcp://host:port"),
            ("a=tcp://host:0", "tcp://host:port"),
            ("a=https://host", "http://"),
            ("a=nonsense", "http://"),
        ] {
            let read = Service::parse(text).map_err(|error| error.to_string());
            match read {
                Ok(_) => assert_eq!(error, "", "{text}"),
                Err(said) => assert!(!error.is_empty() && said.contains(error), "{text}: {said}"),
            }
        }
    }

    #[tokio::test]
    async fn what_answers_is_up_and_what_does_not_is_down() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = Service::parse(&format!("it=tcp://{address}")).unwrap();
        let watched = Watched::new(service, Duration::from_secs(30));
        assert_eq!(watched.report().status, "unknown");
        watched.look().await;
        assert_eq!(watched.report().status, "up");
        drop(listener);
        watched.look().await;
        let report = watched.report();
        assert_eq!(report.status, "down");
        assert!(report.error.unwrap().contains("takes no connection"));
    }
}
