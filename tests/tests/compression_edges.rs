//! Responses that end in another way than most, or that speak of their own bytes.

use e2e::{Connection, Setup};
use testbed::{Answer, Body, Client, Question, Request};

fn rows(count: usize) -> Vec<u8> {
    (0..count).flat_map(|number| format!("{{\"number\":{number},\"name\":\"item\"}},").into_bytes()).collect()
}

const ROUTES: [&str; 3] = ["buffer", "stream", "unset"];

fn routes() -> String {
    let route = |mode: &str| {
        let mode_setting = if mode == "unset" { String::new() } else { format!("mode: {mode}") };
        format!(
            "{{ name: {mode}, match: {{ prefix: /{mode} }}, route: {{ cluster: workspace, timeout: 10s }}, metadata: \
             {{ filter_metadata: {{ slipstream.compression: {{ {mode_setting} }}, \
             slipstream.response-cache: {{ enabled: false }} }} }} }}"
        )
    };
    ROUTES.map(route).join("\n                        - ")
}

#[test]
fn what_is_cut_off_is_never_taken_for_whole() {
    let proxy =
        Setup::new().route(routes()).start(|_| Answer::json("").body(Body::CutOff(50_000, rows(500))));
    for mode in ROUTES {
        for coding in ["gzip", "br", "zstd", "deflate", "identity"] {
            let request =
                Request::get(proxy.url(&format!("/{mode}/cut-off"))).header("accept-encoding", coding);
            // Envoy answers by itself where nothing has been sent, and else breaks off.
            let answer = Client::new().send(request);
            assert!(
                answer.as_ref().map_or(true, |answer| answer.status >= 500),
                "{mode} {coding}: {answer:?}"
            );
        }
    }
}

#[test]
fn trailers_arrive_behind_what_is_whole() {
    let proxy = Setup::new()
        .route(routes())
        .edit("allow_custom_methods: true }", "allow_custom_methods: true, enable_trailers: true }")
        .edit(
            "    - name: workspace\n      type: STRICT_DNS\n",
            "    - name: workspace
      type: STRICT_DNS
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: { http_protocol_options: { enable_trailers: true } }
",
        )
        .start(|question: &Question| {
            let answer = Answer::json(rows(500)).chunked(4_000, std::time::Duration::ZERO);
            let answer = if question.path().ends_with("announced") {
                answer.header("trailer", "x-checksum")
            } else {
                answer
            };
            answer.trailer("x-checksum", "1a2b")
        });
    // Trailers that nobody has announced find a stream without its end, once: docs/COMPRESSION.md.
    for (mode, path) in
        [("buffer", "announced"), ("stream", "announced"), ("unset", "announced"), ("buffer", "unannounced")]
    {
        for coding in ["gzip", "br", "zstd", "identity"] {
            let mut connection = Connection::open(proxy.front.port());
            let request = format!("GET /{mode}/{path} HTTP/1.1\r\nhost: x\r\nte: trailers\r\n");
            connection.send(format!("{request}accept-encoding: {coding}\r\n\r\n").as_bytes());
            connection.read_until(b"\r\nx-checksum: 1a2b\r\n\r\n", 1);
            let url = proxy.url(&format!("/{mode}/{path}"));
            let answer = proxy.ask(Request::get(url).header("accept-encoding", coding));
            assert!(answer.decoded().unwrap() == rows(500), "{mode} {path} {coding}");
        }
    }
}

#[test]
fn digests_and_ranges_of_other_bytes_are_not_promised() {
    const GONE: [&str; 5] = ["content-md5", "digest", "content-digest", "repr-digest", "accept-ranges"];
    let proxy = Setup::new().route(routes()).start(|_| {
        GONE.iter().fold(Answer::json(rows(500)), |answer, name| answer.header(name, "sha-256=:AAAA:"))
    });
    for mode in ROUTES {
        for (coding, is_there) in [("gzip", false), ("identity", true)] {
            let request = Request::get(proxy.url(&format!("/{mode}/"))).header("accept-encoding", coding);
            let answer = proxy.ask(request);
            assert!(answer.decoded().unwrap() == rows(500), "{mode} {coding}");
            for name in GONE {
                assert_eq!(answer.header(name).is_some(), is_there, "{mode} {coding} {name}");
            }
        }
    }
}

#[test]
fn calls_are_left_as_they_are() {
    const TYPES: [&str; 5] = [
        "application/grpc",
        "application/grpc-web+proto",
        "application/connect+json",
        "application/x-ndjson",
        "multipart/x-mixed-replace; boundary=x",
    ];
    let proxy = Setup::new().route(routes()).start(|question: &Question| {
        let number: usize = question.path().rsplit('/').next().unwrap().parse().unwrap();
        Answer::new(200, rows(500)).header("content-type", TYPES[number])
    });
    for mode in ROUTES {
        for (number, kind) in TYPES.iter().enumerate() {
            let request =
                Request::get(proxy.url(&format!("/{mode}/{number}"))).header("accept-encoding", "gzip");
            let answer = proxy.ask(request);
            assert_eq!(answer.header("content-encoding"), None, "{mode} {kind}");
            assert!(answer.body == rows(500), "{mode} {kind}");
        }
    }
}
