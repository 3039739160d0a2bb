//! How spans get to the collector: by the companion's own HTTP client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use prometheus::IntCounter;
use tokio::runtime::Handle;

/// The largest answer that is read of a collector, in bytes.
const MAX_ANSWER_BYTES: usize = 1 << 16;

/// What became of batches of spans.
#[derive(Debug)]
pub(crate) struct Exports {
    /// Those that the collector took.
    pub(crate) sent: IntCounter,
    /// Those that it did not.
    pub(crate) failed: IntCounter,
}

/// Sends batches. The exporter waits for it on a thread of its own, where there is no runtime.
#[derive(Debug)]
pub(super) struct Sender {
    client: Client<HttpConnector, Full<Bytes>>,
    runtime: Handle,
    exports: Arc<Exports>,
    /// Whether the last batch failed: a collector that is away is told of once.
    is_failing: AtomicBool,
}

impl Sender {
    /// A sender on the runtime that is running.
    pub(super) fn new(exports: Arc<Exports>) -> Self {
        let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        Self { client, runtime: Handle::current(), exports, is_failing: AtomicBool::new(false) }
    }

    fn note(&self, result: &Result<Response<Bytes>, HttpError>) {
        let error = match result {
            Ok(answer) if answer.status().is_success() => {
                self.exports.sent.inc();
                self.is_failing.store(false, Ordering::Relaxed);
                return;
            }
            Ok(answer) => answer.status().to_string(),
            Err(error) => error.to_string(),
        };
        self.exports.failed.inc();
        if !self.is_failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "traces are not taken (setting telemetry.otlp_endpoint)");
        }
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let exchange = self.runtime.spawn(async move {
            let (head, body) = client.request(request.map(Full::new)).await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(head, body))
        });
        let result = match exchange.await {
            Ok(result) => result,
            Err(error) => Err(error.into()),
        };
        self.note(&result);
        result
    }
}
