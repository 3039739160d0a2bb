//! HTTP dates (RFC 9110 §5.6.7) as seconds since the Unix epoch.

use std::time::{Duration, UNIX_EPOCH};

use crate::list;

/// The time that an HTTP date names, in Unix seconds: IMF-fixdate, or the obsolete forms of RFC 850 and asctime.
///
/// `None` if it is not a date, or lies before 1970.
pub fn parse(value: &[u8]) -> Option<u64> {
    let text = str::from_utf8(list::trim(value)).ok()?;
    let time = httpdate::parse_http_date(text).ok()?;
    time.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
}

/// The IMF-fixdate of a time in Unix seconds; `None` past the year 9999.
pub fn format(unix_seconds: u64) -> Option<String> {
    (unix_seconds < YEAR_10000)
        .then(|| httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(unix_seconds)))
}

const YEAR_10000: u64 = 253_402_300_800;
