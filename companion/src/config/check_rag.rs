//! What the settings of the service that answers questions must fulfil together.

use super::check::error;
use super::{Config, ConfigError, RagEngine};

pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let rag = &config.rag;
    if !rag.enabled {
        return Ok(());
    }
    if rag.token.reveal().is_empty() && !rag.listen.ip().is_loopback() {
        let reason = format!("empty, expected a token: others than this machine reach {}", rag.listen);
        return Err(error("rag.token", reason));
    }
    if rag.listen.port() != 0 && rag.listen.port() == config.listen.port() {
        let reason = format!("{}, expected another port than listen has", rag.listen);
        return Err(error("rag.listen", reason));
    }
    if rag.uses_documents() && !config.embeddings.enabled {
        let reason = match rag.engine {
            RagEngine::Extractive => "\"extractive\" without an embedder, expected embeddings.enabled = true",
            RagEngine::OpenAi => {
                "passages without an embedder, expected embeddings.enabled = true or rag.chat_passages = 0"
            }
        };
        return Err(error("rag.engine", reason));
    }
    if rag.uses_documents() && rag.corpus_dir.is_empty() {
        return Err(error("rag.corpus_dir", "empty, expected the folder that `slipstream rag ingest` fills"));
    }
    if rag.engine == RagEngine::OpenAi {
        if rag.chat_url.is_empty() {
            let reason = "empty, expected http://HOST:PORT/v1 (for TLS, go through a proxy)";
            return Err(error("rag.chat_url", reason));
        }
        if rag.chat_model.is_empty() {
            return Err(error("rag.chat_model", "empty, expected the name of the model at rag.chat_url"));
        }
    }
    Ok(())
}
