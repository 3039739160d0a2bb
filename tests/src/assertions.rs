//! What the tests say of a response again and again.

use testbed::Response;

/// The response's X-Cache, or nothing.
pub fn x_cache(response: &Response) -> String {
    response.header("x-cache").unwrap_or_default()
}

/// Whether the response came from the cache.
pub fn is_hit(response: &Response) -> bool {
    x_cache(response) == "HIT"
}

/// Whether the cache was asked and had nothing.
pub fn is_miss(response: &Response) -> bool {
    x_cache(response) == "MISS"
}

/// The response, which must have come from the cache.
///
/// # Panics
/// If it has not, showing it.
#[track_caller]
pub fn hit(response: Response) -> Response {
    assert!(is_hit(&response), "not a hit: {response:?}");
    response
}

/// The response, which must have come from the origin though the cache was asked.
///
/// # Panics
/// If it has not, showing it.
#[track_caller]
pub fn miss(response: Response) -> Response {
    assert!(is_miss(&response), "not a miss: {response:?}");
    response
}

/// The response, which must have come stale from the cache.
///
/// # Panics
/// If it has not, showing it.
#[track_caller]
pub fn stale(response: Response) -> Response {
    let status = response.header("cache-status").unwrap_or_default();
    let is_told = x_cache(&response) == "STALE" && status.starts_with("slipstream; hit; ttl=-");
    assert!(is_told, "not stale: {response:?}");
    response
}

/// The `detail` of the response's Cache-Status, or nothing.
pub fn cache_detail(response: &Response) -> String {
    let status = response.header("cache-status").unwrap_or_default();
    status.split("; ").find_map(|part| part.strip_prefix("detail=")).unwrap_or_default().to_owned()
}

/// Asserts status and decoded body.
///
/// # Panics
/// If one is another.
#[track_caller]
pub fn assert_text(response: &Response, status: u16, text: &str) {
    assert_eq!((response.status, response.text().as_str()), (status, text), "{:?}", response.headers);
}
