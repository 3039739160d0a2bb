//! Whether a response may be stored, and how.

use super::asked::Asked;
use super::keep::not_stored;
use super::lead::Lead;
use super::{CacheStream, Collected, Fetch};
use crate::question::Question;
use crate::variants::TooMany;
use cache_policy::request::BypassReason;
use cache_policy::stale;
use cache_policy::store::{self, NotStored, Storable};
use cache_policy::tags::{self, BadTags};
use cache_policy::vary;
use cache_protocol::Entry;
use cache_protocol::names::MAX_TARGET_BYTES;
use http_semantics::Fields;
use invalidation::Position;
use slipstream_host::unix_ms;
use std::rc::Rc;

/// What it takes to store a response, beside the response.
pub(super) struct Keepable {
    pub(super) storable: Storable,
    /// How long it is worth keeping.
    keep_ms: u64,
    key: String,
    /// What is stored under the key itself, if its responses vary and that is news.
    variants: Option<(Entry, u64)>,
    position: Position,
    tags: Vec<String>,
    response_time_ms: u64,
    max_bytes: u64,
}

impl Keepable {
    /// What is stored, but for the content.
    pub(super) fn collect<'a>(
        self,
        question: &Question,
        status: u16,
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        lead: Option<Lead>,
    ) -> Collected {
        let entry = Entry {
            key: self.key,
            position: self.position,
            response_time_ms: self.response_time_ms,
            initial_age_ms: self.storable.initial_age_ms,
            freshness_lifetime_ms: self.storable.freshness_lifetime_ms,
            status,
            tags: self.tags,
            headers: fields.map(|(name, value)| (name.to_vec(), value.to_vec())).collect(),
            body: Vec::new(),
        };
        Collected {
            entry,
            keep_ms: self.keep_ms,
            variants: self.variants,
            route: question.route.clone(),
            announced_bytes: None,
            max_bytes: self.max_bytes,
            lead,
        }
    }
}

impl CacheStream {
    /// Whether a response with these fields may be stored, and how.
    pub(super) fn storable(
        &self,
        fetch: &Fetch,
        status: u16,
        response: &impl Fields,
        content_length: Option<u64>,
    ) -> Result<Keepable, &'static str> {
        let Fetch { asked, .. } = fetch;
        let Some(settings) = &asked.question.route.settings else {
            return Err(BypassReason::Disabled.as_str());
        };
        let (config, policy) = (&self.plugin.config, &self.plugin.policy);
        let unix_ms = unix_ms();
        let storable = store::decide(&asked.request, status, response, policy, settings, unix_ms)
            .map_err(NotStored::as_str)?;
        let max_bytes = settings.storing.max_entry_bytes.unwrap_or(u64::MAX).min(config.max_entry_bytes);
        if content_length.is_some_and(|length| length > max_bytes) {
            return Err(not_stored::SIZE);
        }
        let mut tags = tags::of_response(response, &config.tag_headers, &settings.tags)
            .map_err(|BadTags| not_stored::TAGS)?;
        tags.extend(asked.question.key.path_tag.clone());
        let position = fetch.position.ok_or(not_stored::NO_POSITION)?;
        let windows = stale::Windows::of(response, policy, settings);
        let keep_ms = storable.ttl_ms().saturating_add(windows.keep_ms(response, settings));
        if keep_ms == 0 {
            return Err(NotStored::Stale.as_str());
        }
        let (key, variants) = self.place(asked, &storable.vary, position, keep_ms, unix_ms)?;
        Ok(Keepable {
            storable,
            keep_ms,
            key,
            variants,
            position,
            tags,
            response_time_ms: unix_ms,
            max_bytes,
        })
    }

    /// Under which key a response is stored that was chosen by these request fields, and what then stands under the
    /// key itself.
    fn place(
        &self,
        asked: &Asked,
        vary: &[String],
        position: Position,
        keep_ms: u64,
        unix_ms: u64,
    ) -> Result<(String, Option<(Entry, u64)>), &'static str> {
        let full = &asked.question.key.full;
        let known = asked.variant.as_ref().map(|variant| Rc::clone(&variant.of)).unwrap_or_default();
        let names = vary::union(&known.names, vary.to_vec()).ok_or(NotStored::Vary.as_str())?;
        if names.is_empty() {
            return Ok((full.clone(), None));
        }
        let key = vary::key(full, &names, &asked.request);
        if key.len() > MAX_TARGET_BYTES {
            return Err(super::LONG_KEY);
        }
        let most = self.plugin.config.max_variants;
        let variants = known
            .with(names, &key, unix_ms.saturating_add(keep_ms), unix_ms, most)
            .map_err(|TooMany| not_stored::VARIANTS)?;
        let tags = asked.question.key.path_tag.iter().cloned().collect();
        Ok((key, variants.map(|variants| variants.into_entry(full, tags, position, unix_ms))))
    }
}
