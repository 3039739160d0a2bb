//! What is kept of an answer beside its text, and the responses that are made of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::profile::{Exchange, Profile};
use crate::{openai, rag};

/// What is kept of an answer beside its text, so that a response in the service's own form can be made of it again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// The body, of an answer that came whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
    /// What the first chunk said beside the text, of `openai-chat`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) head: Option<Value>,
    /// How many tokens it took, of `openai-chat`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) usage: Option<Value>,
    /// The data of the events around the text, of `rag-query`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sources: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) done: Option<String>,
    /// Where the text stands in the data of a chunk, of `rag-query`: in this member; empty, if the data are a JSON string; none,
    /// if they are the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text_member: Option<String>,
}

/// What a client gets in place of the service's answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit<'a> {
    /// The text.
    pub answer: &'a str,
    /// How alike the questions are.
    pub similarity: f64,
    /// Whether it is to come as events.
    pub stream: bool,
    /// Whether the events are to say how many tokens it took.
    pub wants_usage: bool,
}

impl Record {
    /// The record as it is stored.
    pub fn to_payload(&self) -> String {
        // What cannot fail to serialize: strings and JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what was stored; none if it is damaged.
    pub fn from_payload(payload: &str) -> Option<Record> {
        serde_json::from_str(payload).ok()
    }

    /// The media type and the body of a response.
    pub fn replay(&self, exchange: &Exchange, hit: &Hit<'_>) -> (&'static str, String) {
        let body = match (exchange.profile, hit.stream) {
            (Profile::OpenaiChat, false) => openai::replay_whole(self, hit),
            (Profile::OpenaiChat, true) => openai::replay_events(self, hit),
            (Profile::RagQuery, false) => rag::replay_whole(self, exchange, hit),
            (Profile::RagQuery, true) => rag::replay_events(self, exchange, hit),
        };
        (if hit.stream { "text/event-stream; charset=utf-8" } else { "application/json" }, body)
    }
}

/// Bytes of a piece of a text that is sent as events: about what comes at a time from a model that is quick.
const PIECE_BYTES: usize = 64;

/// A text in pieces that end after white space where there is some.
pub(crate) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = rest.len();
        if end > PIECE_BYTES {
            let whole = (0..=PIECE_BYTES).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(0);
            let (beginning, _) = rest.split_at_checked(whole)?;
            let space = beginning.char_indices().rev().find(|(_, sign)| sign.is_whitespace());
            end = space.map_or(whole, |(at, sign)| at + sign.len_utf8());
        }
        let (piece, left) = rest.split_at_checked(end)?;
        rest = left;
        Some(piece)
    })
}
