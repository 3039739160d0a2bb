//! Configurations of the filters, and what a route's metadata say to them.

use crate::input::Input;
use compression::Compression;
use request_metrics::RequestMetrics;
use response_cache::ResponseCache;
use slipstream_host::Plugin;
use slipstream_host::Property;
use slipstream_host::double::{Double, set_property};

/// A byte that chooses the filter, and its configuration: JSON, or a `google.protobuf.Struct`.
pub fn filters(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let choice = input.below(6);
    let rest = input.rest();
    match choice {
        0 => configure::<Compression>(rest),
        1 => configure::<RequestMetrics>(rest),
        2 => configure::<ResponseCache>(rest),
        3 => route::<Compression>("{}", rest),
        4 => route::<RequestMetrics>("{}", rest),
        _ => route::<ResponseCache>(r#"{"companion": {"cluster": "companion"}}"#, rest),
    }
}

fn configure<P: Plugin>(configuration: &[u8]) {
    // The double wants text, Envoy hands on either.
    drop(Double::<P>::start("{}"));
    if let Err(error) = P::configure(configuration) {
        assert!(!error.message.is_empty(), "{error:?}");
    }
}

/// The bytes stand where the route's metadata do.
fn route<P: Plugin>(configuration: &str, metadata: &[u8]) {
    let double = Double::<P>::start(configuration).expect("it is a configuration");
    set_property(Property::ROUTE_NAME, b"items");
    set_property(Property::CLUSTER_NAME, b"shop");
    set_property(Property::ROUTE_METADATA, metadata);
    let mut stream = double.stream();
    let _ = stream.request(&[(":method", "GET"), (":authority", "a"), (":path", "/")], b"");
    let _ = stream.response_headers(&[(":status", "200"), ("content-type", "text/plain")], false);
    let _ = stream.response_body(b"body", true);
    stream.log();
    double.tick_after_ms(1_000);
}
