//! What a route may say.

use semantic_exchange::{Exchange, Pointers, Profile};
use serde::Deserialize;
use slipstream_host::{ConfigError, check_field_names, load_config};

/// Settings in a route's `metadata.filter_metadata["slipstream.semantic-cache"]`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// Whether the route uses the cache. True unless set; but a route without a profile does not.
    enabled: bool,
    /// What its service speaks.
    profile: Option<Profile>,
    /// Where things stand, in place of the profile's own.
    pointers: Pointers,
    /// Where things stand in a request that do not change the answer.
    ignore: Vec<String>,
    /// The name of what shares answers; without it the route's name, its cluster and the authority set them apart.
    namespace: Option<String>,
    /// Request fields whose values tell tenants.
    tenant_headers: Vec<String>,
    /// Whether answers are shared between different credentials and users.
    shared: bool,
    /// Whether an answer that came whole also serves as events, and the other way round.
    share_streams: bool,
    /// Seconds that an answer is kept at most; without it as long as the companion keeps it.
    ttl_seconds: Option<u64>,
    /// Whether only answers that name their sources are kept. Unless set: of `rag-query` yes, of `openai-chat` no.
    needs_sources: Option<bool>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            enabled: true,
            profile: None,
            pointers: Pointers::default(),
            ignore: Vec::new(),
            namespace: None,
            tenant_headers: Vec::new(),
            shared: false,
            share_streams: false,
            ttl_seconds: None,
            needs_sources: None,
        }
    }
}

/// How a route uses the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutePolicy {
    /// What its service speaks.
    pub exchange: Exchange,
    /// The name of what shares answers.
    pub namespace: Option<String>,
    /// Request fields whose values tell tenants.
    pub tenant_headers: Vec<String>,
    /// Whether answers are shared between different credentials and users.
    pub shared: bool,
    /// Whether an answer serves whole and as events.
    pub share_streams: bool,
    /// Seconds that an answer is kept at most.
    pub ttl_seconds: Option<u64>,
    /// Whether only answers that name their sources are kept.
    pub needs_sources: bool,
}

impl RoutePolicy {
    /// Reads a route's settings; none for one that does not use the cache.
    pub fn load(json: &[u8]) -> Result<Option<RoutePolicy>, ConfigError> {
        let settings: Settings = load_config(json)?;
        check_field_names("tenant_headers", &settings.tenant_headers)?;
        if let Some(namespace) = &settings.namespace
            && (namespace.is_empty()
                || !namespace.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)))
        {
            let message = format!("{namespace:?}: expected letters, digits, `.`, `_` and `-`");
            return Err(ConfigError::new("namespace", message));
        }
        let profile = settings.profile.unwrap_or(Profile::OpenaiChat);
        let exchange = Exchange::new(profile, &settings.pointers, &settings.ignore).map_err(|invalid| {
            let path = if invalid.field == "ignore" {
                "ignore".to_owned()
            } else {
                format!("pointers.{}", invalid.field)
            };
            ConfigError::new(path, invalid.to_string())
        })?;
        let is_on = settings.enabled && settings.profile.is_some();
        Ok(is_on.then(|| RoutePolicy {
            needs_sources: settings.needs_sources.unwrap_or(profile == Profile::RagQuery),
            exchange,
            namespace: settings.namespace,
            tenant_headers: settings.tenant_headers,
            shared: settings.shared,
            share_streams: settings.share_streams,
            ttl_seconds: settings.ttl_seconds,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_takes_part_by_a_profile() {
        for (json, takes_part, needs_sources) in [
            ("{}", false, false),
            (r#"{"profile": "openai-chat"}"#, true, false),
            (r#"{"profile": "rag-query"}"#, true, true),
            (r#"{"profile": "rag-query", "needs_sources": false}"#, true, false),
            (r#"{"profile": "rag-query", "enabled": false}"#, false, false),
        ] {
            let policy = RoutePolicy::load(json.as_bytes()).unwrap();
            assert_eq!(policy.is_some(), takes_part, "{json}");
            assert_eq!(policy.is_some_and(|policy| policy.needs_sources), needs_sources, "{json}");
        }
    }

    #[test]
    fn a_mistake_is_named_with_what_would_be_right() {
        for (json, path, message) in [
            (r#"{"profile": "openai"}"#, "profile", "expected `openai-chat` or `rag-query`"),
            (r#"{"pointers": {"question": "q"}}"#, "pointers.question", "`q`: expected a JSON pointer"),
            (r#"{"pointers": {"quest": "/q"}}"#, "pointers.quest", "unknown field"),
            (r#"{"ignore": ["temperature"]}"#, "ignore", "`temperature`: expected a JSON pointer"),
            (r#"{"namespace": "a b"}"#, "namespace", "expected letters, digits"),
            (r#"{"tenant_headers": [""]}"#, "tenant_headers[0]", "not the name"),
            (r#"{"ttl_seconds": -1}"#, "ttl_seconds", "expected u64"),
        ] {
            let error = RoutePolicy::load(json.as_bytes()).unwrap_err();
            assert_eq!(error.path, path, "{json}: {error}");
            assert!(error.message.contains(message), "{json}: {error}");
        }
    }
}
