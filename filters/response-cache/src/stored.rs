//! A stored response, ready to be sent.

use cache_policy::cache_status::CacheStatus;
use cache_policy::reuse::Times;
use cache_protocol::Entry;
use http_semantics::Fields;
use slipstream_host::HeaderBlock;
use std::cell::RefCell;
use std::rc::Rc;

/// A stored response. The headers of its answers are made once a second, not once a hit: only Age and the time left
/// change.
pub struct Stored {
    /// The response.
    pub entry: Entry,
    rendered: RefCell<Option<Rendered>>,
}

struct Rendered {
    age_seconds: u64,
    headers: Rc<HeaderBlock>,
}

/// What an entry takes beside its key, headers and body: tables, pointers, allocator.
const OVERHEAD_BYTES: u64 = 512;
/// What the fields take that are added to an answer.
const ADDED_FIELDS_BYTES: usize = 128;

impl Stored {
    /// A response to send.
    pub fn new(entry: Entry) -> Stored {
        Stored { entry, rendered: RefCell::new(None) }
    }

    /// When it came and how long it is fresh.
    pub fn times(&self) -> Times {
        Times {
            response_time_ms: self.entry.response_time_ms,
            initial_age_ms: self.entry.initial_age_ms,
            freshness_lifetime_ms: self.entry.freshness_lifetime_ms,
        }
    }

    /// First value of a stored field.
    pub fn field(&self, name: &'static str) -> Option<&[u8]> {
        self.entry.headers.first(name)
    }

    /// The headers of an answer with the whole response.
    pub fn headers(&self, age_seconds: u64, ttl_seconds: u64) -> Rc<HeaderBlock> {
        let mut rendered = self.rendered.borrow_mut();
        match rendered.as_ref() {
            Some(known) if known.age_seconds == age_seconds => known.headers.clone(),
            _ => {
                let headers = Rc::new(self.render(age_seconds, ttl_seconds, |_| true));
                *rendered = Some(Rendered { age_seconds, headers: headers.clone() });
                headers
            }
        }
    }

    /// The headers of a 304: what its 200 would have sent of these (RFC 9110 §15.4.5).
    pub fn not_modified_headers(&self, age_seconds: u64, ttl_seconds: u64) -> HeaderBlock {
        const KEPT: [&str; 7] =
            ["cache-control", "content-location", "date", "etag", "expires", "last-modified", "vary"];
        self.render(age_seconds, ttl_seconds, |name| {
            KEPT.iter().any(|kept| name.eq_ignore_ascii_case(kept.as_bytes()))
        })
    }

    fn render(&self, age_seconds: u64, ttl_seconds: u64, keep: impl Fn(&[u8]) -> bool + Copy) -> HeaderBlock {
        let status = CacheStatus::Hit { ttl_seconds: i64::try_from(ttl_seconds).unwrap_or(i64::MAX) };
        let mut cache_status = String::new();
        status.write(&mut cache_status);
        let age = age_seconds.to_string();
        let added: [(&str, &str); 3] =
            [("age", &age), ("cache-status", &cache_status), ("x-cache", status.x_cache())];
        let stored = Fields::iter(&self.entry.headers).filter(|(name, _)| keep(name));
        // Collected because the encoder walks it three times.
        let fields: Vec<(&[u8], &[u8])> = stored.chain(Fields::iter(&added)).collect();
        HeaderBlock::new(fields.into_iter())
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
