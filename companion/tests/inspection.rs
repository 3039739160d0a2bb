//! Looking at what is stored.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[macro_use]
mod common;

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cache_protocol::{EntryPage, EntryState, ErrorBody, names};
use common::{Companion, Redis, entry, within};
use invalidation::primary_key;

const SOON: Duration = Duration::from_secs(5);
const KEY: &str = "GET shop.example/api/items?page=2";

on_all_stores! {
    an_entry_is_shown_with_all_that_matters,
    entries_are_found_by_what_a_purge_would_name,
    pages_hold_everything_once,
    the_state_is_what_a_lookup_comes_to,
    wrong_questions_are_told_what_is_wrong,
}

async fn list(companion: &Companion, query: &str) -> EntryPage {
    let answer = companion.get(&format!("{}?{query}", names::ENTRIES_PATH)).await;
    assert_eq!(answer.status(), 200, "{query}: {:?}", answer.body());
    serde_json::from_slice(answer.body()).unwrap()
}

async fn store(companion: &Companion, full_key: &str, age_ms: u64, tags: &[&str]) {
    let (position, _) = companion.lookup(full_key).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let mut stored = entry(full_key, position, tags);
    stored.response_time_ms = u64::try_from(now).unwrap();
    stored.initial_age_ms = age_ms;
    stored.body = vec![b'x'; 100_000];
    assert_eq!(companion.put(full_key, "60000", stored.encode()).await.status(), 204);
    let mut queries = vec![format!("key={}", primary_key(full_key).replace(' ', "%20"))];
    queries.extend(tags.iter().map(|tag| format!("tag={tag}")));
    within(SOON, "it is indexed, which in a cluster comes after the answer", async || {
        for query in &queries {
            let page = list(companion, query).await;
            if !page.entries.iter().any(|shown| full_key == format!("{}#{}", shown.key, shown.variant)) {
                return false;
            }
        }
        true
    })
    .await;
}

async fn an_entry_is_shown_with_all_that_matters(companion: Companion) {
    store(&companion, &format!("{KEY}#gzip:items;lang=pt"), 100_500, &["items", "t"]).await;
    let page = list(&companion, "url=https://Shop.example/api/items?page=2%23top").await;
    assert_eq!((page.cursor, page.complete), (None, true));
    let [shown] = page.entries.as_slice() else { panic!("{:?}", page.entries) };
    assert_eq!((shown.key.as_str(), shown.variant.as_str()), (KEY, "gzip:items;lang=pt"));
    assert_eq!((shown.status, shown.tags.join(" ").as_str()), (200, "items t"));
    assert_eq!((shown.content_type.as_deref(), shown.body_bytes), (Some("application/json"), 100_000));
    assert!((100_100..100_400).contains(&shown.envelope_bytes), "{shown:?}");
    assert!((100..105).contains(&shown.age_seconds) && (194..200).contains(&shown.ttl_seconds), "{shown:?}");
    assert_eq!((shown.position, shown.state), (companion.lookup(KEY).await.0, EntryState::Fresh));
    let stats: serde_json::Value =
        serde_json::from_slice(companion.get("/v1/stats?count=true").await.body()).unwrap();
    assert_eq!((stats.get("entries"), stats.get("store")), (Some(&1.into()), Some(&page.store.into())));
    assert!(stats.get("bytes").and_then(serde_json::Value::as_u64).unwrap() > 100_000);
}

async fn entries_are_found_by_what_a_purge_would_name(companion: Companion) {
    for (full_key, tags) in [
        ("GET a/x?q=1#gzip", &["t", "u"][..]),
        ("GET a/x?q=1#identity", &["t"]),
        ("GET a/xy#gzip", &["u", "path:a/short"]),
        ("GET b/x#gzip", &["path:*/any"]),
    ] {
        store(&companion, full_key, 0, tags).await;
    }
    for (query, count) in [
        ("", 4),
        ("url=http://a/x?q=1", 2),
        ("key=GET%20a/x?q=1", 2),
        ("url=a/x", 0),
        ("url=a/short?z=1", 1),
        ("url=c/any", 1),
        ("prefix=GET%20a/", 3),
        ("prefix=GET%20a/x?q=1%23i", 1),
        ("prefix=GET%20a/x?*", 0),
        ("tag=t", 2),
        ("tag=u", 2),
        ("tag=none", 0),
    ] {
        let page = list(&companion, query).await;
        assert_eq!((page.entries.len(), page.complete), (count, true), "{query}");
    }
}

