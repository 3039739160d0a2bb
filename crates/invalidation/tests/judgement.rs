//! How a set judges entries, case by case.

use invalidation::{Gap, InvalidationSet, MAX_GLOBS, Position, Record, Target, Verdict};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const EPOCH: u64 = 0xfeed;

fn at(seq: u64) -> Position {
    Position { epoch: EPOCH, seq }
}

/// A set that starts at 10 and has read one record for each target.
fn set(capacity: usize, targets: &[Target]) -> InvalidationSet {
    let mut set = InvalidationSet::new(at(10), capacity);
    for (seq, target) in (11..).zip(targets) {
        assert_eq!(set.apply(hard(seq, target.clone())), Ok(()));
    }
    set
}

fn hard(seq: u64, target: Target) -> Record {
    Record { seq, target, soft: false }
}

fn soft(seq: u64, target: Target) -> Record {
    Record { seq, target, soft: true }
}

fn key(value: &str) -> Target {
    Target::Key(value.into())
}

fn tag(value: &str) -> Target {
    Target::Tag(value.into())
}

fn prefix(value: &str) -> Target {
    Target::Prefix(value.into())
}

fn glob(pattern: &str) -> Target {
    Target::Glob(pattern.into())
}

#[test]
fn one_record_judges_an_entry_from_before_it() {
    for (target, full_key, tags, verdict) in [
        (key("GET a/x"), "GET a/x#gzip", &[][..], Verdict::Invalid),
        (key("GET a/x"), "GET a/x#identity;lang=pt", &[], Verdict::Invalid),
        (key("GET a/x"), "GET a/x", &[], Verdict::Invalid),
        (key("GET a/x"), "GET a/xy#gzip", &[], Verdict::Valid),
        (key("GET a/x#gzip"), "GET a/x#gzip", &[], Verdict::Valid),
        (key("items"), "GET a/x#gzip", &["items"], Verdict::Valid),
        (tag("items"), "GET a/x#gzip", &["users", "items"], Verdict::Invalid),
        (tag("items"), "GET a/x#gzip", &["item", "items2"], Verdict::Valid),
        (tag("items"), "items#gzip", &[], Verdict::Valid),
        (prefix("GET a/"), "GET a/x#gzip", &[], Verdict::Invalid),
        (prefix("GET a/x#gzip"), "GET a/x#gzip", &[], Verdict::Invalid),
        (prefix("GET a/x#gzip;"), "GET a/x#gzip", &[], Verdict::Valid),
        (prefix("GET b/"), "GET a/x#gzip", &[], Verdict::Valid),
        (prefix(""), "GET a/x#gzip", &[], Verdict::Invalid),
        // No character boundary of the key lies where the prefix ends.
        (prefix("a"), "é", &[], Verdict::Valid),
        (glob("GET a/*?p=2"), "GET a/x/y?p=2#gzip", &[], Verdict::Invalid),
        (glob("GET */x"), "GET a/x#gzip", &[], Verdict::Invalid),
        (glob("*"), "GET a/x#gzip", &[], Verdict::Invalid),
        // The variant is no part of what is matched.
        (glob("*gzip"), "GET a/x#gzip", &[], Verdict::Valid),
        (glob("GET a/x"), "GET a/xy#gzip", &[], Verdict::Valid),
        (glob("GET a/?"), "GET a/x#gzip", &[], Verdict::Valid),
        // Entries whose keys leave out query or host.
        (key("GET a/x?p=2"), "GET a/x#gzip", &["items", "path:a/x"], Verdict::Invalid),
        (key("GET a/x?p=2"), "GET */x#gzip", &["path:*/x"], Verdict::Invalid),
        (key("GET a/x?p=2"), "GET a/xy#gzip", &["path:a/xy"], Verdict::Valid),
        (key("GET a/x?p=2"), "GET b/x#gzip", &["path:b/x"], Verdict::Valid),
        (tag("path:a/x"), "GET a/x#gzip", &["path:a/x"], Verdict::Invalid),
        (Target::All, "GET a/x#gzip", &[], Verdict::Invalid),
    ] {
        let set = set(4, std::slice::from_ref(&target));
        assert_eq!(set.judge(full_key, tags, at(10)), verdict, "{target:?} against {full_key} {tags:?}");
        assert_eq!(set.admits(full_key, tags, at(10)), verdict == Verdict::Valid);
        assert_eq!(set.judge(full_key, tags, at(11)), Verdict::Valid, "{target:?} hits what came after it");
    }
}

