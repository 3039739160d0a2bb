//! The server's life: listening, serving, stopping.

mod connections;
mod patient;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::serve::Listener;
use tokio::sync::watch;

use crate::background;
use crate::config::Config;
use crate::http::{Desk, Service, rag_router, router};
use crate::store::Store;
use connections::Doorkeeper;
use patient::Patient;
use tls::Tls;

/// What the kernel holds of a stream of answers for a client that does not read, in bytes.
const STREAM_BUFFER: u32 = 64 << 10;

/// The companion's interface by HTTP without a listener, for whoever has one; nothing in the background is started.
///
/// # Errors
/// If the configuration asks for what cannot be had.
pub fn interface(config: &Config) -> anyhow::Result<Router> {
    let (_, stops) = watch::channel(false);
    Ok(router(Arc::new(Service::new(config, Store::open(config)?, stops)?)))
}

/// Listens on the address that this setting says.
fn listen(
    setting: &str,
    address: SocketAddr,
    patience: Duration,
    send_buffer: Option<u32>,
) -> anyhow::Result<Patient> {
    Patient::bind(address, patience, send_buffer)
        .with_context(|| format!("cannot listen on {address} (setting {setting})"))
}

/// A companion that listens and does not serve yet.
#[derive(Debug)]
pub struct Server {
    listener: Patient,
    address: SocketAddr,
    /// Where connections are encrypted, if they are anywhere.
    encrypted: Option<(Patient, Tls)>,
    /// Where questions are answered, if they are.
    questions: Option<Patient>,
    config: Config,
}

impl Server {
    /// Takes the address to listen on. Port 0 takes any that is free.
    pub async fn bind(config: Config) -> anyhow::Result<Self> {
        let patience = Duration::from_millis(config.connections.slow_reader_ms);
        let listener = listen("listen", config.listen, patience, None)?;
        let address = listener.local_addr()?;
        let encrypted = match Tls::open(&config.tls)? {
            None => None,
            Some(tls) => Some((listen("tls.listen", config.tls.listen, patience, None)?, tls)),
        };
        let rag = &config.rag;
        let patience = Duration::from_millis(rag.slow_reader_ms);
        let ask = || listen("rag.listen", rag.listen, patience, Some(STREAM_BUFFER));
        let questions = rag.enabled.then(ask).transpose()?;
        Ok(Self { listener, address, encrypted, questions, config })
    }

    /// The address where connections are encrypted, if there is one.
    pub fn encrypted_address(&self) -> Option<SocketAddr> {
        self.encrypted.as_ref().and_then(|(listener, _)| listener.local_addr().ok())
    }

    /// The address where it answers questions, if it does.
    pub fn rag_address(&self) -> Option<SocketAddr> {
        self.questions.as_ref().and_then(|questions| questions.local_addr().ok())
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is done; then takes no more connections, answers long polls at once, and gives other requests
    /// in flight the configured time.
    pub async fn run(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Self { listener, address, encrypted, questions, config } = self;
        let (stopping, stops) = watch::channel(false);
        let store = Store::open(&config)?;
        let service = Arc::new(Service::new(&config, store, stops.clone())?);
        if let Some(semantic) = &service.semantic {
            semantic.check().await?;
        }
        tracing::info!(%address, store = service.store.name(), version = env!("CARGO_PKG_VERSION"), "listening");

        let local_url = Config { listen: address, ..config.clone() }.local_url();
        let background = tokio::spawn(background::run(Arc::clone(&service), config.clone(), local_url));
        let otlp = service.otlp.clone();
        let doorkeeper = || Doorkeeper::new(&config.connections, service.metrics.connections.clone());
        let answering = match (questions, &service.rag) {
            (Some(questions), Some(rag)) => {
                tracing::info!(address = %questions.local_addr()?, model = rag.model(), "answering questions");
                let desk = Arc::new(Desk::new(Arc::clone(rag), &config.rag));
                Some(tokio::spawn(doorkeeper().serve(questions, None, rag_router(desk), stops.clone())))
            }
            _ => None,
        };
        let doorkeeper = doorkeeper();
        let everything = router(service);
        let encrypted = match encrypted {
            None => None,
            Some((listener, tls)) => {
                tracing::info!(address = %listener.local_addr()?, "listening for encrypted connections");
                let following = tokio::spawn(tls.clone().follow_files());
                let serving =
                    doorkeeper.clone().serve(listener, Some(tls), everything.clone(), stops.clone());
                Some((tokio::spawn(serving), following))
            }
        };
        let plain = tokio::spawn(doorkeeper.serve(listener, None, everything, stops));
        let serving = async {
            plain.await?;
            if let Some((encrypted, following)) = encrypted {
                encrypted.await?;
                following.abort();
            }
            if let Some(answering) = answering {
                answering.await?;
            }
            Ok::<_, anyhow::Error>(())
        };

        stop.await;
        tracing::info!("stopping");
        stopping.send_replace(true);
        match tokio::time::timeout(config.shutdown_grace(), serving).await {
            Ok(served) => served?,
            Err(_) => tracing::warn!(grace_ms = config.shutdown_grace_ms, "requests were still in flight"),
        }
        background.abort();
        if let Some(otlp) = otlp {
            otlp.stop().await;
        }
        Ok(())
    }
}
