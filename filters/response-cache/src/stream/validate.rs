//! Stored responses that are no longer fresh: asking the origin whether they are still good, and serving them when it fails.

use super::answer::{answer, ttl_of_stale};
use super::keep::not_stored;
use super::{Asked, CacheStream, Fetch};
use crate::measures::StaleReason;
use crate::stored::{Answer, Stored};
use cache_policy::cache_status::CacheStatus;
use cache_policy::stale;
use http_semantics::Fields;
use invalidation::Verdict;
use slipstream_host::{Action, HeaderMap, Headers, HostError, Moment};

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
        let Some(fields) = self.freshened(&fetch.asked, stored, response) else {
            return Ok(Action::Continue);
        };
        let status = stored.status();
        // One that speaks of another response updates nothing: what was asked for is still good, as it is.
        let (fields, verdict) = if stale::is_about(&stored.entry.headers, response) {
            let verdict = self.storable(&fetch, status, &fields, None);
            (fields, verdict)
        } else {
            (Fields::iter(&stored.entry.headers).collect(), Err(not_stored::VALIDATOR))
        };
        let age_seconds = verdict.as_ref().map_or(0, |keepable| keepable.storable.initial_age_ms / 1000);
        let told = CacheStatus::Forward {
            reason: fetch.reason,
            status: Some(304),
            stored: verdict.is_ok(),
            detail: verdict.as_ref().err().copied(),
        };
        let freshened = Freshened { stored, fields };
        answer(&fetch.asked, &freshened, age_seconds, told, VALIDATED)?;
        let Fetch { asked: Asked { question, .. }, lead, .. } = fetch;
        match verdict {
            Err(reason) => self.refuse(&question.route, reason, lead),
            Ok(keepable) => {
                let mut collected = keepable.collect(&question, status, freshened.fields.into_iter(), lead);
                collected.entry.body.clone_from(&stored.entry.body);
                self.store(collected);
            }
        }
        Ok(Action::Pause)
    }

    /// The response to a HEAD freshens a stored response to a GET if it is about the same representation (RFC 9111 §4.3.5).
    pub(super) fn freshen_by_head(&mut self, fetch: &Fetch, stored: &Stored, response: &Headers) {
        let is_same = stale::is_same_representation(stored.fields(), stored.body().len() as u64, response);
        if !is_same || stored.status() != 200 || response.status() != Some(200) {
            return;
        }
        let Some(fields) = self.freshened(&fetch.asked, stored, response) else { return };
        if let Ok(keepable) = self.storable(fetch, 200, &fields, None) {
            let question = fetch.asked.question.clone();
            let mut collected = keepable.collect(&question, 200, fields.into_iter(), None);
            collected.entry.body.clone_from(&stored.entry.body);
            self.store(collected);
        }
    }

    fn freshened<'a>(
        &self,
        asked: &Asked,
        stored: &'a Stored,
        response: &'a Headers,
    ) -> Option<Vec<(&'a [u8], &'a [u8])>> {
        let route = asked.question.route.settings.as_ref()?;
        Some(stale::freshened(&stored.entry.headers, response, &self.plugin.policy, route))
    }

    /// Serves a stale response because its origin fails, if it may be.
    pub(super) fn serve_on_error(&self, asked: &Asked, stored: &Stored) -> bool {
        let now = Moment::now();
        let times = stored.times();
        let is_soft = match self.plugin.judge(stored, now.ms()) {
            Some(Verdict::Valid) => false,
            Some(Verdict::Stale) => true,
            _ => return false,
        };
        let stale_ms = times.stale_ms(now.ms()).max(u64::from(is_soft));
        let Some(windows) = asked.windows(stored.fields(), &self.plugin.policy) else { return false };
        if stale::is_failure(stored.status())
            || stale_ms == 0
            || self.plugin.must_keep_out()
            || !windows.allow_on_error(stale_ms)
        {
            return false;
        }
        let told = CacheStatus::Hit { ttl_seconds: ttl_of_stale(stale_ms) };
        let age_seconds = times.age_ms(now.ms()) / 1000;
        let is_served = matches!(answer(asked, stored, age_seconds, told, STALE), Ok(true));
        if is_served {
            self.plugin.measures.borrow_mut().stale_served(StaleReason::Error);
        }
        is_served
    }
}