#[test]
fn positions_are_judged_before_records() {
    let set = set(4, &[tag("other"), tag("other")]);
    for (position, verdict) in [
        (at(9), Verdict::Invalid),
        (at(10), Verdict::Valid),
        (at(11), Verdict::Valid),
        (at(12), Verdict::Valid),
        (at(13), Verdict::Unknown),
        (Position { epoch: EPOCH + 1, seq: 11 }, Verdict::Invalid),
        (Position { epoch: EPOCH + 1, seq: 12 }, Verdict::Invalid),
        (Position { epoch: EPOCH + 1, seq: 13 }, Verdict::Invalid),
    ] {
        assert_eq!(set.judge("GET a/x#gzip", &["items"], position), verdict, "{position}");
    }
}

#[test]
fn what_is_forgotten_raises_the_floor() {
    let set = set(2, &[key("a"), key("b"), key("c")]);
    assert_eq!((set.floor(), set.len(), set.position()), (11, 2, at(13)));
    assert!(!set.admits::<&str>("unrelated", &[], at(10)));
    assert!(set.admits::<&str>("unrelated", &[], at(11)));
    assert!(set.admits::<&str>("a", &[], at(11)));
    assert!(!set.admits::<&str>("b", &[], at(11)));
}

#[test]
fn the_same_target_again_takes_no_more_room() {
    for target in [key("a"), tag("a"), prefix("a"), glob("a")] {
        let set = set(2, &[target.clone(), target.clone(), target.clone(), key("other")]);
        assert_eq!((set.floor(), set.len()), (10, 2), "{target:?}");
        assert!(!set.admits("a", &["a"], at(12)));
        assert!(set.admits("a", &["a"], at(13)));
        assert!(set.admits("b", &["b"], at(10)));
    }
}

#[test]
fn patterns_are_bounded_and_what_is_dropped_for_them_raises_the_floor() {
    let mut set = set(10_000, &[key("a")]);
    let last = 11 + MAX_GLOBS as u64;
    for seq in 12..=last {
        let record = Record { seq, target: glob(&format!("{seq}*")), soft: seq % 2 == 0 };
        set.apply(record).unwrap();
    }
    assert_eq!((set.floor(), set.len()), (10, MAX_GLOBS + 1));
    set.apply(hard(last + 1, glob("one more"))).unwrap();
    assert_eq!((set.floor(), set.len()), (12, MAX_GLOBS), "what is older than the dropped pattern goes too");
    set.apply(hard(last + 2, glob("one more"))).unwrap();
    assert_eq!((set.floor(), set.len()), (12, MAX_GLOBS));
}

#[test]
fn keys_of_one_path_are_forgotten_one_by_one() {
    let set = set(2, &[key("GET a/x?p=1"), key("GET a/x?p=2"), tag("t")]);
    assert_eq!(set.judge("GET a/x#gzip", &["path:a/x"], at(11)), Verdict::Invalid);
    assert_eq!(set.judge("GET a/x#gzip", &["path:*/x"], at(12)), Verdict::Valid);
}

#[test]
fn a_set_without_room_knows_only_its_floor() {
    let set = set(0, &[key("a")]);
    assert_eq!((set.floor(), set.is_empty()), (11, true));
    assert!(!set.admits::<&str>("b", &[], at(10)));
    assert!(set.admits::<&str>("a", &[], at(11)));
}

#[test]
fn records_apply_in_order_once() {
    let mut set = set(4, &[key("a")]);
    assert_eq!(set.apply(hard(13, key("b"))), Err(Gap { expected: 12, found: 13 }));
    assert_eq!(set.apply(hard(11, Target::All)), Ok(()));
    assert_eq!((set.position(), set.floor()), (at(11), 10));
    assert_eq!(set.apply(hard(12, key("b"))), Ok(()));
    assert_eq!(set.position(), at(12));
}

