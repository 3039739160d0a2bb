//! What a question may look like, as JSON or in a URL.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode;
use serde::Deserialize;

use crate::http::answer::failure;
use crate::rag::{Query, Said};

/// Passages that may be asked for.
const MOST_PASSAGES: usize = 50;
/// What was said before that is taken into account.
const MOST_HISTORY: usize = 100;
/// How much longer than the question its JSON may be: history, escapes.
const BODY_FACTOR: usize = 8;

/// What a question is held to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) question_bytes: usize,
    /// Passages, unless the question says otherwise.
    pub(super) top_k: usize,
}

impl Limits {
    pub(super) fn body_bytes(self) -> usize {
        self.question_bytes.saturating_mul(BODY_FACTOR).saturating_add(4_096)
    }
}

/// A question that can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    question: String,
    history: Vec<Said>,
    top_k: usize,
    pub(super) stream: bool,
}

impl Asked {
    pub(super) fn query(self, tenant: String) -> Query {
        Query::new(tenant, self.question, self.history, self.top_k)
    }
}

/// Why a question cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        failure(self.0, self.1)
    }
}

fn bad(why: impl Into<String>) -> Refused {
    Refused(StatusCode::BAD_REQUEST, why.into())
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Fields {
    question: Option<String>,
    query: Option<String>,
    q: Option<String>,
    top_k: Option<usize>,
    model: Option<String>,
    history: Vec<Said>,
    stream: bool,
}

/// Reads a JSON body.
pub(super) fn from_json(body: &[u8], model: &str, limits: Limits) -> Result<Asked, Refused> {
    let text = std::str::from_utf8(body).map_err(|error| bad(format!("the body is not UTF-8: {error}")))?;
    check(serde_json::from_str(text).map_err(|error| bad(error.to_string()))?, model, limits)
}

/// Reads a URL's query.
pub(super) fn from_parameters(raw: &str, model: &str, limits: Limits) -> Result<Asked, Refused> {
    let mut fields = Fields { stream: true, ..Fields::default() };
    for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = value.replace('+', " ");
        let value = percent_decode(value.as_bytes())
            .decode_utf8()
            .map_err(|_| bad(format!("{name}: not UTF-8")))?
            .into_owned();
        let field = match name {
            "q" => &mut fields.q,
            "question" => &mut fields.question,
            "query" => &mut fields.query,
            "model" => &mut fields.model,
            "top_k" => {
                let number =
                    value.parse().map_err(|_| bad(format!("top_k: {value:?}, expected a number")))?;
                fields.top_k = Some(number);
                continue;
            }
            // Others' parameters, such as those against caches, are no business of ours.
            _ => continue,
        };
        if field.replace(value).is_some() {
            return Err(bad(format!("{name}: more than once")));
        }
    }
    check(fields, model, limits)
}

