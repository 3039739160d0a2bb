//! What a request that a stored response may answer asks for, remembered from one such request to the next.

use crate::config::Config;
use cache_policy::RoutePolicy;
use cache_policy::key::Key;
use cache_policy::request::{DECIDING_FIELDS, Lookup};
use http_semantics::Fields;
use metric_model::SetId;
use request_memo::{DecidingFields, RequestMemo};
use slipstream_host::{HostError, Route, route_name};
use std::rc::Rc;

/// What all requests with the same deciding fields ask for.
pub struct Question {
    /// How far the cache may be used.
    pub lookup: Lookup,
    /// Whether a 304 is asked for.
    pub is_conditional: bool,
    /// The route that Envoy chose.
    pub route: Rc<Route<RoutePolicy>>,
    /// The key.
    pub key: Key,
    /// The same question for the coding that is preferred most, and behind it for the next: parts of what is not encoded are
    /// the same to everyone, and most is stored for who accepts these. Only if parts are asked for.
    pub elsewhere: Option<Rc<Question>>,
    /// Where such requests are counted.
    pub counted: SetId,
}

impl Question {
    /// Whether another request's fetch may answer it.
    pub fn may_share_a_fetch(&self) -> bool {
        let Lookup { store_allowed, may_use_stored, only_if_cached, range, .. } = self.lookup;
        store_allowed && may_use_stored && !only_if_cached && !range
    }
}

/// Questions by the fields that decide on them, and by the route's name unless it is decided by fields alone.
pub struct Questions {
    known: RequestMemo<Rc<Question>>,
    routes_by_fields: bool,
}

/// What the questions of one VM may take.
const MAX_BYTES: usize = 4 << 20;

impl Questions {
    /// None yet.
    pub fn new(config: &Config) -> Questions {
        let configured = config.credential_headers.iter().chain(config.route_fields.iter().flatten());
        let fields = DECIDING_FIELDS.into_iter().chain(configured.map(String::as_str));
        Questions {
            known: RequestMemo::new(DecidingFields::new(fields), MAX_BYTES),
            routes_by_fields: config.route_fields.is_some(),
        }
    }

    /// The name of the current request's route, where it has to be known to recall a question.
    pub fn route_name(&self) -> Result<Option<Vec<u8>>, HostError> {
        if self.routes_by_fields {
            return Ok(None);
        }
        route_name().map(Some)
    }

    /// The question of an earlier request like this one, as long as what is known of its route is current.
    pub fn recall(
        &mut self,
        request: &impl Fields,
        route_name: Option<&[u8]>,
        now_ms: u64,
    ) -> Option<Rc<Question>> {
        let question = self.known.find(request, route_name.unwrap_or_default())?;
        question.route.is_current(now_ms).then(|| question.clone())
    }

    /// Remembers the question of a request.
    pub fn remember(&mut self, request: &impl Fields, route_name: Option<&[u8]>, question: Rc<Question>) {
        for name in question.route.settings.iter().flat_map(RoutePolicy::deciding_fields) {
            self.known.also_by(name);
        }
        self.known.remember(request, route_name.unwrap_or_default(), question);
    }
}
