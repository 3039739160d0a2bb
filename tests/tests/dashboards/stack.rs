//! The whole stack under a Prometheus with the shipped configuration, and traffic that sets every metric going.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::database::Database;
use crate::pool::Pool;
use e2e::{Proxy, Setup, route, wait_for};
use serde_json::json;
use testbed::chat::{self, End};
use testbed::chat_server::Step;
use testbed::{
    Answer, ChatServer, Client, EnvoyOptions, EventSource, FrontProxy, Origin, Prometheus, Question, Request,
    Response, Tool, ports, render, workspace_root,
};

/// What stands in the trace that some of the traffic belongs to.
pub const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";

/// Whom Prometheus scrapes: two Envoys, two companions and an API.
const TARGETS: f64 = 5.0;

/// Who have asked questions so far.
static TENANTS: AtomicU64 = AtomicU64::new(0);

/// Envoy, companion, service, an API on a database, PgBouncer and Prometheus.
pub struct Stack {
    pub proxy: Proxy,
    /// Another Envoy, in front of a chat service.
    pub semantic: FrontProxy,
    pub chat: Origin,
    pub database: Database,
    pub prometheus: Prometheus,
    /// The companion tells of it.
    _pool: Pool,
    /// Where questions are answered.
    questions: u16,
    _engine: ChatServer,
}

