//! `POST /v1/embeddings`, as OpenAI's interface has it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Service;
use super::answer::{json, read_body};
use crate::embedder::{EmbedError, Embedded, Input, Priority};

/// The path of the interface.
pub(super) const PATH: &str = "/v1/embeddings";
/// The largest body, in bytes.
const MAX_REQUEST_BYTES: usize = 16 << 20;
/// The most inputs of one request; the same as OpenAI's.
const MAX_INPUTS: usize = 2_048;

#[derive(Debug, Deserialize)]
struct Question {
    #[serde(default)]
    input: Value,
    #[serde(default)]
    model: Value,
    encoding_format: Option<Value>,
    dimensions: Option<Value>,
}

#[derive(Serialize)]
struct Answer {
    object: &'static str,
    data: Vec<Item>,
    model: String,
    usage: Usage,
}

#[derive(Serialize)]
struct Item {
    object: &'static str,
    index: usize,
    embedding: Embedding,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Embedding {
    Numbers(Vec<f32>),
    Base64(String),
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: usize,
    total_tokens: usize,
}

/// What is wrong with a request, and with which of its fields.
struct Wrong {
    field: Option<&'static str>,
    message: String,
}

fn wrong(field: &'static str, message: impl Into<String>) -> Wrong {
    Wrong { field: Some(field), message: message.into() }
}

/// An error in the interface's own form.
pub(super) fn failure(status: StatusCode, kind: &str, field: Option<&str>, message: &str) -> Response {
    let error = serde_json::json!({ "message": message, "type": kind, "param": field, "code": null });
    json(status, &serde_json::json!({ "error": error }))
}

pub(super) async fn embed(State(service): State<Arc<Service>>, body: Body) -> Response {
    let bad = "invalid_request_error";
    let Some(embedder) = &service.embedder else {
        let message = "there is no embedder (setting embeddings.enabled)";
        return failure(StatusCode::NOT_FOUND, bad, None, message);
    };
    let body = match read_body(body, MAX_REQUEST_BYTES).await {
        Ok(body) => body,
        Err(answer) => {
            let message = format!("the body broke off or is larger than {MAX_REQUEST_BYTES} bytes");
            return failure(answer.status(), bad, None, &message);
        }
    };
    let (inputs, in_base64) = match read(&body, embedder.id()) {
        Ok(read) => read,
        Err(Wrong { field, message }) => return failure(StatusCode::BAD_REQUEST, bad, field, &message),
    };
    match embedder.embed(inputs, Priority::High).await {
        Ok(embedded) => json(StatusCode::OK, &answer(embedded, in_base64, embedder.id())),
        Err(error) => {
            let (status, kind, field) = match &error {
                EmbedError::BadInput(_) => (StatusCode::BAD_REQUEST, bad, Some("input")),
                EmbedError::Busy(_) => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", None),
                EmbedError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "server_error", None),
            };
            failure(status, kind, field, &error.to_string())
        }
    }
}

/// The inputs, and whether they are wanted in base64.
fn read(body: &[u8], id: &str) -> Result<(Vec<Input>, bool), Wrong> {
    let question: Question = serde_json::from_slice(body).map_err(|error| Wrong {
        field: None,
        message: format!("the body is not what was expected: {error}"),
    })?;
    match question.model.as_str() {
        // The command line asks for whatever there is.
        Some(model) if model.is_empty() || is_known(model, id) => {}
        Some(model) => {
            return Err(wrong(
                "model",
                format!("{model:?} is not here, expected {id:?} or \"all-MiniLM-L6-v2\""),
            ));
        }
        None => return Err(wrong("model", "expected the name of a model")),
    }
    if question.dimensions.is_some_and(|wanted| !wanted.is_null()) {
        return Err(wrong(
            "dimensions",
            "this model's embeddings cannot be shortened, expected no dimensions",
        ));
    }
    let in_base64 = match &question.encoding_format {
        None | Some(Value::Null) => false,
        Some(Value::String(format)) if format == "float" => false,
        Some(Value::String(format)) if format == "base64" => true,
        Some(other) => {
            return Err(wrong("encoding_format", format!("{other}, expected \"float\" or \"base64\"")));
        }
    };
    let inputs = inputs(question.input)?;
    if inputs.is_empty() || inputs.len() > MAX_INPUTS {
        return Err(wrong("input", format!("{} inputs, expected 1 to {MAX_INPUTS}", inputs.len())));
    }
    if inputs.iter().any(|input| matches!(input, Input::Text(text) if text.is_empty())) {
        return Err(wrong("input", "an empty text, expected at least one character"));
    }
    Ok((inputs, in_base64))
}

/// Its own name, and those that the model has elsewhere. A server's own name is that before the `@`.
fn is_known(model: &str, id: &str) -> bool {
    model == id
        || id.rsplit_once('@').is_some_and(|(name, _)| name == model)
        || (id.starts_with("minilm-")
            && matches!(model, "all-MiniLM-L6-v2" | "sentence-transformers/all-MiniLM-L6-v2"))
}

fn inputs(input: Value) -> Result<Vec<Input>, Wrong> {
    let tokens = |numbers: &[Value]| {
        let number = |number: &Value| number.as_u64().and_then(|number| u32::try_from(number).ok());
        numbers.iter().map(number).collect::<Option<Vec<u32>>>().map(Input::Tokens)
    };
    let expected = || wrong("input", "expected a text, texts, tokens, or lists of tokens");
    match input {
        Value::String(text) => Ok(vec![Input::Text(text)]),
        Value::Array(items) if items.first().is_some_and(Value::is_number) => {
            Ok(vec![tokens(&items).ok_or_else(expected)?])
        }
        Value::Array(items) => items
            .into_iter()
            .map(|item| match item {
                Value::String(text) => Ok(Input::Text(text)),
                Value::Array(numbers) => tokens(&numbers).ok_or_else(expected),
                _ => Err(expected()),
            })
            .collect(),
        _ => Err(expected()),
    }
}

fn answer(Embedded { vectors, tokens }: Embedded, in_base64: bool, id: &str) -> Answer {
    let item = |(index, vector): (usize, Vec<f32>)| {
        let embedding = if in_base64 {
            let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
            Embedding::Base64(STANDARD.encode(bytes))
        } else {
            Embedding::Numbers(vector)
        };
        Item { object: "embedding", index, embedding }
    };
    Answer {
        object: "list",
        data: vectors.into_iter().enumerate().map(item).collect(),
        model: id.to_owned(),
        usage: Usage { prompt_tokens: tokens, total_tokens: tokens },
    }
}
