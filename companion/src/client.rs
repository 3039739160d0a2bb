//! A small HTTP client for the companion's own interface.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Longer than any lease that a companion may wait for.
const PATIENCE: Duration = Duration::from_secs(400);

/// Talks to one companion.
#[derive(Clone)]
pub struct Client {
    url: String,
    /// The value of Authorization, if there is a token.
    authorization: Option<String>,
    http: hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>,
}

impl fmt::Debug for Client {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the companion at a URL such as `http://127.0.0.1:8900`, with its token if it has one (or empty).
    pub fn new(url: &str, token: &str) -> anyhow::Result<Self> {
        if !url.starts_with("http://") {
            bail!("{url:?} is no URL of a companion: expected http://HOST:PORT");
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_secs(5)));
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector);
        let authorization = (!token.is_empty()).then(|| format!("Bearer {token}"));
        Ok(Self { url: url.trim_end_matches('/').to_owned(), authorization, http })
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(
        &self,
        method: Method,
        path_and_query: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> anyhow::Result<Response<Bytes>> {
        let request = self.request(method, path_and_query, headers, body.into())?;
        self.exchange(request, PATIENCE, usize::MAX).await
    }

    /// Sends a request, and returns as soon as an answer has begun. Whoever drops its body before the end closes the connection.
    pub(crate) async fn open(
        &self,
        method: Method,
        path_and_query: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> anyhow::Result<Response<Incoming>> {
        let request = self.request(method, path_and_query, headers, body.into())?;
        self.http.request(request).await.with_context(|| format!("no answer from {}", self.url))
    }

    fn request(
        &self,
        method: Method,
        path_and_query: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> anyhow::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder().method(method).uri(format!("{}{path_and_query}", self.url));
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Ok(request.body(Full::new(body))?)
    }

    /// Reads a page of at most so many bytes, which may take this long.
    pub(crate) async fn fetch(
        &self,
        path: &str,
        patience: Duration,
        max_bytes: usize,
    ) -> anyhow::Result<Response<Bytes>> {
        let request = Request::builder().uri(format!("{}{path}", self.url)).body(Full::default())?;
        self.exchange(request, patience, max_bytes).await
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        patience: Duration,
        max_bytes: usize,
    ) -> anyhow::Result<Response<Bytes>> {
        let answer = async {
            let (head, body) = self.http.request(request).await?.into_parts();
            let body = Limited::new(body, max_bytes).collect().await.map_err(anyhow::Error::from_boxed)?;
            anyhow::Ok(Response::from_parts(head, body.to_bytes()))
        };
        tokio::time::timeout(patience, answer)
            .await
            .with_context(|| format!("{} did not answer within {} s", self.url, patience.as_secs()))?
            .with_context(|| format!("no answer from {}", self.url))
    }
}
