//! An embedder that is an OpenAI-compatible server.

use std::fmt;
use std::time::Duration;

use hyper::Method;
use serde::{Deserialize, Serialize};

use super::{EmbedError, Embedded, Input};
use crate::client::Client;
use crate::config;

/// An OpenAI-compatible server.
pub(crate) struct Remote {
    client: Client,
    model: String,
    id: String,
    patience: Duration,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("client", &self.client)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Question<'a> {
    model: &'a str,
    input: Vec<&'a str>,
    encoding_format: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Item>,
    #[serde(default)]
    usage: Usage,
}

#[derive(Deserialize)]
struct Item {
    index: usize,
    embedding: Vec<f32>,
}

#[derive(Default, Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: usize,
}

impl Remote {
    pub(crate) fn new(config: &config::Embeddings) -> anyhow::Result<Self> {
        Ok(Self {
            client: Client::new(&config.url, config.api_key.reveal())?,
            model: config.model.clone(),
            id: format!("{}@{}", config.model, config.url),
            patience: Duration::from_millis(config.timeout_ms),
        })
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) async fn embed(&self, inputs: Vec<Input>) -> Result<Embedded, EmbedError> {
        let bad = |reason: &str| EmbedError::BadInput(reason.to_owned());
        let away = |reason: String| EmbedError::Unavailable(reason);
        let texts = inputs
            .iter()
            .map(|input| match input {
                Input::Text(text) => Ok(text.as_str()),
                Input::Tokens(_) => Err(bad("tokens cannot be passed on to another embedder, expected text")),
            })
            .collect::<Result<Vec<&str>, _>>()?;
        let (count, model) = (texts.len(), self.model.as_str());
        let question = Question { model, input: texts, encoding_format: "float" };
        let body = serde_json::to_vec(&question).map_err(|error| away(error.to_string()))?;
        let headers = [("content-type", "application/json")];
        let sending = self.client.send(Method::POST, "/embeddings", &headers, body);
        let answer = match tokio::time::timeout(self.patience, sending).await {
            Ok(answer) => answer.map_err(|error| away(format!("{error:#}")))?,
            Err(_) => return Err(away(format!("no answer within {} ms", self.patience.as_millis()))),
        };
        if !answer.status().is_success() {
            let said: String = String::from_utf8_lossy(answer.body()).chars().take(300).collect();
            let reason = format!("{}: {said}", answer.status());
            return Err(if answer.status().as_u16() == 429 {
                EmbedError::Busy(reason)
            } else {
                away(reason)
            });
        }
        let answer: Answer =
            serde_json::from_slice(answer.body()).map_err(|error| away(error.to_string()))?;
        let mut items = answer.data;
        items.sort_by_key(|item| item.index);
        let vectors: Vec<Vec<f32>> = items.into_iter().map(|item| normalised(item.embedding)).collect();
        let width = vectors.first().map_or(0, Vec::len);
        let fits =
            |vector: &Vec<f32>| vector.len() == width && vector.iter().all(|number| number.is_finite());
        if vectors.len() != count || !vectors.iter().all(fits) {
            return Err(away(format!("{} vectors for {count} texts, or not all alike", vectors.len())));
        }
        Ok(Embedded { vectors, tokens: answer.usage.prompt_tokens })
    }
}

fn normalised(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
    vector
}
