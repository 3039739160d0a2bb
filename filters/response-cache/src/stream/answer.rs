//! Answering with a stored response.

use super::asked::{Asked, Worth};
use super::{CacheStream, State};
use crate::measures::Lookup as Outcome;
use crate::stored::Answer;
use cache_policy::cache_status::CacheStatus;
use cache_policy::conditional;
use cache_policy::range::{self, Parts};
use http_semantics::Fields;
use slipstream_host::{HostError, random, send_local_reply};

const DETAILS: &str = "slipstream_cache_hit";
const STALE_DETAILS: &str = "slipstream_cache_stale";

impl CacheStream {
    /// Answers the request with a stored response that is worth it; false if it does not hold what is asked for, or the
    /// host does not let it.
    pub(super) fn serve(
        &mut self,
        asked: &Asked,
        stored: &impl Answer,
        worth: Worth,
        outcome: Outcome,
    ) -> bool {
        let (age_seconds, ttl_seconds, details) = match worth {
            Worth::Fresh { age_seconds, ttl_seconds } => {
                (age_seconds, i64::try_from(ttl_seconds).unwrap_or(i64::MAX), DETAILS)
            }
            Worth::Stale { age_seconds, stale_ms, .. } => {
                (age_seconds, ttl_of_stale(stale_ms), STALE_DETAILS)
            }
            Worth::Old | Worth::Unwanted => return false,
        };
        if asked.is_elsewhere() && stored.fields().contains("content-encoding") {
            return false;
        }
        let told = CacheStatus::Hit { ttl_seconds };
        if !matches!(answer(asked, stored, age_seconds, told, details), Ok(true)) {
            return false;
        }
        if let Worth::Stale { reason, .. } = worth {
            self.plugin.measures.borrow_mut().stale_served(reason);
        }
        self.state = State::Done;
        self.count(asked, outcome, true);
        true
    }
}

/// What is left of the lifetime of a response that became stale so long ago, in seconds: less than nothing.
pub(super) fn ttl_of_stale(stale_ms: u64) -> i64 {
    -i64::try_from(stale_ms.div_ceil(1000)).unwrap_or(i64::MAX)
}

/// Answers a request with a stored response, or with a 304 or parts of it if that is what is asked for. `details` are the
/// response code details of the access log. False if the parts are not stored.
pub(super) fn answer(
    asked: &Asked,
    stored: &impl Answer,
    age_seconds: u64,
    told: CacheStatus,
    details: &str,
) -> Result<bool, HostError> {
    let (status, fields, body) = (stored.status(), stored.fields(), stored.body());
    if asked.question.is_conditional && status == 200 && conditional::not_modified(&asked.request, fields) {
        return send_local_reply(304, details, &stored.not_modified_headers(age_seconds, told), b"")
            .map(|()| true);
    }
    // A Range field says nothing with HEAD (RFC 9110 §14.2).
    let parts = if asked.question.lookup.head && status == 206 {
        Parts::Missing
    } else if asked.question.lookup.range || status == 206 {
        range::decide(&asked.request, status, fields, body.len() as u64)
    } else {
        Parts::Whole
    };
    let send_parts = |status, own: &[(&str, &str)], content: &[u8]| {
        send_local_reply(status, details, &stored.part_headers(age_seconds, told, own), content)
    };
    match parts {
        Parts::Missing => return Ok(false),
        Parts::Whole if status == 206 => send_parts(200, &[], body)?,
        // The host leaves the body of an answer to HEAD out, and keeps its length.
        Parts::Whole => send_local_reply(status, details, &stored.headers(age_seconds, told), body)?,
        Parts::One(part) => {
            let bytes = range::slice(status, fields, body, &part);
            send_parts(206, &[("content-range", &range::content_range(&part))], bytes)?;
        }
        Parts::Several(parts) => {
            let boundary = format!("slipstream-{:016x}", random::number());
            let parts = parts.iter().map(|part| (part, range::slice(status, fields, body, part)));
            let content = range::multipart(&boundary, fields.first("content-type"), parts);
            let content_type = format!("multipart/byteranges; boundary={boundary}");
            send_parts(206, &[("content-type", &content_type)], &content)?;
        }
        Parts::Unsatisfiable(complete) => {
            send_parts(416, &[("content-range", &format!("bytes */{complete}"))], b"")?;
        }
    }
    Ok(true)
}