fn check(fields: Fields, model: &str, limits: Limits) -> Result<Asked, Refused> {
    let Fields { question, query, q, top_k, model: wanted, history, stream } = fields;
    let question = match (question, query, q) {
        (Some(question), None, None) | (None, Some(question), None) | (None, None, Some(question)) => {
            question
        }
        (None, None, None) => return Err(bad("question: missing, expected a text")),
        _ => return Err(bad("question: more than one of question, query and q")),
    };
    if question.trim().is_empty() {
        return Err(bad("question: empty, expected a text"));
    }
    let limit = limits.question_bytes;
    let lengths = history.iter().map(|said| said.content.len()).sum::<usize>();
    for (field, length, limit) in [("question", question.len(), limit), ("history", lengths, limit * 4)] {
        if length > limit {
            let why =
                format!("{field}: {length} bytes, expected at most {limit} (setting rag.max_question_bytes)");
            return Err(Refused(StatusCode::PAYLOAD_TOO_LARGE, why));
        }
    }
    let is_text = |text: &str| !text.chars().any(|sign| sign.is_control() && !"\n\r\t".contains(sign));
    if !is_text(&question) || !history.iter().all(|said| is_text(&said.content)) {
        return Err(bad("question: control characters, expected a text"));
    }
    if history.len() > MOST_HISTORY {
        return Err(bad(format!("history: {} entries, expected at most {MOST_HISTORY}", history.len())));
    }
    if let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty() && wanted != model) {
        let shown: String = wanted.chars().take(100).collect();
        return Err(bad(format!("model: {shown:?}, expected {model:?}")));
    }
    let top_k = top_k.unwrap_or(limits.top_k);
    if !(1..=MOST_PASSAGES).contains(&top_k) {
        return Err(bad(format!("top_k: {top_k}, expected 1 to {MOST_PASSAGES}")));
    }
    Ok(Asked { question, history, top_k, stream })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { question_bytes: 20, top_k: 3 };

    fn said(read: Result<Asked, Refused>) -> Result<(String, usize, bool), (u16, String)> {
        read.map(|asked| (asked.question, asked.top_k, asked.stream))
            .map_err(|Refused(status, why)| (status.as_u16(), why))
    }

    #[test]
    fn questions_in_json() {
        for (body, expected) in [
            (&br#"{"question": "why"}"#[..], Ok(("why", 3, false))),
            (br#"{"query": "why", "top_k": 5, "stream": true, "model": "m"}"#, Ok(("why", 5, true))),
            (br#"{"q": " id: 7\n\ndata: x "}"#, Ok((" id: 7\n\ndata: x ", 3, false))),
            (br#"{"question": "a", "history": [{"role": "user", "content": "b"}]}"#, Ok(("a", 3, false))),
            (b"{", Err((400, "EOF"))),
            (b"[]", Err((400, "question: missing"))),
            (b"{}", Err((400, "question: missing"))),
            (br#"{"question": 7}"#, Err((400, "invalid type"))),
            (br#"{"question": " "}"#, Err((400, "question: empty"))),
            (br#"{"question": "a", "query": "b"}"#, Err((400, "more than one"))),
            (br#"{"question": "a\u0000b"}"#, Err((400, "control characters"))),
            (b"{\"question\": \"\xff\"}", Err((400, "not UTF-8"))),
            (br#"{"question": "a question too long"} "#, Ok(("a question too long", 3, false))),
            (br#"{"question": "a question too long."}"#, Ok(("a question too long.", 3, false))),
            (br#"{"question": "a question too long.."}"#, Err((413, "21 bytes, expected at most 20"))),
            (br#"{"question": "a", "unknown": 1}"#, Err((400, "unknown field `unknown`"))),
            (br#"{"question": "a", "model": "gpt-none"}"#, Err((400, "model: \"gpt-none\", expected \"m\""))),
            (br#"{"question": "a", "top_k": 0}"#, Err((400, "top_k: 0, expected 1 to 50"))),
            (br#"{"question": "a", "history": [{"role": "root", "content": "b"}]}"#, Err((400, "root"))),
        ] {
            compare(said(from_json(body, "m", LIMITS)), expected, &String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn questions_in_urls() {
        for (raw, expected) in [
            ("q=why+not%3F", Ok(("why not?", 3, true))),
            ("question=a%0Ab&top_k=2&_=17", Ok(("a\nb", 2, true))),
            ("", Err((400, "question: missing"))),
            ("q=", Err((400, "question: empty"))),
            ("q=%ff", Err((400, "q: not UTF-8"))),
            ("q=a%00", Err((400, "control characters"))),
            ("q=a&q=b", Err((400, "q: more than once"))),
            ("q=a&top_k=many", Err((400, "top_k: \"many\""))),
            ("q=aaaaaaaaaaaaaaaaaaaaa", Err((413, "21 bytes"))),
        ] {
            compare(said(from_parameters(raw, "m", LIMITS)), expected, raw);
        }
    }

    fn compare(
        found: Result<(String, usize, bool), (u16, String)>,
        expected: Result<(&str, usize, bool), (u16, &str)>,
        what: &str,
    ) {
        match (found, expected) {
            (Ok(found), Ok((question, top_k, stream))) => {
                assert_eq!(found, (question.to_owned(), top_k, stream), "{what}");
            }
            (Err((status, why)), Err((wanted, part))) => {
                assert!(status == wanted && why.contains(part), "{what}: {status} {why}");
            }
            (found, expected) => unreachable!("{what}: {found:?}, expected {expected:?}"),
        }
    }
}
