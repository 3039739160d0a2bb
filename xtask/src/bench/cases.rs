//! What is measured: each case as data.

/// One thing to measure: what stands in the proxy, what is asked of it, and what shows that it is what it claims.
#[derive(Debug)]
pub struct Case {
    /// Its name, by which `--only` chooses it; the listener's too.
    pub name: &'static str,
    /// What it is, for people.
    pub what: &'static str,
    /// What answers.
    pub proxy: Proxy,
    /// The origin's resource that is asked for.
    pub resource: Resource,
    /// The body that has to come.
    pub size: Size,
    /// The content coding that clients ask for, and get.
    pub coding: Option<&'static str>,
    /// Whether each request is for another URL.
    pub new_urls: bool,
    /// Whether requests reach the origin: all or none.
    pub from_origin: bool,
    /// The counter that has to grow with the requests.
    pub evidence: Option<Evidence>,
}

/// What answers a case's requests.
#[derive(Debug, Clone, Copy)]
pub enum Proxy {
    /// Envoy, with these filters on the way to the origin.
    Envoy(&'static [Filter]),
    /// Envoy, with these filters before an answer that Envoy's own configuration holds.
    EnvoyDirect(&'static [Filter]),
    /// nginx with its `proxy_cache`.
    NginxCache,
}

/// A filter in Envoy.
#[derive(Debug, Clone, Copy)]
pub enum Filter {
    /// Slipstream's request-metrics.
    RequestMetrics {
        /// How it learns a request's route.
        routes: Routes,
    },
    /// Slipstream's response-cache.
    ResponseCache {
        /// How it learns a request's route.
        routes: Routes,
        /// Whether it may keep responses in its VM.
        l1: bool,
        /// Where its second level is.
        companion: Store,
    },
    /// Slipstream's compression.
    Compression {
        /// The mode of its route, if it has one.
        mode: Option<&'static str>,
    },
    /// Slipstream's compression-observer.
    Observer {
        /// Whether it is told the coding, and counts all routes as one, so that it need not ask.
        is_told: bool,
    },
    /// The smallest filter that knows how long a body was before and after.
    LeastObserver,
    /// Envoy's `envoy.filters.http.compressor` with gzip.
    EnvoyGzip,
    /// The same with brotli.
    EnvoyBrotli,
    /// The same with zstd.
    EnvoyZstd,
    /// Envoy's `envoy.filters.http.cache`.
    EnvoyCache,
    /// Envoy's `envoy.filters.http.cache_v2`.
    EnvoyCacheV2,
}

/// How a filter learns a request's route.
#[derive(Debug, Clone, Copy)]
pub enum Routes {
    /// It asks Envoy for each request, the default.
    Asked,
    /// By the request's fields, as the setting `route_fields` lets it.
    ByFields,
}

/// Where the companion stores.
#[derive(Debug, Clone, Copy)]
pub enum Store {
    /// In its own memory.
    Embedded,
    /// In Redis.
    Redis,
}

/// What the origin says of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Nothing.
    Plain,
    /// That it may be stored.
    Storable,
    /// That it may not.
    NoStore,
}

/// How long a body is at most; it is nearly as long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// 2,000 bytes.
    Kb2,
    /// 20,000 bytes.
    Kb20,
    /// 50,000 bytes.
    Kb50,
}

/// A counter, and the label that tells which of it is meant.
#[derive(Debug, Clone, Copy)]
pub struct Evidence {
    /// The counter's name.
    pub counter: &'static str,
    /// One of its labels.
    pub label: &'static str,
    /// That label's value.
    pub value: &'static str,
}

const fn lookups(outcome: &'static str) -> Option<Evidence> {
    Some(Evidence { counter: "slipstream_cache_lookups_total", label: "outcome", value: outcome })
}

const fn requests(service: &'static str) -> Option<Evidence> {
    Some(Evidence { counter: "http_requests_total", label: "service", value: service })
}

