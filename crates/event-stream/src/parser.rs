//! How events are read, from bytes that come in pieces.

use std::fmt;

/// An event that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What kind of event it is; `message` where that was not said.
    pub event: String,
    /// The text.
    pub data: String,
    /// The last id that was said, with this event or before.
    pub id: String,
}

/// What a stream is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// An event.
    Event(Event),
    /// A comment.
    Comment(String),
    /// How long to wait before connecting again, in milliseconds.
    Retry(u64),
}

/// A line or an event is longer than it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong {
    /// How many bytes it may have.
    pub limit: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an event of more than {} bytes", self.limit)
    }
}

impl std::error::Error for TooLong {}

/// Reads a stream, piece by piece.
#[derive(Debug, Clone)]
pub struct Parser {
    limit: usize,
    line: Vec<u8>,
    /// The last byte was a `\r`: a `\n` that follows belongs to it.
    after_return: bool,
    is_first_line: bool,
    event: String,
    data: String,
    has_data: bool,
    id: String,
}

impl Parser {
    /// One that takes events of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            after_return: false,
            is_first_line: true,
            event: String::new(),
            data: String::new(),
            has_data: false,
            id: String::new(),
        }
    }

    /// Reads on; what has become complete, in order. An event that the stream's end leaves incomplete never is.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Item>, TooLong> {
        let mut items = Vec::new();
        self.feed(bytes, |item| items.push(item))?;
        Ok(items)
    }

    /// Reads on like [`Parser::push`], and hands over what has become complete, also what stands before something too long.
    pub fn feed(&mut self, mut bytes: &[u8], mut take: impl FnMut(Item)) -> Result<(), TooLong> {
        if self.after_return && !bytes.is_empty() {
            self.after_return = false;
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
            let (part, rest) = bytes.split_at_checked(end).unwrap_or((bytes, b""));
            self.hold(part)?;
            let line = std::mem::take(&mut self.line);
            if let Some(item) = self.end_line(&line) {
                take(item);
            }
            bytes = match rest {
                [b'\r', b'\n', rest @ ..] => rest,
                [b'\r'] => {
                    self.after_return = true;
                    b""
                }
                [_, rest @ ..] => rest,
                [] => b"",
            };
        }
        self.hold(bytes)
    }

    /// Bytes that are held of what is not complete.
    pub fn bytes(&self) -> usize {
        self.line.len() + self.data.len() + self.event.len() + self.id.len()
    }

    fn hold(&mut self, part: &[u8]) -> Result<(), TooLong> {
        if self.line.len() + self.data.len() + part.len() > self.limit {
            return Err(TooLong { limit: self.limit });
        }
        self.line.extend_from_slice(part);
        Ok(())
    }

    fn end_line(&mut self, line: &[u8]) -> Option<Item> {
        let is_first = std::mem::take(&mut self.is_first_line);
        let line = if is_first { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
        let line = String::from_utf8_lossy(line);
        if line.is_empty() {
            return self.dispatch();
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "" => return Some(Item::Comment(value.to_owned())),
            "event" => self.event = value.to_owned(),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.has_data = true;
                self.data.push_str(value);
            }
            "id" if !value.contains('\0') => self.id = value.to_owned(),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                return value.parse().ok().map(Item::Retry);
            }
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<Item> {
        let (event, data) = (std::mem::take(&mut self.event), std::mem::take(&mut self.data));
        if !std::mem::take(&mut self.has_data) {
            return None;
        }
        let event = if event.is_empty() { "message".to_owned() } else { event };
        Some(Item::Event(Event { event, data, id: self.id.clone() }))
    }
}
