//! Spans for a collector, by OTLP over HTTP.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use cache_protocol::TraceParent;
use opentelemetry::trace::{
    SpanBuilder, SpanContext, SpanId, SpanKind, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
    TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider,
};

use super::Exports;
use super::export::Sender;
use crate::config::Telemetry;

/// Where collectors take traces.
const PATH: &str = "/v1/traces";
/// How long a collector may take for a batch, and for the last one when the companion stops.
const PATIENCE: Duration = Duration::from_secs(5);

/// What sends spans.
#[derive(Debug, Clone)]
pub(crate) struct Otlp {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Otlp {
    /// What sends spans to the collector that the settings name; none if they name none.
    pub(crate) fn start(settings: &Telemetry, exports: Arc<Exports>) -> anyhow::Result<Option<Self>> {
        if settings.otlp_endpoint.is_empty() {
            return Ok(None);
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Sender::new(exports))
            .with_endpoint(format!("{}{PATH}", settings.otlp_endpoint.trim_end_matches('/')))
            .with_timeout(PATIENCE)
            .build()
            .context("cannot send traces (setting telemetry.otlp_endpoint)")?;
        let batches = BatchConfigBuilder::default().with_max_queue_size(settings.max_queued_spans).build();
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        let roots = Sampler::TraceIdRatioBased(f64::from(settings.sample_percent) / 100.0);
        let resource = Resource::builder_empty().with_service_name(settings.service_name.clone());
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor)
            .with_sampler(Sampler::ParentBased(Box::new(roots)))
            .with_resource(resource.with_attribute(version).build())
            .build();
        let tracer = provider.tracer("slipstream");
        Ok(Some(Self { provider, tracer }))
    }

    /// Begins the span of a request.
    pub(super) fn begin(&self, parent: Option<TraceParent>, method: &str, path: &str) -> Context {
        let remote = parent.map(|parent| {
            let flags = if parent.is_sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
            let (trace, span) = (TraceId::from(parent.trace_id), SpanId::from(parent.span_id));
            let context = SpanContext::new(trace, span, flags, true, TraceState::default());
            Context::new().with_remote_span_context(context)
        });
        let span =
            SpanBuilder::from_name(format!("{method} {path}")).with_kind(SpanKind::Server).with_attributes([
                KeyValue::new("http.request.method", method.to_owned()),
                KeyValue::new("http.route", path.to_owned()),
            ]);
        let parent = remote.unwrap_or_default();
        let span = self.tracer.build_with_context(span, &parent);
        parent.with_span(span)
    }

    /// What makes further spans.
    pub(super) fn tracer(&self) -> SdkTracer {
        self.tracer.clone()
    }

    /// Sends what is left, as far as the collector takes it in time.
    pub(crate) async fn stop(self) {
        let stopped =
            tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(PATIENCE)).await;
        if !matches!(stopped, Ok(Ok(()))) {
            tracing::warn!("the last traces were not sent");
        }
    }
}
