//! The server's life: listening, serving, stopping.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::Config;
use crate::http::{Service, router};
use crate::mesh;
use crate::store::Store;

/// A companion that listens and does not serve yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    config: Config,
}

impl Server {
    /// Takes the address to listen on. Port 0 takes any that is free.
    pub async fn bind(config: Config) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(config.listen)
            .await
            .with_context(|| format!("cannot listen on {} (setting listen)", config.listen))?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, config })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is done; then takes no more connections, answers long polls at once, and gives other requests
    /// in flight the configured time.
    pub async fn run(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Self { listener, address, config } = self;
        let (stopping, stops) = watch::channel(false);
        let store = Store::open(&config)?;
        let service = Arc::new(Service::new(&config, store, stops.clone())?);
        tracing::info!(%address, store = service.store.name(), version = env!("CARGO_PKG_VERSION"), "listening");

        let follower = tokio::spawn({
            let service = Arc::clone(&service);
            let settings = config.ui.clone();
            let local_url = Config { listen: address, ..config.clone() }.local_url();
            let watch = async move |service: &Service| {
                if let Some(ui) = &service.ui {
                    ui.watch(&settings, &local_url).await;
                }
            };
            async move {
                tokio::join!(service.store.follow(), mesh::announce(&service), watch(&service));
            }
        });
        let otlp = service.otlp.clone();
        let listener = listener.tap_io(|connection| {
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "cannot set TCP_NODELAY");
            }
        });
        let serving = tokio::spawn(
            axum::serve(listener, router(service)).with_graceful_shutdown(stopped(stops)).into_future(),
        );

        stop.await;
        tracing::info!("stopping");
        stopping.send_replace(true);
        match tokio::time::timeout(config.shutdown_grace(), serving).await {
            Ok(served) => served??,
            Err(_) => tracing::warn!(grace_ms = config.shutdown_grace_ms, "requests were still in flight"),
        }
        follower.abort();
        if let Some(otlp) = otlp {
            otlp.stop().await;
        }
        Ok(())
    }
}

async fn stopped(mut stops: watch::Receiver<bool>) {
    // An error means that the sender is gone, and with it the server.
    let _ = stops.wait_for(|stopping| *stopping).await;
}
