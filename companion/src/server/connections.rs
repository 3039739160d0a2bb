//! Connections of clients: so many at a time, and none for a client that does not say what it wants.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::patient::{Patient, Stream};
use super::tls::Tls;
use crate::config;
use crate::metrics::ConnectionMetrics;

/// Requests that a client may have under way on one connection of HTTP/2.
const MAX_STREAMS: u32 = 1_000;
/// What all fields of a request may take together, in bytes, before it is answered with 431.
const MAX_HEAD_BYTES: u32 = 64 << 10;

/// What all doors of the companion have in common: how many may come in, and what is counted.
#[derive(Debug, Clone)]
pub(super) struct Doorkeeper {
    places: Arc<Semaphore>,
    head_timeout: Duration,
    metrics: ConnectionMetrics,
}

/// A connection that counts as one until it is dropped.
struct Admitted {
    metrics: ConnectionMetrics,
    _place: OwnedSemaphorePermit,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.metrics.open.dec();
    }
}

impl Doorkeeper {
    /// With as many places as configured.
    pub(super) fn new(config: &config::Connections, metrics: ConnectionMetrics) -> Self {
        Self {
            places: Arc::new(Semaphore::new(config.max)),
            head_timeout: Duration::from_millis(config.head_timeout_ms),
            metrics,
        }
    }

    /// Serves whoever comes until `stops` says so; then takes no more, and lets what is under way finish.
    pub(super) async fn serve(
        self,
        mut listener: Patient,
        tls: Option<Tls>,
        router: Router,
        mut stops: watch::Receiver<bool>,
    ) {
        let graceful = GracefulShutdown::new();
        loop {
            let stream = tokio::select! {
                (stream, _) = Listener::accept(&mut listener) => stream,
                // An error means that the sender is gone, and with it the server.
                _ = stops.wait_for(|stopping| *stopping) => break,
            };
            let Some(admitted) = self.admit() else { continue };
            let watcher = graceful.watcher();
            tokio::spawn(self.clone().welcome(stream, tls.clone(), router.clone(), watcher, admitted));
        }
        drop(listener);
        graceful.shutdown().await;
    }

    fn admit(&self) -> Option<Admitted> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            self.metrics.refused_full.inc();
            tracing::debug!("a connection was refused: there are as many as connections.max allows");
            return None;
        };
        self.metrics.open.inc();
        Some(Admitted { metrics: self.metrics.clone(), _place: place })
    }

    async fn welcome(
        self,
        stream: Stream,
        tls: Option<Tls>,
        router: Router,
        watcher: Watcher,
        admitted: Admitted,
    ) {
        let Some(tls) = tls else { return self.converse(stream, router, watcher, admitted).await };
        match tokio::time::timeout(self.head_timeout, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.converse(stream, router, watcher, admitted).await,
            Ok(Err(error)) => {
                self.metrics.refused_tls.inc();
                tracing::debug!(%error, "a client failed the TLS handshake");
            }
            Err(_) => {
                self.metrics.refused_tls.inc();
                tracing::debug!("a client took too long for the TLS handshake");
            }
        }
    }

    async fn converse<S>(self, stream: S, router: Router, watcher: Watcher, admitted: Admitted)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(self.head_timeout);
        builder.http2().timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS);
        builder.http2().max_header_list_size(MAX_HEAD_BYTES);
        let service = TowerToHyperService::new(router);
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%error, "a connection ended");
        }
        drop(admitted);
    }
}