const fn compressed(service: &'static str) -> Option<Evidence> {
    Some(Evidence { counter: "slipstream_compression_total", label: "service", value: service })
}

const METRICS: Filter = Filter::RequestMetrics { routes: Routes::ByFields };
const METRICS_ASKING: Filter = Filter::RequestMetrics { routes: Routes::Asked };
const COMPRESSION: Filter = Filter::Compression { mode: None };
const CACHE: Filter = cache(Routes::ByFields, true, Store::Embedded);
const CACHE_ASKING: Filter = cache(Routes::Asked, true, Store::Embedded);
const EMBEDDED: Filter = cache(Routes::ByFields, false, Store::Embedded);
const REDIS: Filter = cache(Routes::ByFields, false, Store::Redis);

const fn cache(routes: Routes, l1: bool, companion: Store) -> Filter {
    Filter::ResponseCache { routes, l1, companion }
}

/// Proxying 2 kB without a filter; the other cases say how they differ from it.
pub const PLAIN: Case = Case {
    name: "plain",
    what: "Envoy proxying, no filter",
    proxy: Proxy::Envoy(&[]),
    resource: Resource::Plain,
    size: Size::Kb2,
    coding: None,
    new_urls: false,
    from_origin: true,
    evidence: None,
};

const HIT: Case = Case { resource: Resource::Storable, from_origin: false, ..PLAIN };

