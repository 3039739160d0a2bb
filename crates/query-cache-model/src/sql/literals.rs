//! Texts that stand for the current time when they become a date.

/// The words that PostgreSQL takes for the current time in a date.
const RELATIVE: [&str; 4] = ["now", "today", "tomorrow", "yesterday"];

/// Whether a text may stand for the current time, should it become a date.
pub(super) fn is_relative_time(text: &str) -> bool {
    // A longer text is no date.
    text.len() <= 128
        && text
            .split(|c: char| !c.is_ascii_alphabetic())
            .any(|word| RELATIVE.iter().any(|relative| word.eq_ignore_ascii_case(relative)))
}
