//! The answer to a lookup.

use cache_protocol::{View, names};
use http_semantics::Fields;
use invalidation::Position;
use slipstream_host::{CalloutError, CalloutResponse, Headers};
use std::cell::OnceCell;

/// Who fetches what is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetching {
    /// The asker, under the lease that it has asked for.
    Lead,
    /// Someone else, and the asker may wait.
    Wait,
    /// Everyone for themselves: such answers are not stored.
    Pass,
    /// The companion does not say.
    Unsaid,
}

/// What a lookup has found, in the answer's body.
pub enum Found<'a> {
    /// A response that no invalidation has hit.
    Entry(View<'a>),
    /// Nothing, and where the log stands now.
    Nothing(Position),
    /// An envelope that is damaged, or not what was asked for.
    Damaged,
    /// No usable answer.
    Failed,
}

/// The companion's answer to a lookup. Its headers are copied out of the host once, and only if they are asked for: those
/// of a hit are not.
pub struct LookupAnswer {
    response: Result<CalloutResponse, CalloutError>,
    headers: OnceCell<Option<Headers>>,
}

impl LookupAnswer {
    /// What a callout has brought.
    pub fn new(response: Result<CalloutResponse, CalloutError>) -> LookupAnswer {
        LookupAnswer { response, headers: OnceCell::new() }
    }

    /// Copies the body out of the host. None if there is no usable answer; one of more than `max_bytes` is left there,
    /// and is empty here.
    pub fn body(&self, max_bytes: u64) -> Option<Vec<u8>> {
        let response = self.response.as_ref().ok()?;
        if response.body_size() as u64 > max_bytes {
            return Some(Vec::new());
        }
        response.body().ok()
    }

    /// What has been found under `key`, in the answer's body.
    pub fn found<'a>(&self, key: &str, body: Option<&'a [u8]>) -> Found<'a> {
        let Some(body) = body else { return Found::Failed };
        // An envelope says all, and nothing else decodes as one.
        if let Ok(view) = View::decode(body) {
            return if view.key == key { Found::Entry(view) } else { Found::Damaged };
        }
        match self.headers().and_then(Headers::status) {
            Some(200) => Found::Damaged,
            Some(404) => self.position().map_or(Found::Failed, Found::Nothing),
            _ => Found::Failed,
        }
    }

    /// Who is to fetch what has not been found, or not fresh.
    pub fn fetching(&self) -> Fetching {
        let fetch =
            self.response.as_ref().ok().and_then(|response| response.header(names::FETCH_HEADER).ok()?);
        match fetch.as_deref().map(str::from_utf8) {
            Some(Ok(names::FETCH_LEAD)) => Fetching::Lead,
            Some(Ok(names::FETCH_WAIT)) => Fetching::Wait,
            Some(Ok(names::FETCH_PASS)) => Fetching::Pass,
            _ => Fetching::Unsaid,
        }
    }

    /// Whether the companion says that what it has found was invalidated softly.
    pub fn is_told_stale(&self) -> bool {
        self.headers().is_none_or(|headers| headers.contains(names::STALE_HEADER))
    }

    /// Where the log stood.
    pub fn position(&self) -> Option<Position> {
        self.text(names::POSITION_HEADER)?.parse().ok()
    }

    fn text(&self, name: &'static str) -> Option<&str> {
        str::from_utf8(self.headers()?.first(name)?).ok()
    }

    fn headers(&self) -> Option<&Headers> {
        self.headers.get_or_init(|| self.response.as_ref().ok()?.headers().ok()).as_ref()
    }
}
