//! A stored response, ready to be sent.

use cache_policy::cache_status::CacheStatus;
use cache_policy::reuse::Times;
use cache_protocol::{Entry, View};
use http_semantics::Fields;
use invalidation::{InvalidationSet, Position};
use slipstream_host::HeaderBlock;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A stored response that can answer a request, wherever it lies.
pub trait Answer {
    /// When it came and how long it is fresh.
    fn times(&self) -> Times;
    /// The status code.
    fn status(&self) -> u16;
    /// First value of a stored field.
    fn field(&self, name: &'static str) -> Option<&[u8]>;
    /// The content.
    fn body(&self) -> &[u8];
    /// The headers of an answer with the whole response.
    fn headers(&self, age_seconds: u64, ttl_seconds: u64) -> Rc<HeaderBlock>;
    /// The headers of a 304: what its 200 would have sent of these (RFC 9110 §15.4.5).
    fn not_modified_headers(&self, age_seconds: u64, ttl_seconds: u64) -> HeaderBlock;
}

/// A response in L1. The headers of its answers are made once a second, not once a hit: only Age and the time left
/// change.
pub struct Stored {
    /// The response.
    pub entry: Entry,
    rendered: RefCell<Option<Rendered>>,
    /// Where the log stood when it was last judged to admit the entry.
    admitted_at: Cell<Option<Position>>,
}

struct Rendered {
    age_seconds: u64,
    headers: Rc<HeaderBlock>,
}

/// What an entry takes beside its key, headers and body: tables, pointers, allocator.
const OVERHEAD_BYTES: u64 = 512;
/// What the fields take that are added to an answer.
const ADDED_FIELDS_BYTES: usize = 128;

impl Answer for Stored {
    fn times(&self) -> Times {
        Times {
            response_time_ms: self.entry.response_time_ms,
            initial_age_ms: self.entry.initial_age_ms,
            freshness_lifetime_ms: self.entry.freshness_lifetime_ms,
        }
    }

    fn status(&self) -> u16 {
        self.entry.status
    }

    fn field(&self, name: &'static str) -> Option<&[u8]> {
        self.entry.headers.first(name)
    }

    fn body(&self) -> &[u8] {
        &self.entry.body
    }

    fn headers(&self, age_seconds: u64, ttl_seconds: u64) -> Rc<HeaderBlock> {
        let mut rendered = self.rendered.borrow_mut();
        match rendered.as_ref() {
            Some(known) if known.age_seconds == age_seconds => known.headers.clone(),
            _ => {
                let headers = Rc::new(whole(&self.entry.headers, age_seconds, ttl_seconds));
                *rendered = Some(Rendered { age_seconds, headers: headers.clone() });
                headers
            }
        }
    }

    fn not_modified_headers(&self, age_seconds: u64, ttl_seconds: u64) -> HeaderBlock {
        not_modified(&self.entry.headers, age_seconds, ttl_seconds)
    }
}

impl Answer for View<'_> {
    fn times(&self) -> Times {
        Times {
            response_time_ms: self.response_time_ms,
            initial_age_ms: self.initial_age_ms,
            freshness_lifetime_ms: self.freshness_lifetime_ms,
        }
    }

    fn status(&self) -> u16 {
        self.status
    }

    fn field(&self, name: &'static str) -> Option<&[u8]> {
        self.headers.first(name)
    }

    fn body(&self) -> &[u8] {
        self.body
    }

    fn headers(&self, age_seconds: u64, ttl_seconds: u64) -> Rc<HeaderBlock> {
        Rc::new(whole(&self.headers, age_seconds, ttl_seconds))
    }

    fn not_modified_headers(&self, age_seconds: u64, ttl_seconds: u64) -> HeaderBlock {
        not_modified(&self.headers, age_seconds, ttl_seconds)
    }
}

impl Stored {
    /// A response to keep.
    pub fn new(entry: Entry) -> Stored {
        Stored { entry, rendered: RefCell::new(None), admitted_at: Cell::new(None) }
    }

    /// Whether nothing in the log invalidates it.
    pub fn is_admitted_by(&self, log: &InvalidationSet) -> bool {
        let position = log.position();
        if self.admitted_at.get() == Some(position) {
            return true;
        }
        let is_admitted = log.admits(&self.entry.key, &self.entry.tags, self.entry.position);
        self.admitted_at.set(is_admitted.then_some(position));
        is_admitted
    }

    /// Bytes it takes in memory, with the headers rendered.
    pub fn weight(&self) -> u64 {
        let fields: usize = self.entry.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        let per_field = 2 * (size_of::<Vec<u8>>() + 8) + 10;
        let headers = 2 * fields + per_field * self.entry.headers.len() + ADDED_FIELDS_BYTES;
        let tags: usize = self.entry.tags.iter().map(|tag| tag.len() + 24).sum();
        (2 * self.entry.key.len() + headers + tags + self.entry.body.len()) as u64 + OVERHEAD_BYTES
    }
}

fn whole(fields: &impl Fields, age_seconds: u64, ttl_seconds: u64) -> HeaderBlock {
    render(fields, age_seconds, hit(ttl_seconds))
}

fn not_modified(fields: &impl Fields, age_seconds: u64, ttl_seconds: u64) -> HeaderBlock {
    render_not_modified(fields, age_seconds, hit(ttl_seconds))
}

fn hit(ttl_seconds: u64) -> CacheStatus {
    CacheStatus::Hit { ttl_seconds: i64::try_from(ttl_seconds).unwrap_or(i64::MAX) }
}

/// The headers of an answer with these stored fields.
pub fn render(fields: &(impl Fields + ?Sized), age_seconds: u64, status: CacheStatus) -> HeaderBlock {
    render_those(fields, age_seconds, status, |_| true)
}

/// The headers of a 304 in its place.
pub fn render_not_modified(
    fields: &(impl Fields + ?Sized),
    age_seconds: u64,
    status: CacheStatus,
) -> HeaderBlock {
    const KEPT: [&str; 7] =
        ["cache-control", "content-location", "date", "etag", "expires", "last-modified", "vary"];
    render_those(fields, age_seconds, status, |name| {
        KEPT.iter().any(|kept| name.eq_ignore_ascii_case(kept.as_bytes()))
    })
}

fn render_those(
    fields: &(impl Fields + ?Sized),
    age_seconds: u64,
    status: CacheStatus,
    keep: impl Fn(&[u8]) -> bool,
) -> HeaderBlock {
    let mut cache_status = String::new();
    status.write(&mut cache_status);
    let age = age_seconds.to_string();
    let added: [(&str, &str); 3] =
        [("age", &age), ("cache-status", &cache_status), ("x-cache", status.x_cache())];
    let stored = fields.iter().filter(|(name, _)| keep(name));
    // Collected because the encoder walks it three times.
    let fields: Vec<(&[u8], &[u8])> = stored.chain(Fields::iter(&added)).collect();
    HeaderBlock::new(fields.into_iter())
}
