//! What a request asks.

use serde_json::Value;

use crate::json::{self, Malformed, says_something, text_of};
use crate::openai;
use crate::profile::{Exchange, Profile, take};

/// A question, and all that its answer depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The question.
    pub question: String,
    /// The model that is to answer; empty if the request names none.
    pub model: String,
    /// System prompt, and everything in the request that has no other place.
    pub(crate) system: String,
    /// What was said before.
    pub(crate) history: String,
    /// Who asks, as the request says; empty if it does not.
    pub(crate) user: String,
    /// Whether the answer is to come as events.
    pub stream: bool,
    /// Whether the events are to say how many tokens the answer took.
    pub wants_usage: bool,
}

/// Why a request is none that can be answered by another's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// It is no JSON, or no UTF-8.
    Malformed,
    /// It is nested too deeply.
    TooDeep,
    /// An object has two members of one name.
    TwiceNamed,
    /// There is no question where one should stand.
    NoQuestion,
    /// The question is longer than is allowed.
    LongQuestion,
    /// It has images, sound or the like in it, or asks for them.
    NotText,
    /// It asks for several answers, or for what an answer alone cannot say.
    Special,
}

impl Unusable {
    /// All there are.
    pub const ALL: [Unusable; 7] = [
        Unusable::Malformed,
        Unusable::TooDeep,
        Unusable::TwiceNamed,
        Unusable::NoQuestion,
        Unusable::LongQuestion,
        Unusable::NotText,
        Unusable::Special,
    ];

    /// Its name, as metrics and headers have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Unusable::Malformed => "malformed",
            Unusable::TooDeep => "too-deep",
            Unusable::TwiceNamed => "twice-named",
            Unusable::NoQuestion => "no-question",
            Unusable::LongQuestion => "long-question",
            Unusable::NotText => "not-text",
            Unusable::Special => "special",
        }
    }
}

impl From<Malformed> for Unusable {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::NotJson => Unusable::Malformed,
            Malformed::TooDeep => Unusable::TooDeep,
            Malformed::TwiceNamed => Unusable::TwiceNamed,
        }
    }
}

/// Reads a request's body. `max_depth` is how deep it may be nested, `max_question` how many bytes the question may have;
/// `by_path` says whether the request asks for events by something other than its body.
pub fn ask(
    exchange: &Exchange,
    body: &[u8],
    max_depth: usize,
    max_question: usize,
    by_path: bool,
) -> Result<Asked, Unusable> {
    let mut body = json::read(body, max_depth)?;
    if !body.is_object() {
        return Err(Unusable::NoQuestion);
    }
    let places = &exchange.at;
    let wants_usage = body.pointer("/stream_options/include_usage") == Some(&Value::Bool(true));
    exchange.ignored.iter().for_each(|pointer| drop(take(&mut body, pointer)));
    let stream = match take(&mut body, &places.stream) {
        None | Some(Value::Null) => by_path,
        Some(Value::Bool(stream)) => stream || by_path,
        Some(_) => return Err(Unusable::Malformed),
    };
    let model = take(&mut body, &places.model).as_ref().map(text_of).unwrap_or_default();
    let user = take(&mut body, &places.user).as_ref().map(text_of).unwrap_or_default();
    let said = match exchange.profile {
        Profile::OpenaiChat => openai::said(&mut body, &places.messages)?,
        Profile::RagQuery => {
            let asked: Vec<Value> = places
                .question
                .iter()
                .filter_map(|place| take(&mut body, place))
                .filter(|value| !value.is_null())
                .collect();
            // Two questions in one request: which of them is answered is the service's to say.
            let [Value::String(question)] = asked.as_slice() else { return Err(Unusable::NoQuestion) };
            let mut text = |pointer: &str| take(&mut body, pointer).as_ref().map(text_of).unwrap_or_default();
            Said { question: question.clone(), system: text(&places.system), history: text(&places.history) }
        }
    };
    if said.question.trim().is_empty() {
        return Err(Unusable::NoQuestion);
    }
    if said.question.len() > max_question {
        return Err(Unusable::LongQuestion);
    }
    prune(&mut body);
    let system = match (says_something(Some(&body)), said.system.is_empty()) {
        (false, true) => String::new(),
        _ => Value::from(vec![Value::String(said.system), body]).to_string(),
    };
    Ok(Asked { question: said.question, model, system, history: said.history, user, stream, wants_usage })
}

/// A question, and what comes before it.
pub(crate) struct Said {
    pub(crate) question: String,
    pub(crate) system: String,
    pub(crate) history: String,
}

/// Drops members that are null, which to services is as if they were not there; what was taken out has become null.
fn prune(value: &mut Value) {
    if let Value::Object(members) = value {
        members.values_mut().for_each(prune);
        members.retain(|_, member| {
            !member.is_null() && member.as_object().is_none_or(|inner| !inner.is_empty())
        });
    }
}
