//! What a follower makes of records, read from a real Redis.

use testbed::{Redis, RedisOptions};

use super::*;

const FIRST: Version = Version { epoch: 1, lsn: Lsn(0x10) };
const SECOND: Version = Version { epoch: 2, lsn: Lsn(0x40) };

/// Has the stream end with these records, which are the latest of an epoch that began with table 7 and nothing else.
fn publish(redis: &Redis, version: Version, numbers: std::ops::RangeInclusive<u64>) {
    let name = |part: &str| format!("{{p}}:capture:d:{part}");
    let (epoch, lsn, last) = (format!("{:016x}", version.epoch), version.lsn.to_string(), *numbers.end());
    let mut script = format!(
        "redis.call('FLUSHALL')
         redis.call('HSET', '{}', 'epoch', '{epoch}', 'number', '{last}', 'lsn', '{lsn}', 'floor', '{lsn}', 'timeline', '1')
         redis.call('HSET', '{}', '7', '{lsn}')\n",
        name("head"),
        name("tables")
    );
    for number in numbers {
        let record = Record { number, lsn: version.lsn, ..Record::default() }.encode().unwrap();
        script += &format!(
            "redis.call('XADD', '{}', '{number}-0', 'e', '{epoch}', 'r', '{record}')\n",
            name("records")
        );
    }
    redis.cli(&["EVAL", &script, "0"]).unwrap();
}

/// A Redis that has lost everything may be written to up to where a reader was before the reader looks again. The numbers go on then, but the changes
/// between were another epoch's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_of_another_epoch_are_no_continuation() {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    publish(&redis, FIRST, 4..=5);
    let follower = std::sync::Arc::new(Follower::new(Duration::from_millis(250), Duration::from_secs(1)));
    let (own, url) = (std::sync::Arc::clone(&follower), redis.url());
    let running = tokio::spawn(async move { own.run(&url, "p", "d").await });
    let until = async |version: Version| {
        let start = Instant::now();
        let mut before = None;
        while follower.version() != Some(version) {
            assert!(start.elapsed() < Duration::from_secs(60), "{:?}", follower.version());
            // Nothing of the second epoch in the first.
            let own = follower.version().filter(|own| own.epoch == FIRST.epoch);
            assert!(own.is_none_or(|own| own == FIRST), "{own:?} after {before:?}");
            before = follower.version();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    until(FIRST).await;
    assert!(follower.holds(FIRST, &[7]));
    publish(&redis, SECOND, 5..=8);
    until(SECOND).await;
    assert!(!follower.holds(FIRST, &[7]) && follower.holds(SECOND, &[7]));
    running.abort();
}
