//! What is counted of clients' connections.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Connections that are open, and those that were refused.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionMetrics {
    /// Those that are open.
    pub(crate) open: IntGauge,
    /// Those that were refused because there were as many as there may be.
    pub(crate) refused_full: IntCounter,
    /// Those that failed the TLS handshake.
    pub(crate) refused_tls: IntCounter,
}

impl ConnectionMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let open = IntGauge::new("slipstream_connections", "Clients' connections to the companion.")?;
        let refused = IntCounterVec::new(
            Opts::new(
                "slipstream_connections_refused_total",
                "Connections that were not let in: there were too many, or the TLS handshake failed.",
            ),
            &["reason"],
        )?;
        registry.register(Box::new(open.clone()))?;
        registry.register(Box::new(refused.clone()))?;
        Ok(Self {
            open,
            refused_full: refused.get_metric_with_label_values(&["full"])?,
            refused_tls: refused.get_metric_with_label_values(&["tls"])?,
        })
    }
}
