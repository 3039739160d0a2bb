//! Migrating while others read and write.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use migrations::{Endpoint, Event, Migrator, Observer, Series, Source, Target};

use crate::load::{Load, Seen};
use crate::looks::{Looked, Looks};
use crate::support::{POSTGRES, client, database, options};

/// No other statement may take longer, in milliseconds.
const BOUND: f64 = 150.0;
/// How long the load is watched before and after the migrations.
const CONTROL: Duration = Duration::from_secs(60);

/// Which migration was running since when.
type Began = Arc<Mutex<Vec<(Instant, String)>>>;

/// A database with the tables, so many items, and a migrator that has the rest to do.
async fn with_items(name: &str, items: i64) -> (Endpoint, Migrator, Began) {
    let endpoint = database(name);
    let began = Began::default();
    let tell = {
        let began = Arc::clone(&began);
        Observer::new(move |event| {
            if let Event::Began { migration } = event {
                began.lock().unwrap().push((Instant::now(), migration));
            }
        })
    };
    let series: Series = Source::BuiltIn.read(Target::Workspace).unwrap();
    let migrator = Migrator::connect(&endpoint, Target::Workspace, series, options(), tell).await.unwrap();
    migrator.up(Some(2)).await.unwrap();
    let own = client(&endpoint).await;
    own.execute(include_str!("../../../../demo/src/seed/items.sql"), &[&items]).await.unwrap();
    let beyond = "SELECT setval('workspace.workspace_items_id_seq', 100000000)";
    own.batch_execute(beyond).await.unwrap();
    (endpoint, migrator, began)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_fails_while_indexes_are_built() {
    let (endpoint, migrator, _) = with_items("under_load", 5_000).await;
    let load = Load::start(&endpoint);
    let applied = migrator.up(None).await.unwrap();
    while load.asked() <= 100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let seen = load.stop().await;
    assert!(migrator.status().await.unwrap().is_current());
    assert_eq!(seen.failed, 0, "{seen:?}");
    assert!(applied.len() >= 19, "{applied:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by cargo xtask trial migrate"]
async fn migrate_holds_up_no_statement_while_all_indexes_are_built() {
    let (endpoint, migrator, began) = with_items("under_long_load", 1_000_000).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let other_database = Endpoint { url: POSTGRES.url(), tls_ca_file: String::new() };
    let looks = Looks::start(&other_database, stopped).await;

    let load = Load::start(&endpoint);
    tokio::time::sleep(CONTROL).await;
    let before = load.stop().await;
    let load = Load::start(&endpoint);
    let start = Instant::now();
    let applied = migrator.up(None).await;
    let took = start.elapsed();
    let during = load.stop().await;
    let load = Load::start(&endpoint);
    tokio::time::sleep(CONTROL).await;
    let after = load.stop().await;

    stop.send_replace(true);
    let looked = looks.stopped().await;
    let applied = applied.unwrap().len();
    println!("{applied} migrations in {:.0} s under load:", took.as_secs_f64());
    let began = began.lock().unwrap().clone();
    tell(&format!("before, for {} s", CONTROL.as_secs()), &before, &looked, &[]);
    tell("during", &during, &looked, &began);
    tell(&format!("after, with all indexes, for {} s", CONTROL.as_secs()), &after, &looked, &[]);
    assert!(migrator.status().await.unwrap().is_current());
    assert_eq!([before.failed, during.failed, after.failed], [0; 3]);
    for asked in &during.slowest {
        let account = looked.account(asked);
        let for_locks = asked.took.as_secs_f64() * 1e3 * account.share("Lock ");
        assert!(for_locks <= BOUND, "{for_locks:.1} ms for a lock: {asked:?} {account:?}");
    }
    // What takes as long without migrations is the machine's.
    let (longest, control) = (during.longest(), before.longest().max(after.longest()));
    assert!(longest <= BOUND || control > BOUND, "{longest:.1} ms, {control:.1} ms without migrations");
    if longest > BOUND {
        println!(
            "above {BOUND} ms, as without migrations ({control:.1} ms): this machine is too busy to tell"
        );
    }
}

/// Prints what the load saw, and where the time of its five slowest statements went.
fn tell(when: &str, seen: &Seen, looked: &Looked, began: &[(Instant, String)]) {
    let Seen { statements, failed, .. } = seen;
    println!("{when}: {statements} statements, {failed} failed, the longest took {:.1} ms", seen.longest());
    for asked in seen.slowest.iter().take(5) {
        let running = began.iter().rev().find(|(at, _)| *at <= asked.began);
        let migration = running.map_or("no migration", |(_, migration)| migration);
        let account = looked.account(asked);
        let took = asked.took.as_secs_f64() * 1e3;
        let starved = account.starved.as_secs_f64() * 1e3;
        let doing: Vec<_> = account.doing.iter().map(|(what, times)| format!("{what} {times}")).collect();
        println!(
            "  {} {took:.1} ms ({migration}), {starved:.1} of it waiting for a processor; looks: {}",
            asked.what,
            doing.join(", ")
        );
    }
}
