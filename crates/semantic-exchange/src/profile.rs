//! Whose language is spoken, and where in its JSON things stand.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

/// A language that services speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// OpenAI's chat completions, which many servers speak.
    OpenaiChat,
    /// A question in, an answer and its sources out; as events `start`, `cache`, `status`, `chunk`, `sources`, `done`, `error`.
    RagQuery,
}

/// JSON pointers (RFC 6901) in place of the profile's own; one that is empty stands for nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pointers {
    /// The list of messages, of `openai-chat`.
    pub messages: Option<String>,
    /// The question, of `rag-query`.
    pub question: Option<String>,
    /// The system prompt, of `rag-query`.
    pub system: Option<String>,
    /// What was said before, of `rag-query`.
    pub history: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// Who asks.
    pub user: Option<String>,
    /// Whether the answer is to come as events.
    pub stream: Option<String>,
    /// The answer, in a whole response of `rag-query`.
    pub answer: Option<String>,
    /// The list of sources, in a whole response.
    pub sources: Option<String>,
}

/// A pointer that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidPointer {
    /// Which, by the name of its field.
    pub field: &'static str,
    /// What it is.
    pub found: String,
}

impl fmt::Display for InvalidPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: expected a JSON pointer, such as `/input/question`", self.found)
    }
}

impl std::error::Error for InvalidPointer {}

/// How a service is spoken to: its profile, and where things stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The profile.
    pub profile: Profile,
    pub(crate) at: Places,
    /// Where what does not change the answer stands in a request.
    pub(crate) ignored: Vec<String>,
}

/// Where things stand; several where a service takes one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) messages: String,
    pub(crate) question: Vec<String>,
    pub(crate) system: String,
    pub(crate) history: String,
    pub(crate) model: String,
    pub(crate) user: String,
    pub(crate) stream: String,
    pub(crate) answer: String,
    pub(crate) sources: Vec<String>,
}

/// What no chat service answers differently for.
const IGNORED_BY_CHAT: [&str; 4] = ["/stream_options", "/store", "/service_tier", "/prompt_cache_key"];

impl Exchange {
    /// A profile, with pointers in place of its own, and more places that do not change the answer.
    pub fn new(
        profile: Profile,
        pointers: &Pointers,
        ignored: &[String],
    ) -> Result<Exchange, InvalidPointer> {
        pointers.check()?;
        if let Some(found) = ignored.iter().find(|pointer| !is_pointer(pointer) || pointer.is_empty()) {
            return Err(InvalidPointer { field: "ignore", found: found.clone() });
        }
        let or = |own: &Option<String>, usual: &str| own.clone().unwrap_or_else(|| usual.to_owned());
        let some = |own: &Option<String>, usual: &[&str]| {
            own.clone().map_or_else(|| usual.iter().map(|at| (*at).to_owned()).collect(), |own| vec![own])
        };
        let by_profile: &[&str] = match profile {
            Profile::OpenaiChat => &IGNORED_BY_CHAT,
            Profile::RagQuery => &[],
        };
        let at = Places {
            messages: or(&pointers.messages, "/messages"),
            question: some(&pointers.question, &["/question", "/query"]),
            system: or(&pointers.system, "/system"),
            history: or(&pointers.history, "/history"),
            model: or(&pointers.model, "/model"),
            user: or(&pointers.user, "/user"),
            stream: or(&pointers.stream, "/stream"),
            answer: or(&pointers.answer, "/answer"),
            sources: some(&pointers.sources, &["/sources", "/citations"]),
        };
        let ignored = by_profile.iter().map(|at| (*at).to_owned()).chain(ignored.iter().cloned()).collect();
        Ok(Exchange { profile, at, ignored })
    }
}

impl Pointers {
    fn check(&self) -> Result<(), InvalidPointer> {
        let all = [
            ("messages", &self.messages),
            ("question", &self.question),
            ("system", &self.system),
            ("history", &self.history),
            ("model", &self.model),
            ("user", &self.user),
            ("stream", &self.stream),
            ("answer", &self.answer),
            ("sources", &self.sources),
        ];
        let wrong = all.into_iter().find_map(|(field, pointer)| {
            pointer.as_ref().filter(|pointer| !is_pointer(pointer)).map(|found| (field, found.clone()))
        });
        wrong.map_or(Ok(()), |(field, found)| Err(InvalidPointer { field, found }))
    }
}

fn is_pointer(text: &str) -> bool {
    text.is_empty() || text.starts_with('/')
}

/// What stands somewhere; nothing for the empty pointer, which stands for nowhere.
pub(crate) fn at<'a>(value: &'a Value, pointer: &str) -> Option<&'a Value> {
    if pointer.is_empty() { None } else { value.pointer(pointer) }
}

/// Takes out what stands somewhere.
pub(crate) fn take(value: &mut Value, pointer: &str) -> Option<Value> {
    if pointer.is_empty() { None } else { value.pointer_mut(pointer).map(std::mem::take) }
}
