//! Stored responses that are no longer fresh: asking the origin whether they are still good, and serving them when it fails.

use super::seek::answer;
use super::{Asked, CacheStream, Fetch};
use crate::stored::{Answer, Stored};
use cache_policy::cache_status::CacheStatus;
use cache_policy::stale;
use http_semantics::Fields;
use slipstream_host::{Action, HeaderMap, Headers, HostError, now_ms};

const VALIDATED: &str = "slipstream_cache_validated";
const STALE: &str = "slipstream_cache_stale";

/// A stored response with the fields that a 304 has given it.
struct Freshened<'a> {
    stored: &'a Stored,
    fields: Vec<(&'a [u8], &'a [u8])>,
}

impl Answer for Freshened<'_> {
    fn status(&self) -> u16 {
        self.stored.status()
    }

    fn fields(&self) -> &impl Fields {
        &self.fields
    }

    fn body(&self) -> &[u8] {
        self.stored.body()
    }
}

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
        fetch: Fetch,
        stored: &Stored,
        response: &Headers,
    ) -> Result<Action, HostError> {
        self.plugin.measures.borrow_mut().validated(true);
        let status = stored.status();
        let fields = stale::freshened(&stored.entry.headers, response);
        let verdict = self.storable(&fetch, status, &fields, None);
        let age_seconds = verdict.as_ref().map_or(0, |keepable| keepable.storable.initial_age_ms / 1000);
        let told = CacheStatus::Forward {
            reason: fetch.reason,
            status: Some(304),
            stored: verdict.is_ok(),
            detail: None,
        };
        let freshened = Freshened { stored, fields };
        answer(&fetch.asked, &freshened, age_seconds, told, VALIDATED)?;
        let Fetch { asked: Asked { question, .. }, lead, .. } = fetch;
        match verdict {
            Err(reason) => self.refuse(&question.route, reason, lead),
            Ok(keepable) => {
                let keep_ms = keepable.keep_ms;
                let mut entry = keepable.into_entry(&question.key, status, freshened.fields.into_iter());
                entry.body.clone_from(&stored.entry.body);
                self.store(entry, keep_ms, &question.route, lead);
            }
        }
        Ok(Action::Pause)
    }

    /// Serves a stale response because its origin fails, if it may be.
    pub(super) fn serve_on_error(&self, asked: &Asked, stored: &Stored) -> bool {
        let now_ms = now_ms();
        let times = stored.times();
        let stale_ms = times.stale_ms(now_ms);
        let Some(settings) = &asked.question.route.settings else { return false };
        if stale_ms == 0
            || self.plugin.must_keep_out()
            || !self.plugin.admits(stored, now_ms)
            || !stale::may_serve_on_error(stored.fields(), &settings.policy, stale_ms)
        {
            return false;
        }
        let ttl_seconds = -i64::try_from(stale_ms.div_ceil(1000)).unwrap_or(i64::MAX);
        let told = CacheStatus::Hit { ttl_seconds };
        let age_seconds = times.age_ms(now_ms) / 1000;
        let is_served = answer(asked, stored, age_seconds, told, STALE).is_ok();
        if is_served {
            self.plugin.measures.borrow_mut().stale_served();
        }
        is_served
    }
}
