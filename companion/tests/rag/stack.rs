//! A companion of the test's own that answers questions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::event_source::Heard;
use testbed::{
    ChatServer, Client, EventSource, Launch, Process, Request, Response, Tool, http, ports, temp_dir,
    wait_until,
};

/// Longer than a busy machine takes for anything.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A companion that runs as a process of its own.
pub struct Rag {
    process: Option<Process>,
    env: Vec<(String, String)>,
    port: u16,
    companion: u16,
    dir: TempDir,
    client: Client,
}

/// What its environment says besides addresses and the folder of documents.
pub type Settings<'a> = &'a [(&'a str, &'a str)];

/// Settings of the engine that cites documents, with the semantic cache in front and no chance in it.
pub fn extractive() -> Vec<(String, String)> {
    let model = Tool::MiniLm.path().unwrap().parent().unwrap().display().to_string();
    let settings = [
        ("EMBEDDINGS__ENABLED", "true"),
        ("EMBEDDINGS__MODEL_DIR", model.as_str()),
        ("SEMANTIC__ENABLED", "true"),
        ("SEMANTIC__SHADOW_SHARE", "0"),
    ];
    settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// Settings of the engine that asks a chat server, without documents.
pub fn chat(server: &ChatServer) -> Vec<(String, String)> {
    let url = server.url();
    let settings = [
        ("RAG__ENGINE", "openai"),
        ("RAG__CHAT_URL", url.as_str()),
        ("RAG__CHAT_MODEL", "chatty"),
        ("RAG__CHAT_PASSAGES", "0"),
    ];
    settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// Likewise, with the semantic cache in front.
pub fn cached_chat(server: &ChatServer) -> Vec<(String, String)> {
    [extractive(), chat(server)].concat()
}

impl Rag {
    pub fn start(base: Vec<(String, String)>, more: Settings<'_>) -> Rag {
        let mut rag = Rag::prepare(base, more);
        rag.serve();
        rag
    }

    /// One that does not run yet.
    pub fn prepare(base: Vec<(String, String)>, more: Settings<'_>) -> Rag {
        let dir = temp_dir("rag").unwrap();
        let (port, companion) = (ports::free(), ports::free());
        let corpus = dir.path().join("corpus").display().to_string();
        let own = [
            ("LISTEN", format!("127.0.0.1:{companion}")),
            ("RAG__ENABLED", "true".to_owned()),
            ("RAG__LISTEN", format!("127.0.0.1:{port}")),
            ("RAG__CORPUS_DIR", corpus),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value));
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let env = own.into_iter().chain(base).chain(more);
        let env = env.map(|(name, value)| (format!("SLIPSTREAM_{name}"), value)).collect();
        Rag { process: None, env, port, companion, dir, client: Client::with_timeout(PATIENCE) }
    }

    pub fn serve(&mut self) {
        let url = self.url("/health");
        let mut launch = Launch::new("slipstream", env!("CARGO_BIN_EXE_slipstream"), self.dir.path())
            .arg("serve")
            .timeout(PATIENCE);
        for (name, value) in &self.env {
            launch = launch.env(name, value);
        }
        self.process = Some(launch.start(|| http::is_ok(&url)).unwrap());
    }

    pub fn stop(&mut self) {
        assert!(self.process.take().unwrap().stop_within(PATIENCE));
    }

    pub fn process(&self) -> &Process {
        self.process.as_ref().unwrap()
    }

    /// The port of the rest of the companion.
    pub fn companion_port(&self) -> u16 {
        self.companion
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Runs the command line with the same settings.
    pub fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_slipstream"));
        command.args(arguments).env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        command.output().unwrap()
    }

    /// Writes documents into a folder, and takes it in.
    pub fn ingest(&self, documents: &[(&str, &str)]) -> Value {
        let folder = self.folder();
        let _ = fs::remove_dir_all(&folder);
        for (name, text) in documents {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        self.ingest_folder(&folder)
    }

    pub fn folder(&self) -> PathBuf {
        self.dir.path().join("documents")
    }

    pub fn ingest_folder(&self, folder: &Path) -> Value {
        let output = self.command(&["rag", "ingest", folder.to_str().unwrap(), "--json"]);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn send(&self, request: Request) -> Response {
        self.client.send(request).unwrap()
    }

    /// A question for a whole answer.
    pub fn ask(&self, question: &str) -> Value {
        let response = self.send(Request::post_json(self.url("/query"), &json!({ "question": question })));
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()
    }

    /// Asks until the answer comes out of the cache, where it is put after it was given.
    pub fn ask_until_cached(&self, question: &str) -> Value {
        let mut answer = Value::Null;
        let is_cached = wait_until(PATIENCE, || {
            answer = self.ask(question);
            answer["cached"] == true
        });
        assert!(is_cached, "{answer}");
        answer
    }

    /// A request for a stream.
    pub fn listening(&self, question: &str) -> Request {
        Request::post_json(self.url("/query/stream"), &json!({ "question": question }))
    }

    pub fn open(&self, request: Request) -> EventSource {
        EventSource::open_by(&Client::with_timeout(PATIENCE), request).unwrap()
    }

    pub fn hear(&self, question: &str) -> Heard {
        self.open(self.listening(question)).hear().unwrap()
    }

    /// A sample of the companion's metrics; 0 if there is none.
    pub fn metric(&self, sample: &str) -> f64 {
        let text = self.client.get(format!("http://127.0.0.1:{}/metrics", self.companion)).text();
        let found = text.lines().find_map(|line| line.strip_prefix(sample)?.trim().parse().ok());
        found.unwrap_or(0.0)
    }

    pub fn wait_for_metric(&self, sample: &str, least: f64) {
        let mut found = 0.0;
        let came = wait_until(PATIENCE, || {
            found = self.metric(sample);
            found >= least
        });
        assert!(came, "{sample} is {found}, expected {least}");
    }
}
