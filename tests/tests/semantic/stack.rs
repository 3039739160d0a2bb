//! Envoy, companion and two services as one thing to ask.

use std::time::Duration;

use e2e::{Metrics, PATIENCE, wait_for};
use serde_json::{Value, json};
use testbed::chat::{self, End};
use testbed::{
    Answer, Client, Companion, CompanionOptions, EnvoyOptions, FrontProxy, Origin, Question, Request,
    Response, Tool,
};

pub const ASKED: &str = "How do I reset my password?";
/// The same in other words.
pub const PARAPHRASED: &str = "How can I reset my password?";

pub struct Stack {
    pub front: FrontProxy,
    pub companion: Companion,
    pub chat: Origin,
    pub rag: Origin,
    options: CompanionOptions,
    client: Client,
}

/// How a test wants it.
#[derive(Default)]
pub struct Setup<'a> {
    /// Replaces pieces of the shipped configuration.
    pub edits: &'a [(&'a str, &'a str)],
    /// Variables of the companion's environment.
    pub companion: &'a [(&'a str, &'a str)],
    /// A chat service of its own.
    pub chat_port: Option<u16>,
}

/// What the companion needs for its semantic cache, without chance.
fn companion_options(more: &[(&str, &str)]) -> CompanionOptions {
    let model = Tool::MiniLm.path().unwrap();
    let own = [
        ("SLIPSTREAM_EMBEDDINGS__ENABLED", "true"),
        ("SLIPSTREAM_EMBEDDINGS__MODEL_DIR", model.parent().unwrap().to_str().unwrap()),
        ("SLIPSTREAM_SEMANTIC__SHADOW_SHARE", "0"),
        ("SEMANTIC_CACHE_ENABLED", "true"),
        ("SEMANTIC_CACHE_SIMILARITY_THRESHOLD", "0.9"),
    ];
    let own = own.iter().filter(|(name, _)| !more.iter().any(|(other, _)| name == other));
    let env = own.chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    CompanionOptions { env: env.collect(), ..CompanionOptions::default() }
}

/// A chat service whose answers say what was asked.
pub fn echo(question: &Question) -> Answer {
    let text = format!("To your question: {}", chat::asked(question));
    chat::answer(question, &text, End::Whole, Duration::ZERO)
}

/// A RAG service in the form that profile `rag-query` knows.
pub fn documents(question: &Question) -> Answer {
    let asked: Value = serde_json::from_slice(&question.body).unwrap_or_default();
    let text = format!("By the documents: {}", asked["question"].as_str().unwrap_or_default());
    let sources = json!([{"id": "guide.md", "title": "Guide"}]);
    if !question.path().ends_with("/stream") {
        return Answer::json(json!({"answer": text, "sources": sources, "cached": false}).to_string());
    }
    let events = format!(
        "id: 1\nevent: start\ndata: {{\"id\":\"a\"}}\n\nid: 2\nevent: cache\ndata: {{\"hit\":false}}\n\n: heartbeat\n\n\
         id: 3\nevent: chunk\ndata: {}\n\nid: 4\nevent: sources\ndata: {sources}\n\nid: 5\nevent: done\ndata: {{\"cached\":false}}\n\n",
        json!({ "text": text })
    );
    Answer::new(200, events).header("content-type", "text/event-stream")
}

impl Stack {
    pub fn start(setup: &Setup<'_>, chat: impl Fn(&Question) -> Answer + Send + Sync + 'static) -> Stack {
        let (chat, rag) = (Origin::start(chat).unwrap(), Origin::start(documents).unwrap());
        let options = companion_options(setup.companion);
        let companion = Companion::start(&options).unwrap();
        // On a busy machine the shipped one would make misses of hits. Tests of that time set it.
        let patient = [("lookup_timeout_ms: 250", "lookup_timeout_ms: 20000")];
        let edits: Vec<(&str, &str)> = setup.edits.iter().chain(&patient).copied().collect();
        let services = (setup.chat_port.unwrap_or(chat.port()), rag.port());
        let front =
            FrontProxy::start_semantic(services, companion.port(), &EnvoyOptions::default(), &edits).unwrap();
        Stack { front, companion, chat, rag, options, client: Client::new() }
    }

