//! A client of server-sent events that measures when each of them came.

use std::io::Read;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use event_stream::{Event, Item, Parser};

use crate::http::{Client, HeaderMap, Request};

/// The longest event that is taken, in bytes.
const EVENT_BYTES: usize = 16 << 20;

/// A stream that is being read.
pub struct EventSource {
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    start: Instant,
    body: Box<dyn Read + Send>,
    parser: Parser,
    read: std::collections::VecDeque<(Duration, Item)>,
}

/// All that came of a stream, each with the time since the request was sent.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// The events.
    pub events: Vec<(Duration, Event)>,
    /// How many comments there were.
    pub comments: usize,
}

impl EventSource {
    /// Sends the request; the time runs from here.
    pub fn open(request: Request) -> Result<EventSource> {
        EventSource::open_by(&Client::new(), request)
    }

    /// Likewise by a client, whose idle connection it takes if there is one.
    pub fn open_by(client: &Client, request: Request) -> Result<EventSource> {
        let start = Instant::now();
        let (status, headers, body) = client.open(request)?;
        let parser = Parser::new(EVENT_BYTES);
        Ok(EventSource { status, headers, start, body, parser, read: std::collections::VecDeque::new() })
    }

    /// What comes next and when; none at the stream's end.
    pub fn next_item(&mut self) -> Result<Option<(Duration, Item)>> {
        let mut buffer = [0; 16 << 10];
        while self.read.is_empty() {
            let length = self.body.read(&mut buffer).context("the stream broke off")?;
            if length == 0 {
                return Ok(None);
            }
            let at = self.start.elapsed();
            self.read.extend(self.parser.push(&buffer[..length])?.into_iter().map(|item| (at, item)));
        }
        Ok(self.read.pop_front())
    }

    /// The next event and when it came; none at the stream's end.
    pub fn next_event(&mut self) -> Result<Option<(Duration, Event)>> {
        while let Some((at, item)) = self.next_item()? {
            if let Item::Event(event) = item {
                return Ok(Some((at, event)));
            }
        }
        Ok(None)
    }

    /// Reads to the stream's end.
    pub fn hear(mut self) -> Result<Heard> {
        let mut heard = Heard::default();
        while let Some((at, item)) = self.next_item()? {
            match item {
                Item::Event(event) => heard.events.push((at, event)),
                Item::Comment(_) => heard.comments += 1,
                Item::Retry(_) => {}
            }
        }
        Ok(heard)
    }
}

impl Heard {
    /// The kinds of the events, in order.
    pub fn kinds(&self) -> Vec<&str> {
        self.events.iter().map(|(_, event)| event.event.as_str()).collect()
    }

    /// The first event of a kind, and when it came.
    pub fn first(&self, kind: &str) -> Option<&(Duration, Event)> {
        self.events.iter().find(|(_, event)| event.event == kind)
    }

    /// The JSON of the first event of a kind.
    ///
    /// # Panics
    /// If there is none, or it is no JSON.
    pub fn json(&self, kind: &str) -> serde_json::Value {
        let (_, event) = self.first(kind).unwrap_or_else(|| panic!("no {kind} in {self:?}"));
        serde_json::from_str(&event.data).unwrap_or_else(|error| panic!("{error}: {event:?}"))
    }

    /// The texts of all events `chunk`, joined.
    pub fn text(&self) -> String {
        let chunks = self.events.iter().filter(|(_, event)| event.event == "chunk");
        chunks
            .map(|(_, event)| {
                let data: serde_json::Value = serde_json::from_str(&event.data).unwrap_or_default();
                data["text"].as_str().unwrap_or_default().to_owned()
            })
            .collect()
    }
}