/// A chat service that refuses what it is asked to refuse.
fn chat_service(question: &Question) -> Answer {
    let asked = chat::asked(question);
    let end = if asked.contains("refuse") { End::Refusal } else { End::Whole };
    chat::answer(question, &format!("To your question: {asked}"), end, Duration::ZERO)
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
        let pool = Pool::start();
        let setup = pool
            .companion_env()
            .iter()
            .fold(Setup::new(), |setup, (name, value)| setup.companion_env(name, value));
        let setup = setup
            .route(route("compared", "{ path: /compared }", "{ enabled: true }"))
            .route(route("measured", "{ prefix: /measured/ }", "{ enabled: false }"))
            .route(route("status", "{ prefix: /status/ }", "{ enabled: false }"))
            .route(route("stale", "{ prefix: /stale/ }", "{ enabled: true }"))
            .route(route("private", "{ prefix: /private/ }", "{ enabled: true }"))
            .route(decompressing);
        let (questions, engine) = (ports::free(), engine());
        let setup = setup
            .companion_env("SLIPSTREAM_RAG__ENABLED", "true")
            .companion_env("SLIPSTREAM_RAG__LISTEN", &format!("127.0.0.1:{questions}"))
            .companion_env("SLIPSTREAM_RAG__ENGINE", "openai")
            .companion_env("SLIPSTREAM_RAG__CHAT_URL", &engine.url())
            .companion_env("SLIPSTREAM_RAG__CHAT_MODEL", "chatty")
            .companion_env("SLIPSTREAM_RAG__CHAT_PASSAGES", "0")
            .companion_env("SLIPSTREAM_EMBEDDINGS__ENABLED", "true")
            .companion_env("SLIPSTREAM_EMBEDDINGS__MODEL_DIR", &model_dir())
            .companion_env("SEMANTIC_CACHE_ENABLED", "true")
            // Without chance: what is exactly the same is a hit anyway.
            .companion_env("SLIPSTREAM_SEMANTIC__SHADOW_SHARE", "0");
        let proxy = setup.start(service);
        let chat = Origin::start(chat_service).unwrap();
        let patient = [("lookup_timeout_ms: 250", "lookup_timeout_ms: 20000")];
        let semantic = FrontProxy::start_semantic(
            (chat.port(), chat.port()),
            proxy.companion.port(),
            &EnvoyOptions::default(),
            &patient,
        );
        let semantic = semantic.unwrap();
        let database = Database::start();
        database.wait_until_followed();
        let prometheus = prometheus(&proxy, &semantic, &database);
        Stack { proxy, semantic, chat, database, prometheus, _pool: pool, questions, _engine: engine }
    }

    /// Asks the chat service, with these headers; whether a like question's answer was the answer.
    pub fn ask(&self, question: &str, headers: &[(&str, &str)]) -> bool {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": question}]});
        let request = Request::post_json(self.semantic.url("/v1/chat/completions"), &body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let answer = Client::new().send(request).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.header("cache-status").unwrap_or_default().contains("; hit;")
    }

    /// Sets every metric of the semantic cache going.
    fn exercise_semantic(&self) {
        let question = format!("How do I reset password number {}?", self.chat.total());
        assert!(!self.ask(&question, &[]));
        wait_for("a hit", || self.ask(&question, &[]));
        self.ask("Will you refuse this?", &[]);
        self.ask(&question, &[("x-semantic-cache", "skip")]);
    }

    /// Asks a question whose answer takes so many milliseconds; how many seconds it took to the end.
    pub fn listen(&self, milliseconds: u64) -> f64 {
        let url = format!("http://127.0.0.1:{}/query/stream?q={milliseconds}", self.questions);
        // Each asks for a tenant of its own, so that nothing comes from the semantic cache.
        let tenant = TENANTS.fetch_add(1, Ordering::Relaxed).to_string();
        let request = Request::get(url).header("x-tenant-id", &tenant);
        let heard = EventSource::open(request).unwrap().hear().unwrap();
        let (at, _) = heard.first("done").unwrap_or_else(|| panic!("no end: {heard:?}"));
        at.as_secs_f64()
    }

    /// Sets every metric going at least once.
    pub fn exercise(&self) {
        self.exercise_semantic();
        self.database.exercise();
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

    /// Waits until Prometheus has asked everyone once more. It begins some seconds after it is ready, and with some sooner than
    /// with others: a rate is only of what it saw grow.
    pub fn wait_until_all_scraped(&self) {
        let now = self.prometheus.number("time()").unwrap();
        let scraped = format!("count(timestamp(up) > {now})");
        wait_for(&format!("{scraped} to be {TARGETS}"), || {
            self.prometheus.number(&scraped).is_ok_and(|count| count == TARGETS)
        });
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

fn model_dir() -> String {
    Tool::MiniLm.path().unwrap().parent().unwrap().display().to_string()
}

/// Answers within as many milliseconds as it is asked for.
fn engine() -> ChatServer {
    let script = |asked: &str, _: &serde_json::Value| {
        let half = Duration::from_millis(asked.parse::<u64>().unwrap_or(0) / 2);
        let say = |text: &str| Step::Say(text.to_owned());
        vec![Step::Pause(half), say("One, "), Step::Pause(half), say("two."), Step::Finish("stop")]
    };
    ChatServer::start(script).unwrap()
}

/// The shipped configuration, for this stack's ports and scraping each second.
fn prometheus(proxy: &Proxy, semantic: &FrontProxy, database: &Database) -> Prometheus {
    let folder = workspace_root().join("compose/prometheus");
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let (envoy, companion) = (proxy.front.envoy.admin_port(), proxy.companion.port());
    let pieces = [
        ("scrape_interval: 15s", "scrape_interval: 1s".to_owned()),
        ("evaluation_interval: 30s", "evaluation_interval: 1s".to_owned()),
        ("\"envoy:9901\"", format!("\"127.0.0.1:{envoy}\", \"127.0.0.1:{}\"", semantic.envoy.admin_port())),
        (
            "dns_sd_configs:\n      - { names: [companion], type: A, port: 8900, refresh_interval: 5s }",
            format!(
                "static_configs: [{{ targets: [\"127.0.0.1:{companion}\", \"127.0.0.1:{}\"] }}]",
                database.companion.port()
            ),
        ),
        (
            "file_sd_configs:\n      - files: [targets/services.yml]",
            format!("static_configs: [{{ targets: [\"127.0.0.1:{}\"] }}]", database.demo.port()),
        ),
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
