//! A stored response, ready to be sent.

use crate::variants::Variants;
use cache_policy::cache_status::CacheStatus;
use cache_policy::reuse::Times;
use cache_protocol::{Entry, View};
use http_semantics::Fields;
use invalidation::{InvalidationSet, Position, Verdict};
use slipstream_host::{HeaderBlock, Moment, unix_ms};
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

/// A response that can answer a request, wherever it lies.
pub trait Answer {
    /// The status code.
    fn status(&self) -> u16;
    /// The header fields.
    fn fields(&self) -> &impl Fields;
    /// The content.
    fn body(&self) -> &[u8];

    /// The headers of an answer with all of it.
    fn headers(&self, age_seconds: u64, told: CacheStatus) -> Rc<HeaderBlock> {
        Rc::new(render(self.fields(), age_seconds, told, |_| true, &[]))
    }

    /// The headers of an answer with parts of it, or with none because there are no such parts (RFC 9110 §15.3.7, §15.5.17).
    /// `own` are those that speak of the parts.
    fn part_headers(&self, age_seconds: u64, told: CacheStatus, own: &[(&str, &str)]) -> HeaderBlock {
        let is_replaced = |name: &[u8]| {
            name.eq_ignore_ascii_case(b"content-range")
                || own.iter().any(|(own, _)| name.eq_ignore_ascii_case(own.as_bytes()))
        };
        render(self.fields(), age_seconds, told, |name| !is_replaced(name), own)
    }

    /// The headers of a 304: what its 200 would have sent of these (RFC 9110 §15.4.5).
    fn not_modified_headers(&self, age_seconds: u64, told: CacheStatus) -> HeaderBlock {
        const KEPT: [&str; 7] =
            ["cache-control", "content-location", "date", "etag", "expires", "last-modified", "vary"];
        render(
            self.fields(),
            age_seconds,
            told,
            |name| KEPT.iter().any(|kept| name.eq_ignore_ascii_case(kept.as_bytes())),
            &[],
        )
    }
}

/// A response in L1. The headers of its answers are made once a second, not once a hit: only Age and the time left
/// change.
pub struct Stored {
    /// The response.
    pub entry: Entry,
    /// When it was taken in, and how old it was then: what becomes of the time of day since makes it no younger.
    since: Moment,
    age_then_ms: u64,
    rendered: RefCell<Option<Rendered>>,
    variants: OnceCell<Rc<Variants>>,
    /// Where the log stood when it last had nothing against the entry.
    valid_at: Cell<Option<Position>>,
}

struct Rendered {
    age_seconds: u64,
    told: CacheStatus,
    headers: Rc<HeaderBlock>,
}

/// What an entry takes beside its key, headers and body: tables, pointers, allocator.
const OVERHEAD_BYTES: u64 = 512;
/// What the fields take that are added to an answer.
const ADDED_FIELDS_BYTES: usize = 128;

impl Answer for Stored {
    fn status(&self) -> u16 {
        self.entry.status
    }

    fn fields(&self) -> &impl Fields {
        &self.entry.headers
    }

    fn body(&self) -> &[u8] {
        &self.entry.body
    }

    fn headers(&self, age_seconds: u64, told: CacheStatus) -> Rc<HeaderBlock> {
        let mut rendered = self.rendered.borrow_mut();
        match rendered.as_ref() {
            Some(known) if known.age_seconds == age_seconds && known.told == told => known.headers.clone(),
            _ => {
                let headers = Rc::new(render(self.fields(), age_seconds, told, |_| true, &[]));
                *rendered = Some(Rendered { age_seconds, told, headers: headers.clone() });
                headers
            }
        }
    }
}

impl Answer for View<'_> {
    fn status(&self) -> u16 {
        self.status
    }

    fn fields(&self) -> &impl Fields {
        &self.headers
    }

    fn body(&self) -> &[u8] {
        self.body
    }
}

/// When a response that lies in an envelope came, by the time of day, and how long it is fresh.
pub fn times_of(view: &View<'_>) -> Times {
    Times {
        response_time_ms: view.response_time_ms,
        initial_age_ms: view.initial_age_ms,
        freshness_lifetime_ms: view.freshness_lifetime_ms,
    }
}

impl Stored {
    /// A response to keep.
    pub fn new(entry: Entry) -> Stored {
        let times = Times {
            response_time_ms: entry.response_time_ms,
            initial_age_ms: entry.initial_age_ms,
            freshness_lifetime_ms: entry.freshness_lifetime_ms,
        };
        Stored {
            entry,
            since: Moment::now(),
            age_then_ms: times.age_ms(unix_ms()),
            rendered: RefCell::new(None),
            variants: OnceCell::new(),
            valid_at: Cell::new(None),
        }
    }

    /// What its key's responses vary by, if it is no response but says so. Read once, not once a hit.
    pub fn variants(&self) -> Option<Rc<Variants>> {
        let read = || Rc::new(Variants::read(&self.entry));
        Variants::are(self.entry.status).then(|| self.variants.get_or_init(read).clone())
    }

    /// When it came, by the clock of [`Moment`], and how long it is fresh.
    pub fn times(&self) -> Times {
        Times {
            response_time_ms: self.since.ms(),
            initial_age_ms: self.age_then_ms,
            freshness_lifetime_ms: self.entry.freshness_lifetime_ms,
        }
    }

    /// What the log says of it.
    pub fn judge(&self, log: &InvalidationSet) -> Verdict {
        let position = log.position();
        if self.valid_at.get() == Some(position) {
            return Verdict::Valid;
        }
        let verdict = log.judge(&self.entry.key, &self.entry.tags, self.entry.position);
        if verdict == Verdict::Valid {
            self.valid_at.set(Some(position));
        }
        verdict
    }

    /// Bytes it takes in memory, with the headers rendered.
    pub fn weight(&self) -> u64 {
        let fields: usize = self.entry.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        let per_field = 2 * (size_of::<Vec<u8>>() + 8) + 10;
        let headers = 2 * fields + per_field * self.entry.headers.len() + ADDED_FIELDS_BYTES;
        let tags: usize = self.entry.tags.iter().map(|tag| tag.len() + 24).sum();
        // Variants are there a second time once they have been read.
        let bodies = if Variants::are(self.entry.status) { 2 } else { 1 };
        (2 * self.entry.key.len() + headers + tags + bodies * self.entry.body.len()) as u64 + OVERHEAD_BYTES
    }
}

fn render(
    fields: &impl Fields,
    age_seconds: u64,
    told: CacheStatus,
    keep: impl Fn(&[u8]) -> bool,
    own: &[(&str, &str)],
) -> HeaderBlock {
    let mut cache_status = String::new();
    told.write(&mut cache_status);
    let age = age_seconds.to_string();
    let added: [(&str, &str); 3] =
        [("age", &age), ("cache-status", &cache_status), ("x-cache", told.x_cache())];
    let stored = Fields::iter(fields).filter(|(name, _)| keep(name));
    // Collected because the encoder walks it three times.
    let fields: Vec<(&[u8], &[u8])> = stored.chain(Fields::iter(own)).chain(Fields::iter(&added)).collect();
    HeaderBlock::new(fields.into_iter())
}
