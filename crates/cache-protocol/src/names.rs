//! Paths, header names and query parameters of the companion's HTTP interface.

/// `GET` looks a response up, `PUT` stores one.
pub const RESPONSES_PATH: &str = "/v1/responses";
/// `POST` takes a lease, `DELETE` gives it back.
pub const LEASES_PATH: &str = "/v1/leases";
/// `POST` invalidates, `GET` is the long poll for the log's records.
pub const INVALIDATIONS_PATH: &str = "/v1/invalidations";
/// Counts since the companion's start, as JSON.
pub const STATS_PATH: &str = "/v1/stats";
/// 200 while the process lives.
pub const HEALTH_PATH: &str = "/healthz";
/// 200 while the store can be reached.
pub const READY_PATH: &str = "/readyz";
/// Metrics in Prometheus' text format.
pub const METRICS_PATH: &str = "/metrics";

/// Header: the full key of the response looked up or stored.
pub const KEY_HEADER: &str = "slipstream-key";
/// Header: the position that a store after this lookup must carry.
pub const POSITION_HEADER: &str = "slipstream-position";
/// Header of a lookup's answer, then `1`: a soft invalidation has hit the entry, which may be served only as stale.
pub const STALE_HEADER: &str = "slipstream-stale";
/// Header: how long to keep the stored response, in milliseconds.
pub const TTL_HEADER: &str = "slipstream-ttl-ms";

/// Header: how long a lease is to last that a lookup asks for, in milliseconds.
pub const LEASE_MS_HEADER: &str = "slipstream-lease-ms";
/// Header: a lease, 16 hexadecimal digits.
pub const LEASE_HEADER: &str = "slipstream-lease";
/// Header of a lookup's answer: who fetches what is not stored: `lead`, `wait` or `pass`.
pub const FETCH_HEADER: &str = "slipstream-fetch";
/// Header: how long a lookup waits for whoever has the lease, in milliseconds.
pub const WAIT_MS_HEADER: &str = "slipstream-wait-ms";
/// Header: how long nobody is to wait for a key whose answers are not stored, in milliseconds.
pub const PASS_MS_HEADER: &str = "slipstream-pass-ms";

/// Query parameter of the long poll: who asks.
pub const FOLLOWER_PARAMETER: &str = "follower";
/// Query parameter of the long poll: the position the follower has read to, which it thereby confirms.
pub const AFTER_PARAMETER: &str = "after";
/// Query parameter of the long poll: how long to wait for a record, in milliseconds.
pub const WAIT_PARAMETER: &str = "wait_ms";

/// The media type of an envelope.
pub const ENVELOPE_MEDIA_TYPE: &str = "application/octet-stream";

/// The longest key, tag or prefix that can be invalidated, in bytes: the log's memory is bounded by this times its
/// capacity. So nothing may be stored under a longer key.
pub const MAX_TARGET_BYTES: usize = 8 << 10;