#[test]
fn a_reset_forgets_and_goes_on() {
    let mut set = set(4, &[key("a"), prefix("b")]);
    let next = Position { epoch: 1, seq: 5 };
    set.reset(next);
    assert_eq!((set.position(), set.floor(), set.is_empty()), (next, 5, true));
    assert!(!set.admits::<&str>("c", &[], at(12)));
    assert!(!set.admits::<&str>("c", &[], Position { epoch: 1, seq: 4 }));
    assert!(set.admits::<&str>("a", &[], next));
    assert_eq!(set.apply(hard(6, key("a"))), Ok(()));
    assert!(!set.admits::<&str>("a#gzip", &[], next));
}

#[test]
fn what_a_soft_record_hits_is_stale() {
    for (target, full_key, tags) in [
        (key("GET a/x"), "GET a/x#gzip", &[][..]),
        (tag("items"), "GET a/x#gzip", &["users", "items"]),
        (prefix("GET a/"), "GET a/x#gzip", &[]),
        (Target::All, "GET a/x#gzip", &[]),
    ] {
        let mut set = set(4, &[]);
        assert_eq!(set.apply(soft(11, target.clone())), Ok(()));
        assert_eq!(set.judge(full_key, tags, at(10)), Verdict::Stale, "{target:?}");
        assert!(!set.admits(full_key, tags, at(10)), "{target:?}");
        assert_eq!(set.judge(full_key, tags, at(11)), Verdict::Valid, "{target:?} hits what came after it");
        if target != Target::All {
            assert_eq!(set.judge("GET b/#gzip", &["others"], at(10)), Verdict::Valid, "{target:?}");
        }
    }
}

#[test]
fn a_hard_record_wins_over_a_soft_one_whatever_their_order() {
    for (first, second) in [(hard as fn(_, _) -> _, soft as fn(_, _) -> _), (soft, hard)] {
        for (one, other) in
            [(tag("t"), tag("t")), (tag("t"), key("a")), (Target::All, prefix("a")), (key("a"), Target::All)]
        {
            let mut set = set(4, &[]);
            set.apply(first(11, one.clone())).unwrap();
            set.apply(second(12, other.clone())).unwrap();
            assert_eq!(set.judge("a#gzip", &["t"], at(10)), Verdict::Invalid, "{one:?}, then {other:?}");
            let between = if second(12, other.clone()).soft { Verdict::Stale } else { Verdict::Invalid };
            assert_eq!(set.judge("a#gzip", &["t"], at(11)), between, "{one:?}, then {other:?}");
            assert_eq!(set.judge("a#gzip", &["t"], at(12)), Verdict::Valid);
        }
    }
}

#[test]
fn a_soft_record_takes_the_place_of_the_soft_one_before_it() {
    for target in [key("a"), tag("a"), prefix("a"), glob("a"), Target::All] {
        let mut set = set(2, &[]);
        for seq in 11..15 {
            set.apply(soft(seq, target.clone())).unwrap();
        }
        set.apply(soft(15, key("other"))).unwrap();
        assert_eq!((set.floor(), set.len()), (10, 2), "{target:?}");
        assert_eq!(set.judge("a#gzip", &["a"], at(13)), Verdict::Stale);
        set.apply(hard(16, key("last"))).unwrap();
        assert_eq!((set.floor(), set.len()), (14, 2), "a forgotten soft record raises the floor");
        assert_eq!(set.judge("a#gzip", &["a"], at(13)), Verdict::Invalid);
        assert_eq!(set.judge("a#gzip", &["a"], at(14)), Verdict::Valid);
    }
}

#[test]
fn everything_invalid_leaves_nothing_stale() {
    let mut set = set(4, &[]);
    set.apply(soft(11, Target::All)).unwrap();
    set.apply(hard(12, Target::All)).unwrap();
    assert!(set.is_empty());
    assert_eq!(set.judge::<&str>("a", &[], at(11)), Verdict::Invalid);
    assert_eq!(set.judge::<&str>("a", &[], at(12)), Verdict::Valid);
}
