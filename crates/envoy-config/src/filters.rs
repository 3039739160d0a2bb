//! The filters: where each belongs, and what its configuration may say.

/// What is known of a filter.
#[derive(Debug)]
pub struct Filter {
    /// Its name: that of its `.wasm`, and, behind `slipstream.`, of its settings in a route's metadata.
    pub name: &'static str,
    /// Whether it stands between the router and the service; otherwise before the router.
    pub is_upstream: bool,
    /// Whether it holds headers back until it has seen the body, for which Envoy wants a permission.
    pub holds_headers: bool,
    /// Whether it is of use to services of every kind.
    pub is_general: bool,
    /// The labels of its metrics.
    pub labels: &'static [&'static str],
    /// The JSON Schema of its configuration.
    pub schema: &'static str,
    /// The JSON Schema of its settings in a route's metadata.
    pub route_schema: &'static str,
}

macro_rules! schema {
    ($file:literal) => {
        include_str!(concat!("../../../envoy/schemas/", $file))
    };
}

/// All filters, in the order in which a request meets them.
pub const FILTERS: &[Filter] = &[
    Filter {
        name: "request-metrics",
        is_upstream: false,
        holds_headers: false,
        is_general: true,
        labels: &["service", "route", "method", "status", "error_type", "cache_status", "le"],
        schema: schema!("request-metrics.json"),
        route_schema: schema!("request-metrics.route.json"),
    },
    Filter {
        name: "response-cache",
        is_upstream: false,
        holds_headers: false,
        is_general: true,
        labels: &["service", "route", "method", "reason", "outcome", "le"],
        schema: schema!("response-cache.json"),
        route_schema: schema!("response-cache.route.json"),
    },
    Filter {
        name: "compression-observer",
        is_upstream: false,
        holds_headers: false,
        is_general: false,
        labels: &["service", "route", "outcome", "coding", "mode", "le"],
        schema: schema!("compression-observer.json"),
        route_schema: schema!("compression-observer.route.json"),
    },
    Filter {
        name: "semantic-cache",
        is_upstream: false,
        holds_headers: true,
        is_general: false,
        labels: &["service", "route", "reason", "outcome", "le"],
        schema: schema!("semantic-cache.json"),
        route_schema: schema!("semantic-cache.route.json"),
    },
    Filter {
        name: "compression",
        is_upstream: true,
        holds_headers: true,
        is_general: true,
        labels: &["service", "route", "outcome", "coding", "mode", "le"],
        schema: schema!("compression.json"),
        route_schema: schema!("compression.route.json"),
    },
];

impl Filter {
    /// The filter of this name, with or without `slipstream.` before it.
    pub fn named(name: &str) -> Option<&'static Filter> {
        let name = name.strip_prefix("slipstream.").unwrap_or(name);
        FILTERS.iter().find(|filter| filter.name == name)
    }

    /// Where a request meets it among the others.
    pub(crate) fn rank(&self) -> usize {
        FILTERS.iter().position(|filter| filter.name == self.name).unwrap_or(usize::MAX)
    }
}