    /// Sends a request.
    pub fn send(&self, request: Request) -> Response {
        self.client.send(request).unwrap_or_else(|error| panic!("{error:#}\n{}", self.front.envoy.log()))
    }

    /// Posts a body to a path, with these headers.
    pub fn post(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Response {
        let request = Request::post_json(self.front.url(path), body);
        self.send(headers.iter().fold(request, |request, (name, value)| request.header(name, value)))
    }

    /// Asks the chat service.
    pub fn ask(&self, question: &str) -> Response {
        self.post("/v1/chat/completions", &question_of(question, false), &[])
    }

    /// Asks it for events.
    pub fn ask_for_events(&self, question: &str) -> Response {
        self.post("/v1/chat/completions", &question_of(question, true), &[])
    }

    /// The authority that this stack's own client names.
    pub fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.front.port())
    }

    /// What Envoy shows of the filter.
    pub fn metrics(&self) -> Metrics {
        Metrics::of(&self.front)
    }

    /// Waits until so many answers were stored in all.
    pub fn wait_until_stored(&self, count: f64) {
        self.wait_for_metric("slipstream_semantic_stores_total", &[("outcome", "stored")], count);
    }

    /// Waits until a metric is so much.
    pub fn wait_for_metric(&self, name: &str, labels: &[(&str, &str)], expected: f64) {
        let mut found = 0.0;
        let settled = testbed::wait_until(PATIENCE, || {
            found = self.metrics().sum(name, labels);
            found == expected
        });
        assert!(settled, "{name} {labels:?} is {found}, expected {expected}\n{}", self.front.envoy.log());
    }

    /// Stops the companion at once, as a crash would.
    pub fn kill_companion(&mut self) {
        self.companion.process().kill();
    }

    /// Starts one where the last one was.
    pub fn start_companion(&mut self) {
        let options = CompanionOptions { port: Some(self.companion.port()), ..self.options.clone() };
        self.companion = Companion::start(&options).unwrap();
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let log = self.front.envoy.log();
            for sign in ["[critical]", "panicked", "VM failure", "in-VM backtrace"] {
                assert!(!log.contains(sign), "a filter died: {log}");
            }
        }
    }
}

pub fn question_of(question: &str, stream: bool) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": question}]});
    if stream {
        body["stream"] = json!(true);
    }
    body
}

/// What Cache-Status says, without the cache's name.
pub fn status(response: &Response) -> String {
    let status = response.header("cache-status").unwrap_or_default();
    status.strip_prefix("slipstream-semantic; ").unwrap_or(&status).to_owned()
}

#[track_caller]
pub fn hit(response: Response) -> Response {
    assert!(
        response.status == 200 && status(&response).starts_with("hit; detail=\""),
        "no hit: {response:?}"
    );
    response
}

#[track_caller]
pub fn miss(response: Response) -> Response {
    assert!(response.status == 200 && status(&response).starts_with("fwd=miss"), "no miss: {response:?}");
    response
}

/// The text of an answer of the chat service, whole or as events.
pub fn text(response: &Response) -> String {
    let body = response.text();
    if response.header("content-type").unwrap_or_default().starts_with("application/json") {
        let body: Value = serde_json::from_str(&body).unwrap();
        return body["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    }
    assert!(body.ends_with("data: [DONE]\n\n"), "{body}");
    let data =
        body.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    data.filter_map(|data| {
        let chunk: Value = serde_json::from_str(data).unwrap();
        chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned)
    })
    .collect()
}

/// Waits until a question is answered from the cache.
pub fn wait_for_hit(stack: &Stack, question: &str) {
    wait_for("a hit", || status(&stack.ask(question)).starts_with("hit"));
}
