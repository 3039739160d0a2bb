//! The shipped settings are valid, and wrong ones stop the start and are named.

use testbed::{EnvoyOptions, FrontProxy, ports};

#[test]
fn wrong_settings_stop_the_start_and_are_named() {
    for (old, new, path, expected) in [
        ("max_request_bytes: 262144", "max_request_byte: 1", "max_request_byte", "expected one of `service`"),
        (
            "max_question_bytes: 1000",
            "max_question_bytes: 0",
            "max_question_bytes",
            "is 0, expected 1 to 262144",
        ),
        (
            "max_recording_bytes: 33554432",
            "max_recording_bytes: 1",
            "max_recording_bytes",
            "expected 262144 to",
        ),
        ("cluster: slipstream-companion\n", "cluster: ''\n", "companion.cluster", "found nothing"),
        ("x-api-key, api-key]", "x api key]", "credential_headers[2]", "is not the name of a header field"),
    ] {
        let (services, companion) = ((ports::free(), ports::free()), ports::free());
        let started =
            FrontProxy::start_semantic(services, companion, &EnvoyOptions::default(), &[(old, new)]);
        let said = format!("{:#}", started.err().unwrap_or_else(|| panic!("Envoy started with {new:?}")));
        let line = said.lines().find(|line| line.contains("wasm log") && line.contains(&format!("`{path}`")));
        let line = line.unwrap_or_else(|| panic!("{new:?}: no line names {path}:\n{said}"));
        assert!(line.contains("semantic-cache") && line.contains(expected), "{new:?}: {line}");
    }
}