/// All of them. Those that are compared stand close to each other, and so are measured soon after each other.
pub const CASES: [Case; 32] = [
    PLAIN,
    Case {
        name: "metrics",
        what: "`plain` behind request-metrics",
        proxy: Proxy::Envoy(&[METRICS]),
        evidence: requests("metrics"),
        ..PLAIN
    },
    Case {
        name: "metrics-asking",
        what: "the same, asking Envoy for every route",
        proxy: Proxy::Envoy(&[METRICS_ASKING]),
        evidence: requests("metrics-asking"),
        ..PLAIN
    },
    Case {
        name: "l2-embedded",
        what: "response-cache, hit at the companion, embedded store",
        proxy: Proxy::Envoy(&[EMBEDDED]),
        evidence: lookups("l2"),
        ..HIT
    },
    Case {
        name: "l2-redis",
        what: "response-cache, hit at the companion, Redis",
        proxy: Proxy::Envoy(&[REDIS]),
        evidence: lookups("l2"),
        ..HIT
    },
    Case {
        name: "miss",
        what: "response-cache, miss that is stored, a new URL each time",
        proxy: Proxy::Envoy(&[CACHE]),
        resource: Resource::Storable,
        new_urls: true,
        evidence: lookups("miss"),
        ..PLAIN
    },
    Case {
        name: "uncacheable",
        what: "response-cache, miss that may not be stored (`no-store`)",
        proxy: Proxy::Envoy(&[CACHE]),
        resource: Resource::NoStore,
        evidence: lookups("miss"),
        ..PLAIN
    },
    Case { name: "nginx-cache", what: "nginx `proxy_cache`, hit", proxy: Proxy::NginxCache, ..HIT },
    Case {
        name: "metrics-direct",
        what: "`direct` behind request-metrics",
        proxy: Proxy::EnvoyDirect(&[METRICS]),
        evidence: requests("metrics-direct"),
        ..HIT
    },
    Case { name: "direct", what: "Envoy `direct_response`", proxy: Proxy::EnvoyDirect(&[]), ..HIT },
    Case {
        name: "l1",
        what: "response-cache, hit in the VM",
        proxy: Proxy::Envoy(&[CACHE]),
        evidence: lookups("l1"),
        ..HIT
    },
    Case {
        name: "l1-gzip",
        what: "the same before compression, stored as gzip",
        proxy: Proxy::Envoy(&[CACHE, COMPRESSION]),
        coding: Some("gzip"),
        evidence: lookups("l1"),
        ..HIT
    },
    Case {
        name: "l1-asking",
        what: "the same, asking Envoy for every route",
        proxy: Proxy::Envoy(&[CACHE_ASKING]),
        evidence: lookups("l1"),
        ..HIT
    },
    Case {
        name: "envoy-cache",
        what: "`envoy.filters.http.cache`, simple cache, hit",
        proxy: Proxy::Envoy(&[Filter::EnvoyCache]),
        ..HIT
    },
    Case {
        name: "envoy-cache-v2",
        what: "`envoy.filters.http.cache_v2`, simple cache, hit",
        proxy: Proxy::Envoy(&[Filter::EnvoyCacheV2]),
        ..HIT
    },
    Case {
        name: "gzip-wasm-20k",
        what: "compression, gzip level 6",
        proxy: Proxy::Envoy(&[COMPRESSION]),
        size: Size::Kb20,
        coding: Some("gzip"),
        evidence: compressed("gzip-wasm-20k"),
        ..PLAIN
    },
    Case {
        name: "gzip-native-20k",
        what: "`envoy.filters.http.compressor`, gzip level 6",
        proxy: Proxy::Envoy(&[Filter::EnvoyGzip]),
        size: Size::Kb20,
        coding: Some("gzip"),
        ..PLAIN
    },
    Case {
        name: "stream-20k",
        what: "the same, as it comes (`stream`)",
        proxy: Proxy::Envoy(&[Filter::Compression { mode: Some("stream") }]),
        size: Size::Kb20,
        coding: Some("gzip"),
        evidence: compressed("stream-20k"),
        ..PLAIN
    },
    Case {
        name: "observe-20k",
        what: "`gzip-native-20k`, observed by compression-observer, which is told the coding and counts routes as one",
        proxy: Proxy::Envoy(&[Filter::EnvoyGzip, Filter::Observer { is_told: true }]),
        size: Size::Kb20,
        coding: Some("gzip"),
        evidence: compressed("observe-20k"),
        ..PLAIN
    },
    Case {
        name: "observe-least-20k",
        what: "`gzip-native-20k`, and a filter of some bytes that is told of each piece of the body, asks for the size at the end, and does nothing with either",
        proxy: Proxy::Envoy(&[Filter::EnvoyGzip, Filter::LeastObserver]),
        size: Size::Kb20,
        coding: Some("gzip"),
        ..PLAIN
    },
    Case {
        name: "observe-asking-20k",
        what: "the same as `observe-20k`, asking Envoy for coding and route",
        proxy: Proxy::Envoy(&[Filter::EnvoyGzip, Filter::Observer { is_told: false }]),
        size: Size::Kb20,
        coding: Some("gzip"),
        evidence: compressed("observe-asking-20k"),
        ..PLAIN
    },
    Case {
        name: "gzip-wasm-50k",
        what: "compression, gzip level 6",
        proxy: Proxy::Envoy(&[COMPRESSION]),
        size: Size::Kb50,
        coding: Some("gzip"),
        evidence: compressed("gzip-wasm-50k"),
        ..PLAIN
    },
    Case {
        name: "gzip-native-50k",
        what: "`envoy.filters.http.compressor`, gzip level 6",
        proxy: Proxy::Envoy(&[Filter::EnvoyGzip]),
        size: Size::Kb50,
        coding: Some("gzip"),
        ..PLAIN
    },
    Case {
        name: "zstd-wasm-20k",
        what: "compression, zstd level 3",
        proxy: Proxy::Envoy(&[COMPRESSION]),
        size: Size::Kb20,
        coding: Some("zstd"),
        evidence: compressed("zstd-wasm-20k"),
        ..PLAIN
    },
    Case {
        name: "zstd-native-20k",
        what: "`envoy.filters.http.compressor`, zstd level 3",
        proxy: Proxy::Envoy(&[Filter::EnvoyZstd]),
        size: Size::Kb20,
        coding: Some("zstd"),
        ..PLAIN
    },
    Case {
        name: "zstd-wasm-50k",
        what: "compression, zstd level 3",
        proxy: Proxy::Envoy(&[COMPRESSION]),
        size: Size::Kb50,
        coding: Some("zstd"),
        evidence: compressed("zstd-wasm-50k"),
        ..PLAIN
    },
    Case {
        name: "zstd-native-50k",
        what: "`envoy.filters.http.compressor`, zstd level 3",
        proxy: Proxy::Envoy(&[Filter::EnvoyZstd]),
        size: Size::Kb50,
        coding: Some("zstd"),
        ..PLAIN
    },
    Case {
        name: "br-wasm-20k",
        what: "compression, brotli level 5",
        proxy: Proxy::Envoy(&[COMPRESSION]),
        size: Size::Kb20,
        coding: Some("br"),
        evidence: compressed("br-wasm-20k"),
        ..PLAIN
    },
    Case {
        name: "br-native-20k",
        what: "`envoy.filters.http.compressor`, brotli level 5",
        proxy: Proxy::Envoy(&[Filter::EnvoyBrotli]),
        size: Size::Kb20,
        coding: Some("br"),
        ..PLAIN
    },
    Case {
        name: "br-wasm-50k",
        what: "compression, brotli level 5",
        proxy: Proxy::Envoy(&[COMPRESSION]),
        size: Size::Kb50,
        coding: Some("br"),
        evidence: compressed("br-wasm-50k"),
        ..PLAIN
    },
    Case {
        name: "br-native-50k",
        what: "`envoy.filters.http.compressor`, brotli level 5",
        proxy: Proxy::Envoy(&[Filter::EnvoyBrotli]),
        size: Size::Kb50,
        coding: Some("br"),
        ..PLAIN
    },
    Case {
        name: "all",
        what: "request-metrics, response-cache and compression, hit in the VM, stored as gzip",
        proxy: Proxy::Envoy(&[METRICS, CACHE, COMPRESSION]),
        size: Size::Kb20,
        coding: Some("gzip"),
        evidence: lookups("l1"),
        ..HIT
    },
];

