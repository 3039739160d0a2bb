//! Envoy's own compressor does the work, and the filter measures it.

use e2e::Setup;
use testbed::{Answer, Question};

/// The shipped configuration with Envoy's compressors before the filter.
fn setup() -> Setup {
    let compressor = |name: &str, proto: &str| {
        format!(
            "                  - name: envoy.filters.http.compressor.{name}
                    typed_config:
                      \"@type\": type.googleapis.com/envoy.extensions.filters.http.compressor.v3.Compressor
                      compressor_library:
                        name: {name}
                        typed_config: {{ \"@type\": type.googleapis.com/envoy.extensions.compression.{proto} }}
"
        )
    };
    let all = [
        compressor("gzip", "gzip.compressor.v3.Gzip"),
        compressor("brotli", "brotli.compressor.v3.Brotli"),
        compressor("zstd", "zstd.compressor.v3.Zstd"),
    ];
    let filter = "                  - name: slipstream.compression\n";
    Setup::new().edit(filter, all.concat() + filter).route(
        "{ name: observed, match: { prefix: /observed }, route: { cluster: workspace, timeout: 30s }, metadata: { \
         filter_metadata: { slipstream.compression: { mode: observe }, slipstream.response-cache: { enabled: false } } } }",
    )
}

fn body() -> Vec<u8> {
    (0..2_000)
        .flat_map(|id| format!("{{\"id\":{id},\"price\":{}}},", id * 7_919 % 997).into_bytes())
        .collect()
}

fn service(question: &Question) -> Answer {
    let answer = Answer::json(body());
    match question.path() {
        "/observed/chunked" => answer.chunked(5_000, std::time::Duration::ZERO),
        _ => answer,
    }
}

#[test]
fn what_it_measures_is_true() {
    let proxy = setup().start(service);
    for coding in ["gzip", "br", "zstd"] {
        let mut size = 0;
        for path in ["/observed/sized", "/observed/chunked"] {
            let response = proxy.get_with(path, &[("accept-encoding", coding)]);
            assert_eq!(response.header("content-encoding").as_deref(), Some(coding));
            assert!(response.decoded().unwrap() == body(), "{coding} {path}");
            assert_eq!(response.header("x-original-size"), None);
            size += response.body.len();
        }
        let labels = [("coding", coding), ("mode", "observe"), ("route", "observed")];
        proxy.wait_for_metric("slipstream_compression_responses_total", &labels, 2.0);
        let metrics = proxy.metrics();
        assert_eq!(metrics.sum("slipstream_compression_in_bytes_total", &labels), 2.0 * body().len() as f64);
        assert_eq!(metrics.sum("slipstream_compression_out_bytes_total", &labels), size as f64, "{coding}");
    }
    proxy.get("/observed/sized");
    let left_alone = [("outcome", "not_compressed"), ("route", "observed")];
    proxy.wait_for_metric("slipstream_compression_total", &left_alone, 1.0);
}

#[test]
fn other_routes_are_compressed_by_the_filter() {
    let proxy = setup().start(service);
    let response = proxy.get_with("/api/items", &[("accept-encoding", "gzip")]);
    assert_eq!(response.header("x-original-size"), Some(body().len().to_string()));
    assert!(response.decoded().unwrap() == body());
}
