//! The whole stack under a Prometheus with the shipped configuration, and traffic that sets every metric going.

use std::fs;
use std::time::{Duration, Instant};

use e2e::{Proxy, Setup, route, wait_for};
use testbed::chat::Step;
use testbed::{
    Answer, ChatServer, Client, EventSource, Prometheus, Question, Request, Response, ports, render,
    workspace_root,
};

/// What stands in the trace that some of the traffic belongs to.
pub const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";

/// Envoy, companion, service and Prometheus.
pub struct Stack {
    pub proxy: Proxy,
    pub prometheus: Prometheus,
    /// Where questions are answered.
    questions: u16,
    _chat: ChatServer,
}

/// Answers by what the path says: its status, after how many milliseconds, how soon stale.
fn service(question: &Question) -> Answer {
    let path = question.path();
    let number = || path.rsplit('/').next().and_then(|last| last.parse::<u64>().ok()).unwrap_or(0);
    if path.starts_with("/status/") {
        return Answer::new(number() as u16, "as asked");
    }
    if path.starts_with("/measured/") {
        return Answer::json("{}").delay(Duration::from_millis(number()));
    }
    let body = format!("{{\"of\":\"{}\",\"filler\":\"{}\"}}", question.target, "slipstream ".repeat(400));
    if path.starts_with("/stale/") {
        let directives = "max-age=1, stale-while-revalidate=60, stale-if-error=60";
        if question.header("if-none-match").is_some() {
            return Answer::new(304, "").header("etag", "\"1\"").header("cache-control", directives);
        }
        return Answer::json(body).header("cache-control", directives).header("etag", "\"1\"");
    }
    let directives = if path.starts_with("/private/") { "private" } else { "max-age=600" };
    Answer::json(body).header("cache-control", directives)
}

impl Stack {
    pub fn start() -> Stack {
        let decompressing = "{ name: uploads, match: { path: /uploads }, route: { cluster: workspace }, \
             metadata: { filter_metadata: { slipstream.compression: { decompress_requests: true } } } }";
        let setup = Setup::new()
            .route(route("compared", "{ path: /compared }", "{ enabled: true }"))
            .route(route("measured", "{ prefix: /measured/ }", "{ enabled: false }"))
            .route(route("status", "{ prefix: /status/ }", "{ enabled: false }"))
            .route(route("stale", "{ prefix: /stale/ }", "{ enabled: true }"))
            .route(route("private", "{ prefix: /private/ }", "{ enabled: true }"))
            .route(decompressing);
        let (questions, chat) = (ports::free(), chat());
        let proxy = setup
            .companion_env("SLIPSTREAM_RAG__ENABLED", "true")
            .companion_env("SLIPSTREAM_RAG__LISTEN", &format!("127.0.0.1:{questions}"))
            .companion_env("SLIPSTREAM_RAG__ENGINE", "openai")
            .companion_env("SLIPSTREAM_RAG__CHAT_URL", &chat.url())
            .companion_env("SLIPSTREAM_RAG__CHAT_MODEL", "chatty")
            .companion_env("SLIPSTREAM_RAG__CHAT_PASSAGES", "0")
            .start(service);
        let prometheus = prometheus(&proxy);
        Stack { proxy, prometheus, questions, _chat: chat }
    }

    /// Asks a question whose answer takes so many milliseconds; how many seconds it took to the end.
    pub fn listen(&self, milliseconds: u64) -> f64 {
        let url = format!("http://127.0.0.1:{}/query/stream?q={milliseconds}", self.questions);
        let heard = EventSource::open(Request::get(url)).unwrap().hear().unwrap();
        let (at, _) = heard.first("done").unwrap_or_else(|| panic!("no end: {heard:?}"));
        at.as_secs_f64()
    }

