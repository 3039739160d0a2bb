//! Asks other services.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// What is read of an answer at most.
const LARGEST_ANSWER: usize = 64 * 1024;

/// A client that keeps its connections, and bounds what it waits for.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: Client<HttpConnector, Full<Bytes>>,
    timeout: Duration,
}

impl HttpClient {
    /// A client whose every exchange may take so long.
    pub fn new(timeout: Duration) -> HttpClient {
        HttpClient { client: Client::builder(TokioExecutor::new()).build_http(), timeout }
    }

    /// The status of a GET, and what came with it.
    pub async fn get(&self, uri: &Uri) -> Result<(StatusCode, Bytes)> {
        self.send(Request::get(uri), Bytes::new()).await
    }

    /// The status of a POST of JSON, and what came with it.
    pub async fn post(&self, uri: &Uri, json: String) -> Result<(StatusCode, Bytes)> {
        self.send(Request::post(uri).header("content-type", "application/json"), json.into()).await
    }

    async fn send(&self, request: hyper::http::request::Builder, body: Bytes) -> Result<(StatusCode, Bytes)> {
        let request = request.body(Full::new(body))?;
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| {
                match std::error::Error::source(&error) {
                    // The outer message only says that something went wrong while connecting or sending.
                    Some(cause) => anyhow::anyhow!("{error}: {cause}"),
                    None => error.into(),
                }
            })?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
            Ok((status, body.map_err(|error| anyhow::anyhow!("the answer broke off: {error}"))?.to_bytes()))
        };
        tokio::time::timeout(self.timeout, exchange)
            .await
            .with_context(|| format!("no answer within {} ms", self.timeout.as_millis()))?
    }
}

/// Reads an address of another service, for clap: `http://host:port/path`.
pub fn http_uri(text: &str) -> Result<Uri> {
    let uri: Uri = text.parse().with_context(|| format!("{text:?} is not a URL"))?;
    ensure!(uri.scheme_str() == Some("http"), "{text:?} does not begin with http://");
    ensure!(uri.host().is_some_and(|host| !host.is_empty()), "{text:?} names no host");
    Ok(uri)
}
