//! Stored responses that are no longer fresh: asking the origin whether they are still good, and serving them when it fails.

use super::{Asked, CacheStream, Fetch};
use crate::stored::{Answer, Stored, render, render_not_modified};
use cache_policy::cache_status::CacheStatus;
use cache_policy::{conditional, stale};
use http_semantics::Fields;
use slipstream_host::{Action, HeaderMap, Headers, HostError, now_ns, send_local_reply};

const VALIDATED: &str = "slipstream_cache_validated";
const STALE: &str = "slipstream_cache_stale";

/// Makes the request ask its origin whether a stored response is still good (RFC 9111 §4.3.1). Conditions of the client's
/// own give way: they are judged when that is known. False if the request goes on as it is.
pub(super) fn ask_if_modified(stored: &Stored, request: &Headers) -> bool {
    let mut conditions = vec!["if-none-match", "if-modified-since"];
    let mut is_asked = false;
    for (name, value) in &stale::validators(&stored.entry.headers) {
        if HeaderMap::Request.set(name, value).is_ok() {
            is_asked = true;
            conditions.retain(|condition| condition != name);
        }
    }
    for own in conditions {
        if is_asked && request.contains(own) {
            let _ = HeaderMap::Request.remove(own);
        }
    }
    is_asked
}

impl CacheStream {
    /// The origin says that a stored response is still good: it is freshened, stored, and answers the request.
    pub(super) fn validated(
        &mut self,
        mut fetch: Fetch,
        stored: &Stored,
        response: &Headers,
    ) -> Result<Action, HostError> {
        self.plugin.measures.borrow_mut().validated(true);
        let status = stored.status();
        let fields = stale::freshened(&stored.entry.headers, response);
        let verdict = self.storable(&fetch, status, &fields, None);
        let age_seconds = verdict.as_ref().map_or(0, |keepable| keepable.storable.initial_age_ms / 1000);
        let told = CacheStatus::Validated { reason: fetch.reason, stored: verdict.is_ok() };
        self.answer(&fetch.asked, stored, &fields, age_seconds, told, VALIDATED)?;
        let lead = fetch.lead.take();
        match verdict {
            Err(reason) => self.refuse(&fetch.asked.question.route, reason, lead),
            Ok(_) if self.plugin.must_keep_out() => {}
            Ok(keepable) => {
                let mut entry = keepable.entry(&fetch.asked.question.key, status, fields.into_iter());
                entry.body.clone_from(&stored.entry.body);
                self.store(entry, keepable.keep_ms, lead);
            }
        }
        Ok(Action::Pause)
    }

    /// Serves a stale response because its origin fails, if it may be.
    pub(super) fn serve_on_error(&self, asked: &Asked, stored: &Stored) -> bool {
        let now_ms = now_ns() / 1_000_000;
        let times = stored.times();
        let stale_ms = times.stale_ms(now_ms);
        let Some(settings) = &asked.question.route.settings else { return false };
        let fields = &stored.entry.headers;
        if stale_ms == 0
            || self.plugin.must_keep_out()
            || !self.plugin.admits(stored, now_ms)
            || !stale::may_serve_on_error(fields, &settings.policy, stale_ms)
        {
            return false;
        }
        let ttl_seconds = -i64::try_from(stale_ms.div_ceil(1000)).unwrap_or(i64::MAX);
        let told = CacheStatus::Hit { ttl_seconds };
        let age_seconds = times.age_ms(now_ms) / 1000;
        let is_served = self.answer(asked, stored, fields, age_seconds, told, STALE).is_ok();
        if is_served {
            self.plugin.measures.borrow_mut().stale_served();
        }
        is_served
    }

    fn answer(
        &self,
        asked: &Asked,
        stored: &Stored,
        fields: &impl Fields,
        age_seconds: u64,
        told: CacheStatus,
        details: &str,
    ) -> Result<(), HostError> {
        let status = stored.status();
        let (etag, last_modified) = (fields.first("etag"), fields.first("last-modified"));
        if status == 200 && conditional::not_modified(&asked.request, etag, last_modified) {
            return send_local_reply(304, details, &render_not_modified(fields, age_seconds, told), b"");
        }
        send_local_reply(status, details, &render(fields, age_seconds, told), stored.body())
    }
}
