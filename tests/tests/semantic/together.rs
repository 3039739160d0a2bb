//! The filter among Slipstream's others: in the shipped front proxy, at the place where `semantic.yaml` says it goes.

use e2e::Setup;
use testbed::{Request, workspace_root};

use crate::stack::{ASKED, PARAPHRASED, companion_options, echo, question_of, text};

const ROUTER: &str = "                  - name: envoy.filters.http.router\n";
const ROUTE: &str = "{ name: chat, match: { path: /v1/chat/completions }, route: { cluster: workspace }, \
                     metadata: { filter_metadata: { slipstream.semantic-cache: { profile: openai-chat } } } }";

/// The filter as it stands in the shipped file.
fn filter() -> String {
    let yaml = std::fs::read_to_string(workspace_root().join("envoy/semantic.yaml")).unwrap();
    let start = yaml.find("                  - name: slipstream.semantic-cache\n").unwrap();
    let filter = &yaml[start..yaml.find(ROUTER).unwrap()];
    let folder = testbed::artifacts::filters_dir().display().to_string();
    filter.replace("target/filters", &folder).replace("lookup_timeout_ms: 250", "lookup_timeout_ms: 20000")
}

#[test]
fn it_works_below_the_response_cache_and_above_compression() {
    let options = companion_options(&[]);
    let setup = Setup::new().route(ROUTE).edit(ROUTER, format!("{}{ROUTER}", filter()));
    let setup = options.env.iter().fold(setup, |setup, (name, value)| setup.companion_env(name, value));
    let proxy = setup.start(echo);
    let long = format!("{ASKED} {}", "I have tried. ".repeat(200));
    let ask = |question: &str, stream: bool| {
        let request = Request::post_json(proxy.url("/v1/chat/completions"), &question_of(question, stream));
        proxy.ask(request.header("accept-encoding", "gzip"))
    };
    let said = |response: &testbed::Response| response.header_values("cache-status").join(", ");
    for stream in [false, true] {
        let first = ask(ASKED, stream);
        assert!(said(&first).contains("slipstream-semantic; fwd=miss"), "{first:?}");
        let hits = || said(&ask(PARAPHRASED, stream)).contains("slipstream-semantic; hit");
        // Until it is stored, and after one that was too early.
        e2e::wait_for("a hit", hits);
        assert!(text(&ask(ASKED, stream)).starts_with("To your question: How "));
    }
    // What nobody records may be compressed as ever.
    let skipped = Request::post_json(proxy.url("/v1/chat/completions"), &question_of(&long, false));
    let skipped = proxy.ask(skipped.header("accept-encoding", "gzip").header("x-semantic-cache", "skip"));
    assert_eq!(skipped.header("content-encoding").as_deref(), Some("gzip"), "{skipped:?}");
}
