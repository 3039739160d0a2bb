//! The trace that a request belongs to, while it is dealt with: exemplars name it, and its spans are sent to a collector,
//! where one is configured.

mod export;
mod otlp;

use std::time::{Duration, SystemTime};

use cache_protocol::TraceParent;
use opentelemetry::trace::{Span, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracer;

pub(crate) use export::Exports;
pub(crate) use otlp::Otlp;

tokio::task_local! {
    static CURRENT: Current;
}

/// What is known of the trace that the running task works for.
#[derive(Debug, Clone)]
pub(crate) struct Current {
    /// The trace, if somebody records it.
    recorded: Option<u128>,
    /// Where its further spans go.
    spans: Option<(SdkTracer, Context)>,
}

impl Current {
    /// The trace of a request with this `traceparent`; none if it has none, and no collector wants one.
    pub(crate) fn of_request(
        parent: Option<TraceParent>,
        otlp: Option<&Otlp>,
        method: &str,
        path: &str,
    ) -> Option<Self> {
        let Some(otlp) = otlp else {
            return parent
                .map(|parent| Self { recorded: parent.is_sampled.then_some(parent.trace_id), spans: None });
        };
        let context = otlp.begin(parent, method, path);
        let span = context.span();
        let recorded = span.span_context().is_sampled();
        let recorded = recorded.then(|| u128::from_be_bytes(span.span_context().trace_id().to_bytes()));
        Some(Self { recorded, spans: recorded.map(|_| (otlp.tracer(), context.clone())) })
    }

    /// The trace that the running task works for.
    pub(crate) fn get() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Runs what belongs to this trace.
    pub(crate) async fn scope<T>(this: Option<Self>, work: impl Future<Output = T>) -> T {
        match this {
            Some(current) => CURRENT.scope(current, work).await,
            None => work.await,
        }
    }

    /// The request was answered with this status.
    pub(crate) fn answered(&self, status: u16) {
        if let Some((_, context)) = &self.spans {
            let span = context.span();
            span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
            if status >= 500 {
                span.set_status(Status::error(""));
            }
            span.end();
        }
    }
}

/// The trace that the running task works for, if somebody records it.
pub(crate) fn recorded() -> Option<u128> {
    CURRENT.try_with(|current| current.recorded).ok().flatten()
}

/// Something that the running task did has just ended, after so long.
pub(crate) fn did(what: &'static str, took: Duration, attributes: [(&'static str, &'static str); 2]) {
    // Without a collector this is all there is to it.
    let _ = CURRENT.try_with(|current| {
        let Some((tracer, context)) = &current.spans else { return };
        let end = SystemTime::now();
        let attributes = attributes.into_iter().map(|(name, value)| KeyValue::new(name, value));
        let span = SpanBuilder::from_name(what)
            .with_kind(SpanKind::Client)
            .with_start_time(end.checked_sub(took).unwrap_or(end))
            .with_attributes(attributes);
        tracer.build_with_context(span, context).end_with_timestamp(end);
    });
}
