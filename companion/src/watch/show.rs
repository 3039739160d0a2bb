//! Numbers for people.

/// A share in percent; a dash if it is not known.
pub(crate) fn percent(share: Option<f64>) -> String {
    share.map_or("-".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

/// A time in the unit that fits it.
pub(crate) fn time(seconds: Option<f64>) -> String {
    match seconds {
        None => "-".to_owned(),
        Some(seconds) if seconds < 0.001 => format!("{:.0} us", seconds * 1e6),
        Some(seconds) if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        Some(seconds) => format!("{seconds:.2} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (seconds, shown) in
            [(None, "-"), (Some(0.000_25), "250 us"), (Some(0.0123), "12.3 ms"), (Some(2.5), "2.50 s")]
        {
            assert_eq!(time(seconds), shown);
        }
        for (share, shown) in [(None, "-"), (Some(0.0), "0.0 %"), (Some(0.876), "87.6 %")] {
            assert_eq!(percent(share), shown);
        }
    }
}
