//! The settings of the service that answers questions.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::{Secret, Share, fields};

/// The service that answers questions about documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rag {
    /// Whether there is one.
    pub enabled: bool,
    /// The address it listens on, one of its own: its clients have no business with the rest of the companion.
    #[serde(deserialize_with = "fields::socket_address")]
    pub listen: SocketAddr,
    /// What its clients, or the proxy before it, must know; empty: nothing.
    #[serde(deserialize_with = "fields::token")]
    pub token: Secret,
    /// What makes the answers.
    #[serde(deserialize_with = "fields::rag_engine")]
    pub engine: RagEngine,
    /// The request field that says whose question it is.
    #[serde(deserialize_with = "fields::header_name")]
    pub tenant_header: String,
    /// The folder that keeps the documents' passages.
    pub corpus_dir: String,
    /// Passages that there may be.
    #[serde(deserialize_with = "fields::bounded::<1, 10_000_000, usize, _>")]
    pub max_passages: usize,
    /// The largest document that is taken in, in bytes.
    #[serde(deserialize_with = "fields::bounded::<1, 1_073_741_824, u64, _>")]
    pub max_document_bytes: u64,
    /// Passages that an answer is made from, unless the question says otherwise.
    #[serde(deserialize_with = "fields::bounded::<1, 50, usize, _>")]
    pub top_k: usize,
    /// The cosine from which a passage is about the question.
    pub min_similarity: Share,
    /// The longest question, in bytes.
    #[serde(deserialize_with = "fields::bounded::<1, 1_048_576, usize, _>")]
    pub max_question_bytes: usize,
    /// The longest answer, in bytes.
    #[serde(deserialize_with = "fields::bounded::<1_024, 67_108_864, usize, _>")]
    pub max_answer_bytes: usize,
    /// The longest an answer may take, in milliseconds.
    #[serde(deserialize_with = "fields::bounded::<1, 3_600_000, u64, _>")]
    pub max_answer_ms: u64,
    /// Answers that are given at a time.
    #[serde(deserialize_with = "fields::bounded::<1, 1_000_000, usize, _>")]
    pub max_streams: usize,
    /// Answers that a tenant is given at a time.
    #[serde(deserialize_with = "fields::bounded::<1, 1_000_000, usize, _>")]
    pub max_streams_per_tenant: usize,
    /// How long a stream is silent at most, in milliseconds.
    #[serde(deserialize_with = "fields::bounded::<10, 600_000, u64, _>")]
    pub heartbeat_ms: u64,
    /// How long clients are told to wait before they connect again, in milliseconds.
    #[serde(deserialize_with = "fields::bounded::<1, 600_000, u64, _>")]
    pub retry_ms: u64,
    /// How long an answer goes on after its last reader has left, in milliseconds.
    #[serde(deserialize_with = "fields::bounded::<0, 600_000, u64, _>")]
    pub leave_grace_ms: u64,
    /// How long an answer that is complete can be read again, in milliseconds.
    #[serde(deserialize_with = "fields::bounded::<0, 3_600_000, u64, _>")]
    pub resume_ms: u64,
    /// Room for what may be read again, in bytes.
    #[serde(deserialize_with = "fields::bounded::<0, 1_099_511_627_776, usize, _>")]
    pub resume_bytes: usize,
    /// How far an answer may be ahead of its reader, in bytes.
    #[serde(deserialize_with = "fields::bounded::<1_024, 67_108_864, u64, _>")]
    pub window_bytes: u64,
    /// How long a client may not read although there is something, in milliseconds.
    #[serde(deserialize_with = "fields::bounded::<10, 600_000, u64, _>")]
    pub slow_reader_ms: u64,
    /// The OpenAI-compatible server of the engine `openai`, such as `http://127.0.0.1:8000/v1`.
    #[serde(deserialize_with = "fields::http_url")]
    pub chat_url: String,
    /// The name of its model.
    pub chat_model: String,
    /// Its key; empty: none.
    pub chat_api_key: Secret,
    /// What it is told before the question; empty: nothing.
    pub chat_system: String,
    /// Passages that it is given with the question; 0: none.
    #[serde(deserialize_with = "fields::bounded::<0, 50, usize, _>")]
    pub chat_passages: usize,
    /// The longest until it begins to answer, in milliseconds.
    #[serde(deserialize_with = "fields::bounded::<1, 600_000, u64, _>")]
    pub chat_first_ms: u64,
    /// The longest that it may pause, in milliseconds.
    #[serde(deserialize_with = "fields::bounded::<1, 600_000, u64, _>")]
    pub chat_pause_ms: u64,
}

/// What makes the answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RagEngine {
    /// The passages of the documents themselves.
    #[default]
    Extractive,
    /// An OpenAI-compatible chat server.
    OpenAi,
}

impl Rag {
    /// Where people and the command line reach it on this machine.
    pub fn local_url(&self) -> String {
        super::local_url(self.listen)
    }

    /// Whether the documents are needed.
    pub fn uses_documents(&self) -> bool {
        self.engine == RagEngine::Extractive || self.chat_passages > 0
    }
}

impl Default for Rag {
    fn default() -> Self {
        Self {
            enabled: false,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8910)),
            token: Secret::default(),
            engine: RagEngine::Extractive,
            tenant_header: "x-tenant-id".to_owned(),
            corpus_dir: "/var/lib/slipstream/rag".to_owned(),
            max_passages: 100_000,
            max_document_bytes: 4 << 20,
            top_k: 3,
            min_similarity: Share::per_mille(300),
            max_question_bytes: 8_192,
            max_answer_bytes: 262_144,
            max_answer_ms: 120_000,
            max_streams: 10_000,
            max_streams_per_tenant: 1_000,
            heartbeat_ms: 15_000,
            retry_ms: 1_000,
            leave_grace_ms: 3_000,
            resume_ms: 60_000,
            resume_bytes: 64 << 20,
            window_bytes: 32_768,
            slow_reader_ms: 30_000,
            chat_url: String::new(),
            chat_model: String::new(),
            chat_api_key: Secret::default(),
            chat_system: String::new(),
            chat_passages: 4,
            chat_first_ms: 30_000,
            chat_pause_ms: 15_000,
        }
    }
}
