//! Delta-seconds: a count of seconds, as in `max-age=60` and `Age: 60` (RFC 9111 §1.2.2).

/// What a larger number of seconds counts as (RFC 9111 §1.2.2).
pub const MAX: u64 = 1 << 31;

/// The seconds that `value` names, at most [`MAX`]; `None` if it is anything but decimal digits.
pub fn parse(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(value.iter().fold(0, |seconds: u64, digit| (seconds * 10 + u64::from(digit - b'0')).min(MAX)))
}
