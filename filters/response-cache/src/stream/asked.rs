//! A request that a stored response may answer, and what one is worth to it.

use super::refresh::Refreshing;
use crate::measures::StaleReason;
use crate::plugin::ResponseCache;
use crate::question::Question;
use crate::stored::Stored;
use crate::variants::Variants;
use cache_policy::Policy;
use cache_policy::cache_status::Forward;
use cache_policy::reuse::{self, Reuse, Times};
use cache_policy::stale::Windows;
use http_semantics::Fields;
use slipstream_host::{Headers, Moment};
use std::rc::Rc;

/// A request that a stored response may answer.
pub(super) struct Asked {
    pub(super) question: Rc<Question>,
    pub(super) request: Headers,
    pub(super) began: Moment,
    /// Which of several, where the key's responses vary.
    pub(super) variant: Option<Variant>,
    /// Set if it is no client's, but a refresh.
    pub(super) refreshing: Option<Refreshing>,
    /// What L1 has for it, and why that will not do as it is.
    pub(super) held: Option<(Rc<Stored>, Forward)>,
    /// Its own question, while it is looked for elsewhere.
    own: Option<Rc<Question>>,
}

/// One of the variants of a key.
pub(super) struct Variant {
    pub(super) key: String,
    /// What is known of all of them.
    pub(super) of: Rc<Variants>,
}

/// What a stored response is worth to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worth {
    /// It answers it.
    Fresh { age_seconds: u64, ttl_seconds: u64 },
    /// It answers it although it became stale so long ago.
    Stale { age_seconds: u64, stale_ms: u64, reason: StaleReason },
    /// Its origin has to be asked: it is stale.
    Old,
    /// Its origin has to be asked: the client wants something fresher.
    Unwanted,
}

impl Asked {
    pub(super) fn new(
        question: Rc<Question>,
        request: Headers,
        began: Moment,
        refreshing: Option<Refreshing>,
    ) -> Asked {
        Asked { question, request, began, variant: None, refreshing, held: None, own: None }
    }

    /// The key to look under.
    pub(super) fn key(&self) -> &str {
        self.variant.as_ref().map_or(&self.question.key.full, |variant| &variant.key)
    }

    /// Goes on with the variant that is asked for of those that are stored.
    pub(super) fn choose(&mut self, of: Rc<Variants>) {
        let key = of.key(&self.question.key.full, &self.request);
        self.variant = Some(Variant { key, of });
    }

    /// Goes on with what is stored under the key itself.
    pub(super) fn forget_variant(&mut self) {
        self.variant = None;
    }

    /// Goes on where parts of it may be stored too; false if there is no further such place.
    pub(super) fn go_elsewhere(&mut self) -> bool {
        let Some(elsewhere) = self.question.elsewhere.clone() else { return false };
        let left = std::mem::replace(&mut self.question, elsewhere);
        self.own.get_or_insert(left);
        self.variant = None;
        true
    }

    /// Whether it is looked for elsewhere.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.own.is_some()
    }

    /// Goes back to its own question.
    pub(super) fn come_back(&mut self) {
        if let Some(own) = self.own.take() {
            self.question = own;
            self.variant = None;
        }
    }

    /// What a stored response with these fields and times is worth. `is_soft`: an invalidation has made it stale;
    /// `now_ms`: by the clock of its times.
    pub(super) fn worth(
        &self,
        fields: &impl Fields,
        times: &Times,
        is_soft: bool,
        plugin: &ResponseCache,
        now_ms: u64,
    ) -> Worth {
        let lookup = &self.question.lookup;
        if self.refreshing.is_some() {
            return Worth::Old;
        }
        if !lookup.may_use_stored {
            return Worth::Unwanted;
        }
        match reuse::decide(times, &lookup.cache_control, now_ms) {
            Reuse::Fresh { age_seconds, ttl_seconds } if !is_soft => {
                Worth::Fresh { age_seconds, ttl_seconds }
            }
            Reuse::Unwanted if !is_soft => Worth::Unwanted,
            _ => self.worth_of_stale(fields, times, is_soft, plugin, now_ms),
        }
    }

    fn worth_of_stale(
        &self,
        fields: &impl Fields,
        times: &Times,
        is_soft: bool,
        plugin: &ResponseCache,
        now_ms: u64,
    ) -> Worth {
        let Some(windows) = self.windows(fields, &plugin.policy) else { return Worth::Old };
        let directives = &self.question.lookup.cache_control;
        let stale_ms = times.stale_ms(now_ms).max(1);
        let age_seconds = times.age_ms(now_ms) / 1000;
        let wants_fresh = directives.max_age.is_some() || directives.min_fresh.is_some();
        let reason = if !is_soft && windows.allow_for(directives, stale_ms) {
            StaleReason::MaxStale
        } else if plugin.config.refresh.is_some()
            && !wants_fresh
            && windows.allow_while_revalidating(stale_ms)
        {
            StaleReason::Revalidating
        } else {
            return Worth::Old;
        };
        Worth::Stale { age_seconds, stale_ms, reason }
    }

    /// How long past its lifetime a stored response with these fields may be served.
    pub(super) fn windows(&self, fields: &impl Fields, policy: &Policy) -> Option<Windows> {
        let route = self.question.route.settings.as_ref()?;
        Some(Windows::of(fields, policy, route))
    }
}