    /// Sets every metric going at least once.
    pub fn exercise(&self) {
        let proxy = &self.proxy;
        self.listen(10);
        for coding in ["gzip", "br", "zstd"] {
            for _ in 0..3 {
                proxy.get_with("/api/items?page=1", &[("accept-encoding", coding)]);
            }
        }
        proxy.get_with("/api/items", &[("cookie", "a=b")]);
        for path in ["/status/503", "/status/404", "/private/1", "/private/1", "/measured/1"] {
            proxy.get(path);
        }
        // Stored, then stale and refreshed behind the client's back; and asked for anew by one who wants it fresh.
        for seconds in [0, 2, 1] {
            std::thread::sleep(Duration::from_secs(seconds));
            proxy.get("/stale/1");
        }
        std::thread::sleep(Duration::from_secs(2));
        proxy.get_with("/stale/1", &[("cache-control", "max-age=1")]);
        let upload =
            flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default()).finish().unwrap();
        let upload =
            Request::new("PUT", proxy.url("/uploads")).header("content-encoding", "gzip").body(upload);
        assert_eq!(proxy.ask(upload).status, 200);
        proxy.post("/api/items");
        proxy.invalidate(&serde_json::json!({"tags": ["some"]}));
        let traced = format!("00-{TRACE_ID}-b7ad6b7169203331-01");
        proxy.get_with("/api/items?page=traced", &[("traceparent", &traced)]);
    }

    /// Waits until Prometheus has seen what a query of Envoy's metrics comes to now.
    pub fn wait_until_scraped(&self, metric: &str, labels: &[(&str, &str)], expected: f64) {
        self.proxy.wait_for_metric(metric, labels, expected);
        let selected: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let query = format!("sum({metric}{{{}}})", selected.join(","));
        wait_for(&format!("{query} to be {expected}"), || {
            self.prometheus.number(&query).is_ok_and(|number| number == expected)
        });
    }
}

/// Answers within as many milliseconds as it is asked for.
fn chat() -> ChatServer {
    let script = |asked: &str, _: &serde_json::Value| {
        let half = Duration::from_millis(asked.parse::<u64>().unwrap_or(0) / 2);
        let say = |text: &str| Step::Say(text.to_owned());
        vec![Step::Pause(half), say("One, "), Step::Pause(half), say("two."), Step::Finish("stop")]
    };
    ChatServer::start(script).unwrap()
}

/// The shipped configuration, for this stack's ports and scraping each second.
fn prometheus(proxy: &Proxy) -> Prometheus {
    let folder = workspace_root().join("compose/prometheus");
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let (envoy, companion) = (proxy.front.envoy.admin_port(), proxy.companion.port());
    let pieces = [
        ("scrape_interval: 15s", "scrape_interval: 1s".to_owned()),
        ("evaluation_interval: 30s", "evaluation_interval: 1s".to_owned()),
        ("envoy:9901", format!("127.0.0.1:{envoy}")),
        ("companion:8900", format!("127.0.0.1:{companion}")),
    ];
    let pieces: Vec<(&str, &str)> = pieces.iter().map(|(old, new)| (*old, new.as_str())).collect();
    let configuration = render(&read("prometheus.yml"), &pieces).unwrap();
    let (recording, alerts) = (read("rules/recording.yml"), read("rules/alerts.yml"));
    let files = [("rules/recording.yml", recording.as_str()), ("rules/alerts.yml", alerts.as_str())];
    Prometheus::start(&configuration, &files).unwrap()
}

/// What a client measured of its own requests.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Seconds, in ascending order.
    pub durations: Vec<f64>,
}

impl Measured {
    pub fn mean(&self) -> f64 {
        self.durations.iter().sum::<f64>() / self.durations.len() as f64
    }

    pub fn quantile(&self, share: f64) -> f64 {
        self.durations[((self.durations.len() as f64 * share) as usize).min(self.durations.len() - 1)]
    }
}

/// Asks for `/measured/MS` over so many connections, so many times each, with times from 100 to 500 ms.
pub fn load(proxy: &Proxy, connections: u64, times: u64) -> Measured {
    let connection = |connection: u64| {
        let client = Client::new();
        let mut durations = Vec::new();
        for time in 0..times {
            // Spread evenly, in an order of its own for each connection.
            let ms = 100 + (time * 157 + connection * 61) % 400;
            let start = Instant::now();
            let answer: Response = client.send(Request::get(proxy.url(&format!("/measured/{ms}")))).unwrap();
            durations.push(start.elapsed().as_secs_f64());
            assert_eq!(answer.status, 200);
        }
        durations
    };
    let mut durations: Vec<f64> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..connections).map(|number| scope.spawn(move || connection(number))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    durations.sort_by(f64::total_cmp);
    Measured { durations }
}
