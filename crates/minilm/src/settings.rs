//! What the model's own files say about its shape.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::LoadError;
use crate::layout::LANES;

/// The shape of the encoder, from `config.json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Shape {
    pub(crate) hidden_size: usize,
    pub(crate) num_hidden_layers: usize,
    pub(crate) num_attention_heads: usize,
    pub(crate) intermediate_size: usize,
    pub(crate) vocab_size: usize,
    pub(crate) max_position_embeddings: usize,
    pub(crate) layer_norm_eps: f32,
    model_type: String,
    hidden_act: String,
}

/// How the sentences were cut in training, from `sentence_bert_config.json`.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Cut {
    max_seq_length: usize,
}

impl Shape {
    /// Reads it, and makes sure that the kernels fit.
    pub(crate) fn read(folder: &Path) -> Result<Self, LoadError> {
        let shape: Shape = json(&folder.join("config.json"))?;
        let unsupported =
            |setting, value: String, expected| Err(LoadError::Unsupported { setting, value, expected });
        if shape.model_type != "bert" {
            return unsupported("model_type", shape.model_type, "bert");
        }
        if shape.hidden_act != "gelu" {
            return unsupported("hidden_act", shape.hidden_act, "gelu");
        }
        let heads = shape.num_attention_heads;
        if heads == 0 || !shape.hidden_size.is_multiple_of(heads) || !shape.head_size().is_multiple_of(LANES)
        {
            return unsupported(
                "num_attention_heads",
                heads.to_string(),
                "heads of a multiple of 16 numbers each",
            );
        }
        if shape.intermediate_size == 0 || !shape.intermediate_size.is_multiple_of(LANES) {
            return unsupported("intermediate_size", shape.intermediate_size.to_string(), "a multiple of 16");
        }
        Ok(shape)
    }

    /// Numbers that a head sees of each token.
    pub(crate) fn head_size(&self) -> usize {
        self.hidden_size.checked_div(self.num_attention_heads).unwrap_or(0)
    }
}

/// How many tokens of a text count, the first and the last mark included.
pub(crate) fn max_tokens(folder: &Path, shape: &Shape) -> Result<usize, LoadError> {
    let cut: Cut = json(&folder.join("sentence_bert_config.json"))?;
    if cut.max_seq_length < 3 {
        let value = cut.max_seq_length.to_string();
        return Err(LoadError::Unsupported { setting: "max_seq_length", value, expected: "at least 3" });
    }
    Ok(cut.max_seq_length.min(shape.max_position_embeddings))
}

fn json<T: DeserializeOwned>(path: &Path) -> Result<T, LoadError> {
    let text = std::fs::read(path)
        .map_err(|error| LoadError::Unreadable { path: path.to_owned(), reason: error.to_string() })?;
    serde_json::from_slice(&text)
        .map_err(|error| LoadError::Malformed { path: path.to_owned(), reason: error.to_string() })
}
