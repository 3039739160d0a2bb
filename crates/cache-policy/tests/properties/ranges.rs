//! Whatever parts are asked for, just these bytes are the answer.

use cache_policy::range::{self, Parts};
use http_semantics::ContentRange;
use proptest::{collection::vec, prelude::*, sample::select};

/// What one range asks for, in positions of few digits.
fn spec() -> impl Strategy<Value = (Option<u64>, Option<u64>)> {
    let position = || prop_oneof![9 => 0_u64..14, 1 => any::<u64>()];
    prop_oneof![
        (position(), position()).prop_map(|(one, other)| (Some(one.min(other)), Some(one.max(other)))),
        position().prop_map(|first| (Some(first), None)),
        position().prop_map(|suffix| (None, Some(suffix))),
    ]
}

fn written((first, last): &(Option<u64>, Option<u64>)) -> String {
    let text = |position: &Option<u64>| position.map(|position| position.to_string()).unwrap_or_default();
    format!("{}-{}", text(first), text(last))
}

/// The positions that a range asks for, counted one by one.
fn positions(&(first, last): &(Option<u64>, Option<u64>), length: u64) -> Vec<u64> {
    let is_asked = |position: &u64| match (first, last) {
        (Some(first), last) => *position >= first && last.is_none_or(|last| *position <= last),
        (None, suffix) => length - position <= suffix.unwrap_or(0),
    };
    (0..length).filter(is_asked).collect()
}

fn bytes_of(representation: &[u8], positions: &[u64]) -> Vec<u8> {
    positions.iter().map(|position| representation[usize::try_from(*position).unwrap()]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn the_answer_is_what_is_asked_for(specs in vec(spec(), 1..4), length in 1_u8..12, held in (0_u8..12, 0_u8..12), is_part in any::<bool>()) {
        let representation: Vec<u8> = (0..length).collect();
        let complete = u64::from(length);
        let (first, last) = if is_part {
            let (one, other) = (held.0 % length, held.1 % length);
            (one.min(other), one.max(other))
        } else {
            (0, length - 1)
        };
        let content = &representation[usize::from(first)..=usize::from(last)];
        let status = if is_part { 206 } else { 200 };
        let stored = [("content-range", format!("bytes {first}-{last}/{length}"))];
        let stored = if is_part { &stored[..] } else { &[] };
        let range = specs.iter().map(written).collect::<Vec<_>>().join(", ");
        let request = [("range", format!("bytes={range}"))];

        let asked: Vec<_> =
            specs.iter().map(|spec| positions(spec, complete)).filter(|asked| !asked.is_empty()).collect();
        let holds = |asked: &Vec<u64>| asked.iter().all(|at| (u64::from(first)..=u64::from(last)).contains(at));
        let is_more_than_all = asked.len() > 1 && asked.iter().map(Vec::len).sum::<usize>() > usize::from(length);
        let is_all = content.len() == representation.len();
        let decided = range::decide(&request, status, stored, content.len() as u64);
        let parts = match decided {
            Parts::Unsatisfiable(bytes) => {
                prop_assert!(asked.is_empty());
                prop_assert_eq!(bytes, complete);
                return Ok(());
            }
            Parts::Missing => {
                prop_assert!(!asked.iter().all(holds) || (is_more_than_all && !is_all));
                return Ok(());
            }
            Parts::Whole => {
                prop_assert!(is_more_than_all && is_all);
                return Ok(());
            }
            Parts::One(part) => vec![part],
            Parts::Several(parts) => {
                prop_assert!(parts.len() > 1);
                parts
            }
        };
        prop_assert!(!is_more_than_all && asked.iter().all(holds));
        let answered: Vec<_> = parts.iter().map(|part| range::slice(status, stored, content, part).to_vec()).collect();
        let expected: Vec<_> = asked.iter().map(|asked| bytes_of(&representation, asked)).collect();
        prop_assert_eq!(answered, expected);
        for part in &parts {
            let written = range::content_range(part);
            prop_assert_eq!(ContentRange::parse(written.as_bytes()), Some(*part));
            prop_assert_eq!(part.complete, Some(complete));
        }
    }

    #[test]
    fn nothing_panics(
        range in value(), if_range in value(), content_range in value(), status in select(vec![200, 206, 404]),
        bytes in any::<u64>(), content in vec(any::<u8>(), 0..4), part in any::<(u64, u64, Option<u64>)>(),
    ) {
        let request = [("range", &range), ("if-range", &if_range)];
        for request in [&request[..], &request[..1]] {
            let stored = [("content-range", &content_range), ("last-modified", &if_range), ("date", &if_range)];
            range::is_whole_part(&stored, bytes);
            range::decide(request, status, &stored, bytes);
            let (first, last, complete) = part;
            let part = ContentRange { first, last, complete };
            let sliced = range::slice(status, &stored, &content, &part);
            prop_assert!(content.windows(sliced.len().max(1)).any(|window| window == sliced) || sliced.is_empty());
            if let Parts::One(part) = range::decide(request, status, &stored, content.len() as u64) {
                let length = part.last - part.first + 1;
                prop_assert_eq!(range::slice(status, &stored, &content, &part).len() as u64, length);
            }
        }
    }
}

/// Text that is often near the grammar's edges.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let piece = select(vec![
        "bytes",
        "=",
        " ",
        "-",
        "/",
        "*",
        ",",
        "0",
        "1",
        "2",
        "18446744073709551615",
        "99999999999999999999",
        "\"a\"",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "bytes 0-1/2",
        "bytes=0-",
        "bytes 0-18446744073709551615/*",
    ]);
    prop_oneof![
        3 => vec(piece, 0..6).prop_map(|pieces| pieces.concat().into_bytes()),
        1 => vec(any::<u8>(), 0..6),
    ]
}
