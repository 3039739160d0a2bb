//! What compression makes of bodies that nobody here has written, beside what Envoy's own compressors make of them.

use std::fs;

use e2e::Setup;
use testbed::{Answer, Client, EnvoyOptions, FrontProxy, Question, Request};

/// What comes with Debian's Prometheus, and which types it is.
const FILES: [(&str, &str); 5] = [
    ("/usr/share/javascript/moment-timezone/data/packed/latest.json", "application/json"),
    ("/usr/share/javascript/bootstrap4/css/bootstrap.min.css", "text/css"),
    ("/usr/share/javascript/jquery/jquery.min.js", "application/javascript"),
    ("/usr/share/prometheus/web/templates/_base.html", "text/html"),
    ("/usr/share/prometheus/web/templates/status.html", "text/html"),
];

/// How much longer than Envoy's a body may be.
const MOST: f64 = 1.02;

fn service(question: &Question) -> Answer {
    let number: usize = question.path().rsplit('/').next().unwrap().parse().unwrap();
    let (file, content_type) = FILES[number];
    Answer::new(200, fs::read(file).unwrap()).header("content-type", content_type)
}

#[test]
fn bodies_become_as_short_as_envoy_makes_them() {
    let proxy = Setup::new().start(service);
    let native = FrontProxy::start_observing(proxy.origin.port(), &EnvoyOptions::default()).unwrap();
    let client = Client::new();
    let mut found = Vec::new();
    for (number, (file, _)) in FILES.iter().enumerate() {
        let body = fs::read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
        for coding in ["gzip", "br", "zstd"] {
            let size = |url: String| {
                let request = Request::get(url).header("accept-encoding", coding);
                let answer = client.send(request).unwrap();
                assert_eq!(answer.header("content-encoding").as_deref(), Some(coding), "{file}");
                assert!(answer.decoded().unwrap() == body, "{file} {coding}");
                answer.body.len()
            };
            let path = format!("/api/{number}");
            found.push((file, coding, size(proxy.url(&path)), size(native.url(&path))));
        }
    }
    for (file, coding, ours, envoys) in &found {
        println!("{file} {coding}: {ours}, Envoy {envoys}");
    }
    let too_long = |(_, _, ours, envoys): &&(_, _, usize, usize)| *ours as f64 > MOST * *envoys as f64;
    let too_long: Vec<_> = found.iter().filter(too_long).collect();
    assert!(too_long.is_empty(), "{too_long:?}");
}
