//! Requests to the companion's interface.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use cache_protocol::{Entry, names};
use invalidation::Position;
use slipstream::config::Config;
use slipstream::server::interface;
use tokio::runtime::Builder;
use tower::ServiceExt;

use crate::input::Input;

/// Under which something is stored before.
const KEY: &str = "GET shop.example/api/items#gzip";
const METHODS: [Method; 6] =
    [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::HEAD, Method::OPTIONS];
const PATHS: [&str; 14] = [
    names::RESPONSES_PATH,
    names::LEASES_PATH,
    names::INVALIDATIONS_PATH,
    names::ENTRIES_PATH,
    names::STATS_PATH,
    names::QUERY_CACHE_PATH,
    names::METRICS_PATH,
    names::READY_PATH,
    "/v1/embeddings",
    "/v1/semantic/lookup",
    "/v1/semantic/entries",
    "/v1/semantic/explain",
    "/ui/content",
    "/",
];
const FIELDS: [&str; 10] = [
    names::KEY_HEADER,
    names::TTL_HEADER,
    names::POSITION_HEADER,
    names::LEASE_HEADER,
    names::LEASE_MS_HEADER,
    names::WAIT_MS_HEADER,
    names::PASS_MS_HEADER,
    names::TRACEPARENT_HEADER,
    "content-type",
    "content-length",
];
/// The largest answer that is read, in bytes.
const MOST: usize = 16 << 20;

/// The bytes are some requests, one after the other.
pub fn requests(bytes: &[u8]) {
    // Time stands still but for what nothing else is left to wait for, so that no time-out takes any.
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let companion = interface(&Config::default()).expect("an interface");
        let stored = entry(position(&companion).await).encode();
        let store = Request::put(names::RESPONSES_PATH)
            .header(names::KEY_HEADER, KEY)
            .header(names::TTL_HEADER, "60000")
            .body(Body::from(stored.clone()));
        assert_eq!(answer(&companion, store.expect("a request")).await.0, StatusCode::NO_CONTENT);
        let mut input = Input::new(bytes);
        while !input.is_empty() {
            let Some(request) = request(&mut input, &stored) else { continue };
            let shown = format!("{request:?}");
            let (status, body) = answer(&companion, request).await;
            assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{shown}: {body:?}");
        }
        let (status, body) = answer(&companion, look_up()).await;
        match status {
            StatusCode::OK => assert_eq!(Entry::decode(&body).expect("an entry").key, KEY),
            status => assert_eq!(status, StatusCode::NOT_FOUND),
        }
    });
}

/// Where the log is.
async fn position(companion: &Router) -> Position {
    let answer = companion.clone().oneshot(look_up()).await.unwrap_or_else(|never| match never {});
    let position = answer.headers().get(names::POSITION_HEADER).expect("a position");
    position.to_str().expect("text").parse().expect("a position")
}

fn look_up() -> Request<Body> {
    let request = Request::get(names::RESPONSES_PATH).header(names::KEY_HEADER, KEY);
    request.body(Body::empty()).expect("a request")
}

fn entry(position: Position) -> Entry {
    Entry {
        key: KEY.to_owned(),
        position,
        response_time_ms: 0,
        initial_age_ms: 0,
        freshness_lifetime_ms: 60_000,
        status: 200,
        tags: vec!["items".to_owned()],
        headers: vec![(b"content-type".to_vec(), b"application/json".to_vec())],
        body: b"{}".to_vec(),
    }
}

async fn answer(companion: &Router, request: Request<Body>) -> (StatusCode, Vec<u8>) {
    let answer = companion.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
    let status = answer.status();
    (status, to_bytes(answer.into_body(), MOST).await.expect("a whole answer").to_vec())
}

/// The next request, unless it cannot be sent.
fn request(input: &mut Input<'_>, entry: &[u8]) -> Option<Request<Body>> {
    let (method, path) = (input.choice(&METHODS.each_ref()), input.choice(&PATHS));
    let query = String::from_utf8_lossy(input.piece()).into_owned();
    let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    let mut request = Request::builder().method(method).uri(target);
    for _ in 0..input.below(4) {
        let name = HeaderName::from_static(input.choice(&FIELDS));
        let known = input.flag();
        let value = input.piece();
        let value = if known && name == names::KEY_HEADER { KEY.as_bytes() } else { value };
        request = request.header(name, HeaderValue::from_bytes(value).ok()?);
    }
    let body = match input.below(3) {
        0 => Vec::new(),
        1 => input.piece().to_vec(),
        _ => {
            let mut entry = entry.to_vec();
            let at = input.below(entry.len());
            entry[at] = input.byte();
            entry
        }
    };
    request.body(Body::from(body)).ok()
}