async fn pages_hold_everything_once(companion: Companion) {
    for number in 0..150 {
        companion.fill(&format!("GET a/{number}#gzip"), &["t"]).await;
    }
    within(SOON, "all is indexed", async || list(&companion, "limit=1000&tag=t").await.entries.len() == 150)
        .await;
    for (selection, limit) in [("", 40), ("&tag=t", 40), ("&prefix=GET", 7), ("", 150), ("", 1000)] {
        let (mut seen, mut cursor) = (BTreeSet::new(), String::new());
        for number in 1.. {
            let page = list(&companion, &format!("limit={limit}{selection}{cursor}")).await;
            assert!(page.entries.len() <= limit);
            for shown in page.entries {
                assert!(seen.insert(shown.key.clone()), "{} again", shown.key);
            }
            assert_eq!(page.complete, page.cursor.is_none());
            let Some(next) = page.cursor else {
                assert!(number >= 150_usize.div_ceil(limit));
                break;
            };
            cursor = format!("&cursor={}", next.replace(' ', "%20").replace('#', "%23"));
        }
        assert_eq!(seen.len(), 150, "{selection} {limit}");
    }
}

async fn the_state_is_what_a_lookup_comes_to(companion: Companion) {
    let state = async |key: &str| {
        let page = list(&companion, &format!("key=GET%20a/{key}")).await;
        page.entries.first().map(|shown| (shown.state, shown.ttl_seconds < 0))
    };
    for (key, age_ms) in [("fresh", 0), ("old", 400_000), ("soft", 0), ("hard", 0)] {
        store(&companion, &format!("GET a/{key}#gzip"), age_ms, &[]).await;
    }
    companion.purge(r#"{"keys":["GET a/soft"],"soft":true}"#).await;
    assert_eq!(state("fresh").await, Some((EntryState::Fresh, false)));
    assert_eq!(state("old").await, Some((EntryState::Stale, true)));
    assert_eq!(state("soft").await, Some((EntryState::Stale, false)));
    companion.purge(r#"{"keys":["GET a/hard"]}"#).await;
    let invalid = state("hard").await;
    assert!(matches!(invalid, None | Some((EntryState::Invalidated, _))), "{invalid:?}");
}

async fn wrong_questions_are_told_what_is_wrong(companion: Companion) {
    for (query, complaint) in [
        ("url=ftp://a/", "url: \"ftp://a/\" is no URL"),
        ("key=a&tag=b", "expected one of url, key, prefix and tag"),
        ("limit=0", "limit is 0, expected 1 to 1000"),
        ("limit=1001", "limit is 1001"),
        ("limit=many", "limit"),
    ] {
        let answer = companion.get(&format!("{}?{query}", names::ENTRIES_PATH)).await;
        let error = serde_json::from_slice::<ErrorBody>(answer.body()).unwrap().error;
        assert!(answer.status() == 400 && error.contains(complaint), "{query}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_index_does_not_know_is_not_passed_off_as_nothing() {
    let redis = Redis::start(&[]);
    let companion = Companion::on(&redis).await;
    store(&companion, "GET a/#gzip", 0, &["t"]).await;
    store(&companion, "GET a/#gzip", 0, &["another"]).await;
    assert!(list(&companion, "tag=t").await.entries.is_empty(), "what carries the tag no more is not shown");
    redis.command(&["ZADD", "slipstream:index:tag:{}another", "4000000000000", ""]);
    let page = list(&companion, "tag=another").await;
    assert_eq!((page.entries.len(), page.cursor, page.complete), (1, None, false));
}
