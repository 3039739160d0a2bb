//! HTTP/2 by hand (RFC 9113, RFC 7541), to say what no client library would.

/// Opens a connection, with no settings of its own.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The fields of a request, in this order.
pub struct Headers(Vec<u8>);

impl Headers {
    pub fn new(method: &str, path: &str) -> Headers {
        let headers = Headers(Vec::new());
        headers.with(&[(":method", method), (":scheme", "http"), (":authority", "x"), (":path", path)])
    }

    /// Adds fields as literals that are neither indexed nor packed (RFC 7541 §6.2.2).
    pub fn with(mut self, fields: &[(&str, &str)]) -> Headers {
        for (name, value) in fields {
            self.0.push(0);
            for text in [name, value] {
                self.0
                    .push(u8::try_from(text.len()).ok().filter(|length| *length < 127).expect("short texts"));
                self.0.extend_from_slice(text.as_bytes());
            }
        }
        self
    }

    /// A connection that sends one request with this body.
    pub fn request(&self, body: &[u8]) -> Vec<u8> {
        let end = if body.is_empty() { END_STREAM } else { 0 };
        let mut bytes = [PREFACE, &frame(HEADERS, END_HEADERS | end, &self.0)].concat();
        if !body.is_empty() {
            bytes.extend(frame(DATA, END_STREAM, body));
        }
        bytes
    }
}

/// A frame of the first stream (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    [&length[1..], &[kind, flags], &1_u32.to_be_bytes(), payload].concat()
}
