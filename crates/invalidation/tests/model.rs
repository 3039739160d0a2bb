//! The bounded set against a model that keeps every record.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::string_slice, reason = "a test fails by panicking")]

use invalidation::{InvalidationSet, Position, Record, Target, Verdict, path_tags};
use proptest::prelude::*;

const EPOCH: u64 = 1;

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        6 => "[ab]{1,2}".prop_map(Target::Key),
        6 => "[ab]{1,2}".prop_map(Target::Tag),
        6 => "[ab]{0,3}#?".prop_map(Target::Prefix),
        4 => "[ab*]{0,4}".prop_map(Target::Glob),
        1 => Just(Target::All),
    ]
}

fn matches(target: &Target, full_key: &str, tags: &[String]) -> bool {
    match target {
        Target::Key(key) => {
            full_key.split('#').next() == Some(key) || path_tags(key).iter().any(|tag| tags.contains(tag))
        }
        Target::Tag(tag) => tags.contains(tag),
        Target::Prefix(prefix) => full_key.starts_with(prefix.as_str()),
        Target::Glob(pattern) => matches_glob(pattern, full_key.split('#').next().unwrap()),
        Target::All => true,
    }
}

/// As one would write it with time to spare.
fn matches_glob(pattern: &str, text: &str) -> bool {
    match pattern.split_at_checked(1) {
        None => text.is_empty(),
        Some(("*", rest)) => (0..=text.len()).any(|at| matches_glob(rest, &text[at..])),
        Some((literal, rest)) => text.strip_prefix(literal).is_some_and(|text| matches_glob(rest, text)),
    }
}

proptest! {
    #[test]
    fn never_admits_what_the_whole_log_invalidates(
        targets in prop::collection::vec((target(), any::<bool>()), 0..40),
        capacity in 0..12_usize,
        entries in prop::collection::vec(("[ab]{1,4}#[ab]?", prop::collection::vec("(path:)?[ab]{1,2}", 0..3), 0..45_u64), 1..30),
    ) {
        let mut bounded = InvalidationSet::new(Position { epoch: EPOCH, seq: 0 }, capacity);
        let mut roomy = InvalidationSet::new(Position { epoch: EPOCH, seq: 0 }, usize::MAX);
        for (seq, (target, soft)) in (1..).zip(&targets) {
            let record = Record { seq, target: target.clone(), soft: *soft };
            bounded.apply(record.clone()).unwrap();
            roomy.apply(record).unwrap();
        }
        prop_assert!(bounded.len() <= capacity);
        let head = targets.len() as u64;
        for (full_key, tags, seq) in entries {
            let at = Position { epoch: EPOCH, seq };
            let is_hit = |severity: bool| {
                targets.iter().skip(seq as usize).any(|(target, soft)| *soft == severity && matches(target, &full_key, &tags))
            };
            let model = if seq > head {
                Verdict::Unknown
            } else if is_hit(false) {
                Verdict::Invalid
            } else if is_hit(true) {
                Verdict::Stale
            } else {
                Verdict::Valid
            };
            // With room for everything the set is exact; bounded, it differs only below its floor.
            prop_assert_eq!(roomy.judge(&full_key, &tags, at), model);
            let expected = if seq < bounded.floor() { Verdict::Invalid } else { model };
            prop_assert_eq!(bounded.judge(&full_key, &tags, at), expected);
            prop_assert_eq!(bounded.admits(&full_key, &tags, at), expected == Verdict::Valid);
        }
    }
}