/// The case of this name; the error says which there are.
pub fn parse(name: &str) -> Result<&'static Case, String> {
    let found = CASES.iter().find(|case| case.name == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = CASES.iter().map(|case| case.name).collect();
        format!("expected one of {}", names.join(", "))
    })
}

impl Case {
    /// The path that is asked for.
    pub fn path(&self) -> String {
        format!("{}{}", self.resource.folder(), self.size.file())
    }

    /// Whether it needs companions.
    pub fn has_companion(&self) -> bool {
        let (Proxy::Envoy(filters) | Proxy::EnvoyDirect(filters)) = self.proxy else { return false };
        filters.iter().any(|filter| matches!(filter, Filter::ResponseCache { .. }))
    }

    /// Whether a cache of ours answers, which says so in `X-Cache`.
    pub fn is_our_hit(&self) -> bool {
        !self.from_origin && self.has_companion()
    }
}

impl Resource {
    /// Where the origin has it.
    pub fn folder(self) -> &'static str {
        match self {
            Resource::Plain => "/plain/",
            Resource::Storable => "/storable/",
            Resource::NoStore => "/no-store/",
        }
    }
}

impl Size {
    /// All of them.
    pub const ALL: [Size; 3] = [Size::Kb2, Size::Kb20, Size::Kb50];

    /// The same as a number.
    pub fn bytes(self) -> usize {
        match self {
            Size::Kb2 => 2_000,
            Size::Kb20 => 20_000,
            Size::Kb50 => 50_000,
        }
    }

    /// The file's name at the origin.
    pub fn file(self) -> &'static str {
        match self {
            Size::Kb2 => "2k.json",
            Size::Kb20 => "20k.json",
            Size::Kb50 => "50k.json",
        }
    }
}
