//! The interface of the semantic cache.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Service;
use super::answer::{failure, json, read_body, unavailable};
use crate::embedder::{EmbedError, Embedder};
use crate::semantic::{Failure, NewAnswer, Scope, Semantic, Stored};

/// What the body of a request may have beside question and answer, in bytes.
const REST_BYTES: usize = 1 << 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    namespace: Scope,
    question: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    #[serde(default)]
    namespace: Scope,
    question: String,
    answer: String,
    payload: Option<String>,
    #[serde(default)]
    sources: Vec<String>,
    ttl_seconds: Option<u64>,
    lookup: Option<String>,
    position: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Invalidated {
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default)]
    all: bool,
}

pub(super) async fn look_up(State(service): State<Arc<Service>>, body: Body) -> Response {
    let (semantic, embedder, Asked { namespace, question }) = match asked(&service, body).await {
        Ok(asked) => asked,
        Err(answer) => return answer,
    };
    match semantic.look_up(embedder, &namespace, &question).await {
        Ok(found) => {
            service.metrics.semantic.looked_up(found.verdict);
            json(StatusCode::OK, &found)
        }
        Err(error) => {
            service.metrics.semantic.could_not_look_up();
            failed(&error)
        }
    }
}

pub(super) async fn explain(State(service): State<Arc<Service>>, body: Body) -> Response {
    let (semantic, embedder, Asked { namespace, question }) = match asked(&service, body).await {
        Ok(asked) => asked,
        Err(answer) => return answer,
    };
    match semantic.explain(embedder, &namespace, &question).await {
        Ok(explanation) => json(StatusCode::OK, &explanation),
        Err(error) => failed(&error),
    }
}

pub(super) async fn store(State(service): State<Arc<Service>>, body: Body) -> Response {
    let (semantic, embedder) = match parts(&service) {
        Ok(parts) => parts,
        Err(answer) => return answer,
    };
    let answered: Answered = match read(&service, body).await {
        Ok(answered) => answered,
        Err(answer) => return answer,
    };
    for (text, field) in [(&answered.question, "question"), (&answered.answer, "answer")] {
        if let Err(answer) = check(text, field) {
            return answer;
        }
    }
    let lookup = match answered.lookup.map(|lookup| u64::from_str_radix(&lookup, 16)).transpose() {
        Ok(lookup) => lookup,
        Err(_) => return failure(StatusCode::BAD_REQUEST, "lookup: expected what the lookup's answer has"),
    };
    let new = NewAnswer {
        scope: answered.namespace,
        question: answered.question,
        answer: answered.answer,
        payload: answered.payload,
        sources: answered.sources,
        ttl_seconds: answered.ttl_seconds,
        lookup,
        position: answered.position,
    };
    match semantic.store(embedder, new).await {
        Ok(Stored::Yes) => json(StatusCode::OK, &serde_json::json!({ "stored": true })),
        Ok(Stored::Invalidated) => failure(
            StatusCode::CONFLICT,
            "a document that the answer was made from was invalidated meanwhile",
        ),
        Err(error) => failed(&error),
    }
}

pub(super) async fn invalidate(State(service): State<Arc<Service>>, body: Body) -> Response {
    let semantic = match parts(&service) {
        Ok((semantic, _)) => Arc::clone(semantic),
        Err(answer) => return answer,
    };
    let Invalidated { sources, all } = match read(&service, body).await {
        Ok(invalidated) => invalidated,
        Err(answer) => return answer,
    };
    if sources.is_empty() && !all {
        return failure(StatusCode::BAD_REQUEST, "nothing to invalidate: expected sources or all");
    }
    // In a task of its own: what was begun must not be given up because a client went away.
    match tokio::spawn(async move { semantic.invalidate(sources, all).await }).await {
        Ok(Ok(removed)) => json(StatusCode::OK, &serde_json::json!({ "removed": removed })),
        Ok(Err(error)) => failed(&error),
        Err(_) => failure(StatusCode::INTERNAL_SERVER_ERROR, "the invalidation was cut short"),
    }
}

pub(super) async fn stats(State(service): State<Arc<Service>>) -> Response {
    match parts(&service) {
        Ok((semantic, _)) => json(StatusCode::OK, &semantic.stats()),
        Err(answer) => answer,
    }
}

#[expect(clippy::result_large_err, reason = "the error is the answer, made once")]
fn parts(service: &Service) -> Result<(&Arc<Semantic>, &Embedder), Response> {
    match (&service.semantic, &service.embedder) {
        (Some(semantic), Some(embedder)) => Ok((semantic, embedder)),
        _ => Err(failure(StatusCode::NOT_FOUND, "there is no semantic cache (setting semantic.enabled)")),
    }
}

/// The question of a request, and what it is asked of.
async fn asked(service: &Service, body: Body) -> Result<(&Arc<Semantic>, &Embedder, Asked), Response> {
    let (semantic, embedder) = parts(service)?;
    let asked: Asked = read(service, body).await?;
    check(&asked.question, "question")?;
    Ok((semantic, embedder, asked))
}

async fn read<T: DeserializeOwned>(service: &Service, body: Body) -> Result<T, Response> {
    let limit = service.max_semantic_bytes.saturating_mul(2).saturating_add(REST_BYTES);
    let body = read_body(body, limit).await?;
    serde_json::from_slice(&body).map_err(|error| failure(StatusCode::BAD_REQUEST, error.to_string()))
}

#[expect(clippy::result_large_err, reason = "the error is the answer, made once")]
fn check(text: &str, field: &str) -> Result<(), Response> {
    if text.trim().is_empty() {
        return Err(failure(StatusCode::BAD_REQUEST, format!("{field}: empty, expected a text")));
    }
    Ok(())
}

fn failed(error: &Failure) -> Response {
    match error {
        Failure::Store(error) => unavailable(error),
        Failure::TooLarge { bytes, limit } => failure(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("{bytes} bytes, expected at most {limit} (setting semantic.max_entry_bytes)"),
        ),
        Failure::Embedder(error) => {
            let status = match error {
                EmbedError::BadInput(_) => StatusCode::BAD_REQUEST,
                EmbedError::Busy(_) => StatusCode::TOO_MANY_REQUESTS,
                EmbedError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            };
            failure(status, error.to_string())
        }
    }
}
