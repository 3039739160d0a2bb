//! Envoy's own compressor does the work, and the filter measures it.

use e2e::{Metrics, wait_for};
use testbed::{Answer, Client, EnvoyOptions, FrontProxy, Origin, Question, Request, Response};

fn body() -> Vec<u8> {
    (0..2_000)
        .flat_map(|id| format!("{{\"id\":{id},\"price\":{}}},", id * 7_919 % 997).into_bytes())
        .collect()
}

fn service(question: &Question) -> Answer {
    let answer = Answer::json(body());
    match question.path() {
        "/api/chunked" => answer.chunked(5_000, std::time::Duration::ZERO),
        _ => answer,
    }
}

/// `envoy/front-proxy-observe.yaml` in front of the service.
struct Observing {
    front: FrontProxy,
    client: Client,
    _origin: Origin,
}

impl Observing {
    fn start() -> Observing {
        let origin = Origin::start(service).unwrap();
        let front = FrontProxy::start_observing(origin.port(), &EnvoyOptions::default()).unwrap();
        Observing { front, client: Client::new(), _origin: origin }
    }

    fn get(&self, path: &str, coding: &str) -> Response {
        self.client.send(Request::get(self.front.url(path)).header("accept-encoding", coding)).unwrap()
    }

    fn wait_for_metric(&self, name: &str, labels: &[(&str, &str)], value: f64) {
        wait_for(name, || Metrics::of(&self.front).sum(name, labels) == value);
    }
}

#[test]
fn what_it_measures_is_true() {
    let proxy = Observing::start();
    for coding in ["gzip", "br", "zstd"] {
        let mut size = 0;
        for path in ["/api/sized", "/api/chunked"] {
            let response = proxy.get(path, coding);
            assert_eq!(response.header("content-encoding").as_deref(), Some(coding));
            assert!(response.decoded().unwrap() == body(), "{coding} {path}");
            assert_eq!(response.header("x-original-size"), None);
            size += response.body.len();
        }
        let labels = [("coding", coding), ("mode", "observe"), ("route", "observed")];
        proxy.wait_for_metric("slipstream_compression_responses_total", &labels, 2.0);
        let metrics = Metrics::of(&proxy.front);
        assert_eq!(metrics.sum("slipstream_compression_in_bytes_total", &labels), 2.0 * body().len() as f64);
        assert_eq!(metrics.sum("slipstream_compression_out_bytes_total", &labels), size as f64, "{coding}");
    }
    proxy.get("/api/sized", "identity");
    let left_alone = [("outcome", "not_compressed"), ("route", "observed")];
    proxy.wait_for_metric("slipstream_compression_total", &left_alone, 1.0);
}

#[test]
fn other_routes_are_compressed_by_the_filter() {
    let proxy = Observing::start();
    let response = proxy.get("/other", "gzip");
    assert_eq!(response.header("x-original-size"), Some(body().len().to_string()));
    assert!(response.decoded().unwrap() == body());
}
