//! Server-sent events, read and written as the WHATWG's HTML standard has them.

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its name; `message` where it has none.
    pub name: String,
    /// Its data, the lines separated by LF.
    pub data: String,
    /// The last id that the stream has said so far.
    pub id: String,
}

/// A line, or the data of an event, is larger than what the parser may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

/// Reads events from a stream that comes in pieces, cut anywhere.
#[derive(Debug, Clone)]
pub struct Parser {
    max_bytes: usize,
    line: Vec<u8>,
    /// A CR has ended the last line; a LF that follows belongs to it.
    after_cr: bool,
    /// No line has ended yet: it may begin with a byte order mark.
    at_start: bool,
    name: String,
    data: String,
    id: String,
}

impl Parser {
    /// A parser that holds `max_bytes` of a line, and as much of an event's data.
    pub fn new(max_bytes: usize) -> Parser {
        Parser {
            max_bytes,
            line: Vec::new(),
            after_cr: false,
            at_start: true,
            name: String::new(),
            data: String::new(),
            id: String::new(),
        }
    }

    /// Takes the next piece, and hands over each event that is whole with it. An event that the end of the stream cuts off
    /// is none. After an error the parser is of no use any more.
    pub fn feed(&mut self, mut piece: &[u8], mut take: impl FnMut(Event)) -> Result<(), TooLarge> {
        if self.after_cr && !piece.is_empty() {
            self.after_cr = false;
            piece = piece.strip_prefix(b"\n").unwrap_or(piece);
        }
        while let Some(end) = piece.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
            let (part, rest) = piece.split_at_checked(end).unwrap_or((piece, b""));
            self.hold(part)?;
            let line = std::mem::take(&mut self.line);
            self.line_ends(&line, &mut take)?;
            piece = match rest {
                [b'\r', b'\n', rest @ ..] => rest,
                [b'\r'] => {
                    self.after_cr = true;
                    b""
                }
                [_, rest @ ..] => rest,
                [] => b"",
            };
        }
        self.hold(piece)
    }

    /// Bytes that are held.
    pub fn bytes(&self) -> usize {
        self.line.len() + self.data.len() + self.name.len() + self.id.len()
    }

    fn hold(&mut self, part: &[u8]) -> Result<(), TooLarge> {
        if self.line.len() + part.len() > self.max_bytes {
            return Err(TooLarge);
        }
        self.line.extend_from_slice(part);
        Ok(())
    }

    fn line_ends(&mut self, line: &[u8], take: &mut impl FnMut(Event)) -> Result<(), TooLarge> {
        let line = if std::mem::take(&mut self.at_start) {
            line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
        } else {
            line
        };
        // No character of several bytes has a CR or LF in it: line by line, decoding comes to the same as over all.
        let line = String::from_utf8_lossy(line);
        if line.is_empty() {
            self.dispatch(take);
            return Ok(());
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.name = value.to_owned(),
            "data" => {
                if self.data.len() + value.len() >= self.max_bytes {
                    return Err(TooLarge);
                }
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => self.id = value.to_owned(),
            _ => {}
        }
        Ok(())
    }

    fn dispatch(&mut self, take: &mut impl FnMut(Event)) {
        let name = std::mem::take(&mut self.name);
        let mut data = std::mem::take(&mut self.data);
        if data.pop().is_some() {
            let name = if name.is_empty() { "message".to_owned() } else { name };
            take(Event { name, data, id: self.id.clone() });
        }
    }
}

/// Appends an event. A line break within the data begins another line of it, so data can never end an event or begin one; a
/// CR comes back as LF, for the format knows no other.
pub fn write(to: &mut String, id: Option<&str>, name: Option<&str>, data: &str) {
    for (field, value) in [("id", id), ("event", name)] {
        if let Some(value) = value {
            let value: String = value.chars().filter(|sign| !matches!(sign, '\r' | '\n' | '\0')).collect();
            to.push_str(field);
            to.push_str(": ");
            to.push_str(&value);
            to.push('\n');
        }
    }
    for line in data.replace("\r\n", "\n").split(['\r', '\n']) {
        to.push_str("data: ");
        to.push_str(line);
        to.push('\n');
    }
    to.push('\n');
}
