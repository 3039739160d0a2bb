//! The settings of the embedder and of the semantic cache.

use serde::{Deserialize, Serialize};

use super::{Secret, Share, fields};

/// What turns texts into vectors: a model in this process, or a server that speaks OpenAI's interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Embeddings {
    /// Whether there is an embedder, and `POST /v1/embeddings`.
    pub enabled: bool,
    /// The folder of the model.
    pub model_dir: String,
    /// Whether f32 is used even where the processor is faster with 8 bits.
    pub full_precision: bool,
    /// Threads that embed.
    #[serde(deserialize_with = "fields::bounded::<1, 256, usize, _>")]
    pub threads: usize,
    /// Texts that may wait for them; so many again may wait that nobody waits for.
    #[serde(deserialize_with = "fields::bounded::<1, 1_000_000, usize, _>")]
    pub max_waiting: usize,
    /// Tokens that are embedded together.
    #[serde(deserialize_with = "fields::bounded::<1, 65_536, usize, _>")]
    pub batch_tokens: usize,
    /// An OpenAI-compatible server to ask instead, such as `http://127.0.0.1:8080/v1`; empty: none.
    pub url: String,
    /// The name of its model.
    pub model: String,
    /// Its key; empty: none.
    pub api_key: Secret,
    /// The longest it may take, in milliseconds.
    #[serde(deserialize_with = "fields::bounded::<1, 600_000, u64, _>")]
    pub timeout_ms: u64,
}

/// The semantic cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Semantic {
    /// Whether there is one.
    pub enabled: bool,
    /// The cosine from which an answer is served before anything was learned.
    pub similarity_threshold: Share,
    /// The share of requests that may get a wrong answer; 0: the threshold alone decides.
    pub error_budget: Share,
    /// The share of would-be hits that the service is asked about.
    pub shadow_share: Share,
    /// After so many requests of a namespace what was learned is fitted anew.
    #[serde(deserialize_with = "fields::bounded::<10, 1_000_000, u32, _>")]
    pub refit_every: u32,
    /// How long an answer is kept at most, in seconds.
    #[serde(deserialize_with = "fields::bounded::<1, 31_536_000, u64, _>")]
    pub ttl_seconds: u64,
    /// Answers that are kept.
    #[serde(deserialize_with = "fields::bounded::<1, 10_000_000, usize, _>")]
    pub max_entries: usize,
    /// Room for them, in bytes.
    #[serde(deserialize_with = "fields::bounded::<1, 1_099_511_627_776, u64, _>")]
    pub max_bytes: u64,
    /// The largest question and answer that are kept, in bytes.
    #[serde(deserialize_with = "fields::bounded::<1, 67_108_864, usize, _>")]
    pub max_entry_bytes: usize,
    /// Namespaces that learn, about 5 MB each; in others the threshold alone decides.
    #[serde(deserialize_with = "fields::bounded::<0, 100_000, usize, _>")]
    pub max_learners: usize,
    /// What finds the nearest questions.
    #[serde(deserialize_with = "fields::semantic_index")]
    pub index: SemanticIndex,
    /// The Redis that keeps the answers; empty: that of the section redis, if there is just one.
    pub redis_host: String,
    /// Its port.
    #[serde(deserialize_with = "fields::bounded::<1, 65_535, u16, _>")]
    pub redis_port: u16,
    /// The number of the database.
    #[serde(deserialize_with = "fields::bounded::<0, 1_000_000, u32, _>")]
    pub redis_db: u32,
    /// Changes that are kept for replicas that lag.
    #[serde(deserialize_with = "fields::bounded::<100, 1_000_000, usize, _>")]
    pub log_capacity: usize,
}

/// What finds the nearest questions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SemanticIndex {
    /// Every companion, in its memory, which has all entries.
    #[default]
    Memory,
    /// Vector sets in Redis 8 or later; companions have in their memory what they used last.
    VectorSets,
}

impl Default for Embeddings {
    fn default() -> Self {
        Self {
            enabled: false,
            model_dir: String::new(),
            full_precision: false,
            threads: 1,
            max_waiting: 4_096,
            batch_tokens: 256,
            url: String::new(),
            model: String::new(),
            api_key: Secret::default(),
            timeout_ms: 5_000,
        }
    }
}

impl Default for Semantic {
    fn default() -> Self {
        Self {
            enabled: false,
            similarity_threshold: Share::per_mille(950),
            error_budget: Share::per_mille(10),
            shadow_share: Share::per_mille(30),
            refit_every: 500,
            ttl_seconds: 86_400,
            max_entries: 100_000,
            max_bytes: 1 << 30,
            max_entry_bytes: 1 << 20,
            max_learners: 32,
            index: SemanticIndex::Memory,
            redis_host: String::new(),
            redis_port: 6379,
            redis_db: 2,
            log_capacity: 10_000,
        }
    }
}
