//! Requests that are decompressed for services that cannot. Such a request is held whole, so that the service sees nothing of
//! one that is refused.

use crate::headers;
use crate::plugin::Compression;
use compression_common::RouteSettings;
use compression_policy::Change;
use content_codings::{DecodeError, decode};
use http_semantics::{ContentCoding, Fields, list};
use slipstream_host::{Action, Body, HeaderBlock, HeaderMap, Headers, HostError, Route, send_local_reply};
use std::rc::Rc;

/// A request whose body the host holds.
pub struct Decompression {
    pub request: Headers,
    route: Rc<Route<RouteSettings>>,
    coding: ContentCoding,
}

/// Why a request is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its body is not what it says (RFC 9110 §15.5.1).
    Malformed(ContentCoding),
    /// Its body is too long, or will be (RFC 9110 §15.5.14).
    TooLong,
    /// It has a coding that nobody here decodes, or several (RFC 9110 §15.5.16).
    Unknown,
}

const HOST_ERROR: &str = "host_error";

/// Request fields that speak of the bytes before decompression, and of how they were framed.
const UNTRUE: [&str; 6] =
    ["content-encoding", "content-md5", "digest", "content-digest", "repr-digest", "transfer-encoding"];

impl Decompression {
    /// None if there is nothing to decompress, or nobody wants it.
    pub fn of(
        plugin: &Compression,
        request: &Headers,
        now_ms: u64,
    ) -> Result<Option<Result<Decompression, Refusal>>, HostError> {
        let is_identity = |coding: &&[u8]| coding.eq_ignore_ascii_case(b"identity");
        let mut codings = list::members(request, "content-encoding").filter(|coding| !is_identity(coding));
        let Some(coding) = codings.next() else { return Ok(None) };
        let route = plugin.routes.current(request.first(":authority").unwrap_or_default(), now_ms)?;
        if !route.settings.as_ref().is_some_and(|settings| settings.decompress_requests) {
            return Ok(None);
        }
        let Some(coding) = ContentCoding::parse(coding).filter(|_| codings.next().is_none()) else {
            plugin.count_request(&route, Refusal::Unknown.as_str());
            return Ok(Some(Err(Refusal::Unknown)));
        };
        Ok(Some(Ok(Decompression { request: request.clone(), route, coding })))
    }

    /// Whether so many bytes may be held.
    pub fn may_hold(&self, plugin: &Compression, size: usize) -> Result<(), Refusal> {
        let fits = size <= plugin.config.max_request_bytes;
        fits.then_some(()).ok_or_else(|| self.refuse(plugin, Refusal::TooLong))
    }

    /// Puts the body as it was before compression into the place of what the host holds, `size` bytes. If the host refuses
    /// that, the request goes on as it came.
    pub fn finish(&self, plugin: &Compression, size: usize) -> Result<(), Refusal> {
        let outcome = match Body::Request.read(size) {
            Ok(body) => self.put(&self.decode(plugin, &body)?).map_or(HOST_ERROR, |()| "decompressed"),
            Err(_) => HOST_ERROR,
        };
        self.count(plugin, outcome);
        Ok(())
    }

    fn decode(&self, plugin: &Compression, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        let config = &plugin.config;
        let limit = config.max_request_bytes.min(body.len().saturating_mul(config.max_request_ratio));
        decode(self.coding, body, limit).map_err(|error| {
            let refusal = match error {
                DecodeError::Malformed => Refusal::Malformed(self.coding),
                DecodeError::TooLong => Refusal::TooLong,
            };
            self.refuse(plugin, refusal)
        })
    }

    fn put(&self, decoded: &[u8]) -> Result<(), HostError> {
        let untrue = UNTRUE.into_iter().filter(|name| self.request.contains(name)).map(Change::Remove);
        let length = Change::Set("content-length", decoded.len().to_string().into_bytes());
        let changes: Vec<Change> = untrue.chain([length]).collect();
        headers::apply(HeaderMap::Request, &self.request, &changes)?;
        Body::Request
            .replace(decoded)
            .inspect_err(|_| headers::undo(HeaderMap::Request, &self.request, &changes))
    }

    fn refuse(&self, plugin: &Compression, refusal: Refusal) -> Refusal {
        self.count(plugin, refusal.as_str());
        refusal
    }

    fn count(&self, plugin: &Compression, outcome: &str) {
        plugin.count_request(&self.route, outcome);
    }
}

impl Refusal {
    const fn as_str(self) -> &'static str {
        match self {
            Refusal::Malformed(_) => "malformed",
            Refusal::TooLong => "too_long",
            Refusal::Unknown => "unknown_coding",
        }
    }

    /// Answers the request.
    pub fn reply(self, plugin: &Compression) -> Action {
        let known = ContentCoding::ALL.map(ContentCoding::as_str).join(", ");
        let config = &plugin.config;
        let (status, text) = match self {
            Refusal::Malformed(coding) => {
                (400, format!("The request's body is not valid {}.\n", coding.as_str()))
            }
            Refusal::TooLong => (
                413,
                format!(
                    "The request's body has more than {} bytes when it is decompressed, or more than {} times its \
                     compressed size.\n",
                    config.max_request_bytes, config.max_request_ratio
                ),
            ),
            Refusal::Unknown => {
                (415, format!("The request's Content-Encoding is none of {known}, or more than one.\n"))
            }
        };
        let kind = ("content-type", "text/plain; charset=utf-8");
        let accepted = (self == Refusal::Unknown).then_some(("accept-encoding", known.as_str()));
        let fields = [kind].into_iter().chain(accepted);
        let fields = HeaderBlock::new(fields.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        let _ = send_local_reply(status, "slipstream_decompression", &fields, text.as_bytes());
        Action::Pause
    }
}
