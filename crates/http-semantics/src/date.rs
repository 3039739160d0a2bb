//! HTTP dates (RFC 9110 §5.6.7) as seconds since the Unix epoch.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::list;

/// The time that an HTTP date names, in Unix seconds: IMF-fixdate, or the obsolete forms of RFC 850 and asctime.
///
/// Letters of the wrong case are read, and so is a date whose day of the week is another: nothing hangs on either, and
/// recipients are to be robust (RFC 9110 §5.6.7). `None` if it is not a date, or lies before 1970.
pub fn parse(value: &[u8]) -> Option<u64> {
    let text = str::from_utf8(list::trim(value)).ok()?;
    let time = httpdate::parse_http_date(text).ok().or_else(|| parse_leniently(text))?;
    time.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
}

fn parse_leniently(text: &str) -> Option<SystemTime> {
    let day = text.find(|character: char| !character.is_ascii_alphabetic())?;
    let (day, rest) = text.split_at_checked(day)?;
    let rest = in_the_right_case(rest);
    let is_abbreviated = day.len() == 3;
    DAYS.iter().find_map(|day| {
        let day = if is_abbreviated { day.get(..3)? } else { day };
        httpdate::parse_http_date(&format!("{day}{rest}")).ok()
    })
}

/// Names of months begin with a capital, and GMT has nothing else.
fn in_the_right_case(text: &str) -> String {
    let mut right = String::with_capacity(text.len());
    let mut within_word = false;
    for character in text.chars() {
        right.push(if within_word { character.to_ascii_lowercase() } else { character.to_ascii_uppercase() });
        within_word = character.is_ascii_alphabetic();
    }
    right.replace("Gmt", "GMT")
}

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The IMF-fixdate of a time in Unix seconds; `None` past the year 9999.
pub fn format(unix_seconds: u64) -> Option<String> {
    (unix_seconds < YEAR_10000)
        .then(|| httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(unix_seconds)))
}

const YEAR_10000: u64 = 253_402_300_800;
