//! A service whose answers tell which of them they are.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use testbed::{Answer, Question};

/// What makes an answer of [`numbered`] stale within [`wait_until_stale`], and then served while it is refreshed.
pub const SOON_STALE: &str = "max-age=1, stale-while-revalidate=60";

/// Longer than what [`SOON_STALE`] says is fresh.
pub fn wait_until_stale() {
    thread::sleep(Duration::from_millis(1_300));
}

/// The body of an answer of [`numbered`].
pub fn numbered_text(number: usize) -> String {
    format!("{{\"number\":{number},\"filler\":\"{}\"}}", "x".repeat(2_000))
}

/// Numbers its answers, which are long enough to be compressed. The first has these directives, the others are fresh for long.
pub fn numbered(directives: &'static str) -> impl Fn(&Question) -> Answer {
    let count = AtomicUsize::new(0);
    move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        let directives = if number == 1 { directives } else { "max-age=600" };
        let etag = format!("\"v{number}\"");
        Answer::json(numbered_text(number)).header("cache-control", directives).header("etag", etag)
    }
}
