//! Through a real Envoy, to clients and to a browser's own EventSource.

use std::time::Duration;

use testbed::browser::{Look, rendered};
use testbed::chat_server::{Step, says};
use testbed::{Answer, ChatServer, Envoy, EnvoyOptions, EventSource, Origin, Request, wait_until};

use crate::stack::{PATIENCE, Rag, cached_chat};

const PAGE: &str = r#"<!doctype html><title>stream</title><pre id="heard"></pre><script>
const heard = [];
const show = () => { document.getElementById("heard").textContent = heard.join("|"); };
const source = new EventSource("/query/stream?q=" + encodeURIComponent("what is\nthis?"));
for (const kind of ["start", "cache", "status", "chunk", "sources", "done"])
  source.addEventListener(kind, event => {
    const data = JSON.parse(event.data);
    heard.push(kind === "chunk" ? "chunk " + data.text : kind);
    show();
  });
source.onerror = () => { if (source.readyState === EventSource.CLOSED) { heard.push("closed"); show(); } };
</script>"#;

/// Envoy as docs/RAG.md has it, before the service and a page.
fn envoy(rag: u16, page: u16) -> (Envoy, String) {
    let cluster = |name: &str, port: u16| {
        format!(
            "    - {{ name: {name}, type: STATIC, connect_timeout: 1s, load_assignment: {{ cluster_name: {name}, endpoints: [{{ lb_endpoints: [{{ endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }} }} }}] }}] }} }}\n"
        )
    };
    let yaml = format!(
        r#"admin: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }} }}
static_resources:
  listeners:
    - name: front
      address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: front
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes:
                        - {{ match: {{ path_separated_prefix: /query }}, route: {{ cluster: rag, timeout: 0s, idle_timeout: 60s }} }}
                        - {{ match: {{ prefix: / }}, route: {{ cluster: page }} }}
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
{}{}"#,
        cluster("rag", rag),
        cluster("page", page),
    );
    let envoy = Envoy::start(&yaml, &EnvoyOptions::default()).unwrap();
    let url = format!("http://127.0.0.1:{}", envoy.listener_port("front").unwrap());
    (envoy, url)
}

#[test]
fn a_browser_hears_the_stream_and_stays_away_when_it_is_over() {
    let server = ChatServer::start(|_, _| says(&["One, ", "two."])).unwrap();
    let rag = Rag::start(cached_chat(&server), &[("RAG__RETRY_MS", "20")]);
    let page = Origin::start(|_| Answer::new(200, PAGE).header("content-type", "text/html")).unwrap();
    let (_envoy, url) = envoy(rag.port(), page.port());
    let look = Look { size: (800, 600), is_dark: false, script_ms: 20_000 };
    let html = rendered(&url, look).unwrap();
    let heard = "start|cache|status|status|chunk One, |chunk two.|sources|done|closed";
    let once = heard.replace("status|status", "status");
    assert!(html.contains(heard) || html.contains(&once), "{html}");
    assert_eq!(server.requests().len(), 1, "the question was asked once");
    assert_eq!(server.requests()[0]["messages"][0]["content"], "what is\nthis?");
}

#[test]
fn events_are_not_held_back_and_leaving_is_passed_on() {
    let server =
        ChatServer::start(|_, _| vec![Step::Say("One, ".to_owned()), Step::Stall, Step::Finish("stop")])
            .unwrap();
    let rag = Rag::start(cached_chat(&server), &[("RAG__LEAVE_GRACE_MS", "50")]);
    let (_envoy, url) = envoy(rag.port(), 1);
    let request = Request::get(format!("{url}/query/stream?q=why"));
    let mut stream = EventSource::open(request).unwrap();
    let mut kinds = Vec::new();
    while kinds.last().is_none_or(|kind| kind != "chunk") {
        // The engine has not ended: what comes was not held back.
        kinds.push(stream.next_event().unwrap().unwrap().1.event);
    }
    assert_eq!(server.left(), 0);
    drop(stream);
    assert!(wait_until(PATIENCE, || server.left() == 1), "Envoy's client left, and the engine works on");
    assert!(wait_until(Duration::from_secs(60), || rag.metric("opt008_streaming_active") == 0.0));
}
