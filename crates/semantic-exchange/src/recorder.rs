//! Reads an answer on its way by, and says whether it is one to keep.

use event_stream::{Event, Item, Parser};
use serde_json::Value;

use crate::profile::{Exchange, Profile, at};
use crate::record::Record;
use crate::refusal::is_refusal;
use crate::{openai, rag};

/// How an answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As one JSON text.
    Whole,
    /// As server-sent events.
    Events,
}

/// An answer that is complete.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// Its text.
    pub answer: String,
    /// The ids of the documents that it was made from.
    pub sources: Vec<String>,
    /// What else is kept of it.
    pub record: Record,
}

/// Why an answer is none to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotKept {
    /// It ends before it is complete.
    Incomplete,
    /// It calls tools.
    ToolCall,
    /// The model refuses.
    Refusal,
    /// It is an error.
    Error,
    /// It cannot be understood.
    Garbage,
    /// It has no text.
    Empty,
    /// It is larger than may be held.
    TooLarge,
    /// It names no source, where it has to.
    NoSources,
    /// It comes from a cache of the service's own.
    Cached,
    /// It is several answers, or more than text.
    Special,
}

impl NotKept {
    /// Its name, as metrics have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            NotKept::Incomplete => "incomplete",
            NotKept::ToolCall => "tool-call",
            NotKept::Refusal => "refusal",
            NotKept::Error => "error",
            NotKept::Garbage => "garbage",
            NotKept::Empty => "empty",
            NotKept::TooLarge => "too-large",
            NotKept::NoSources => "no-sources",
            NotKept::Cached => "cached",
            NotKept::Special => "special",
        }
    }
}

/// Reads an answer that comes in pieces, cut anywhere. The first reason not to keep it counts, and nothing is held after it.
#[derive(Debug)]
pub struct Recorder {
    state: Result<Reading, NotKept>,
    max_bytes: usize,
}

#[derive(Debug)]
enum Reading {
    Whole(Vec<u8>),
    Chunks(Parser, openai::Chunks),
    Events(Parser, rag::Events),
}

impl Recorder {
    /// A recorder that holds `max_bytes` of a body, or of the text that its events come to and as much of one event.
    pub fn new(exchange: &Exchange, form: Form, max_bytes: usize) -> Recorder {
        let parser = || Parser::new(max_bytes);
        let reading = match (form, exchange.profile) {
            (Form::Whole, _) => Reading::Whole(Vec::new()),
            (Form::Events, Profile::OpenaiChat) => Reading::Chunks(parser(), openai::Chunks::default()),
            (Form::Events, Profile::RagQuery) => Reading::Events(parser(), rag::Events::default()),
        };
        Recorder { state: Ok(reading), max_bytes }
    }

    /// Takes the next piece; false once there is a reason not to keep the answer.
    pub fn take(&mut self, exchange: &Exchange, piece: &[u8]) -> bool {
        if let Ok(reading) = &mut self.state
            && let Err(reason) = reading.take(exchange, piece, self.max_bytes)
        {
            self.state = Err(reason);
        }
        self.state.is_ok()
    }

    /// Bytes that are held, about.
    pub fn bytes(&self) -> usize {
        self.state.as_ref().map_or(0, Reading::bytes)
    }

    /// Why the answer is not kept, if that is known already.
    pub fn reason(&self) -> Option<NotKept> {
        self.state.as_ref().err().copied()
    }

    /// The body has ended: what it says. With `needs_sources`, an answer that names none is not kept.
    pub fn finish(self, exchange: &Exchange, needs_sources: bool) -> Result<Answered, NotKept> {
        let answered = self.state?.finish(exchange)?;
        if answered.answer.trim().is_empty() {
            return Err(NotKept::Empty);
        }
        if is_refusal(&answered.answer) {
            return Err(NotKept::Refusal);
        }
        if needs_sources && answered.sources.is_empty() {
            return Err(NotKept::NoSources);
        }
        Ok(answered)
    }
}

impl Reading {
    fn take(&mut self, exchange: &Exchange, piece: &[u8], max_bytes: usize) -> Result<(), NotKept> {
        let within = |bytes: usize| if bytes > max_bytes { Err(NotKept::TooLarge) } else { Ok(()) };
        match self {
            Reading::Whole(body) => {
                within(body.len() + piece.len())?;
                body.extend_from_slice(piece);
                Ok(())
            }
            Reading::Chunks(parser, chunks) => feed(parser, piece, |event| {
                chunks.take(exchange, event)?;
                within(chunks.bytes())
            }),
            Reading::Events(parser, events) => feed(parser, piece, |event| {
                events.take(exchange, event)?;
                within(events.bytes())
            }),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Reading::Whole(body) => body.len(),
            Reading::Chunks(parser, chunks) => parser.bytes() + chunks.bytes(),
            Reading::Events(parser, events) => parser.bytes() + events.bytes(),
        }
    }

    fn finish(self, exchange: &Exchange) -> Result<Answered, NotKept> {
        match self {
            Reading::Whole(body) => {
                let body = String::from_utf8(body).map_err(|_| NotKept::Garbage)?;
                let value: Value = serde_json::from_str(&body).map_err(|_| NotKept::Garbage)?;
                match exchange.profile {
                    Profile::OpenaiChat => openai::whole(exchange, &body, &value),
                    Profile::RagQuery => rag::whole(exchange, &body, &value),
                }
            }
            Reading::Chunks(_, chunks) => chunks.finish(),
            Reading::Events(_, events) => events.finish(),
        }
    }
}

/// Feeds a parser, up to the first event that is a reason to stop.
fn feed(
    parser: &mut Parser,
    piece: &[u8],
    mut take: impl FnMut(Event) -> Result<(), NotKept>,
) -> Result<(), NotKept> {
    let mut so_far = Ok(());
    let fed = parser.feed(piece, |item| {
        if let (Item::Event(event), Ok(())) = (item, so_far) {
            so_far = take(event);
        }
    });
    so_far.and(fed.map_err(|_| NotKept::TooLarge))
}

/// Members of a source that may name its document. Whoever invalidates a document may call it by any of them.
const ID_MEMBERS: [&str; 8] = ["id", "source", "document", "doc", "doc_id", "path", "file", "url"];
/// Ids that an answer is stored with at most, and bytes of one. An answer with more is not kept: an invalidation would
/// miss it.
const MAX_IDS: usize = 256;
const MAX_ID_BYTES: usize = 1_024;

/// The ids of the documents in a list of sources.
pub(crate) fn sources_of(list: &Value) -> Result<Vec<String>, NotKept> {
    let mut ids: Vec<String> = Vec::new();
    for source in list.as_array().into_iter().flatten() {
        let named: Vec<&Value> = match source {
            Value::Object(members) => ID_MEMBERS.iter().filter_map(|name| members.get(*name)).collect(),
            other => vec![other],
        };
        for id in named {
            let id = match id {
                Value::String(id) => id.clone(),
                Value::Number(id) => id.to_string(),
                _ => continue,
            };
            if id.len() > MAX_ID_BYTES || ids.len() >= MAX_IDS {
                return Err(NotKept::TooLarge);
            }
            if !id.is_empty() && !ids.contains(&id) {
                ids.push(id);
            }
        }
    }
    Ok(ids)
}

/// The same, of the first list that there is.
pub(crate) fn first_sources(value: &Value, places: &[String]) -> Result<Vec<String>, NotKept> {
    let list = places.iter().find_map(|place| at(value, place).filter(|list| list.is_array()));
    list.map_or_else(|| Ok(Vec::new()), sources_of)
}
