//! Migrating while others work, and while others migrate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use migrations::{Endpoint, Error, Event, Options, Target};

use crate::support::{Events, built_in, client, database, migrator, migrator_with, options};

const ITEMS: (&str, &str) = ("001_items.sql", "CREATE TABLE items (a int);");
const ADD: (&str, &str) = ("002_add.sql", "ALTER TABLE items ADD COLUMN b int;");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_at_once_all_end_well_and_each_migration_runs_once() {
    for target in Target::ALL {
        let endpoint = database(&format!("three_{}", target.schema()));
        let replicas: Vec<_> = (0..3)
            .map(|_| {
                let endpoint = endpoint.clone();
                tokio::spawn(
                    async move { built_in(&endpoint, target, options()).await.up(None).await.unwrap() },
                )
            })
            .collect();
        let mut applied = Vec::new();
        for replica in replicas {
            applied.extend(replica.await.unwrap());
        }
        applied.sort_unstable();
        let migrator = built_in(&endpoint, target, options()).await;
        let status = migrator.status().await.unwrap();
        let all: Vec<u32> =
            status.migrations.iter().filter(|own| own.entry.is_some()).map(|own| own.number).collect();
        assert_eq!(applied, all, "each ran once");
        assert!(status.is_current() && all.len() >= 12, "{status:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_finds_its_lock_taken_steps_back_and_comes_again() {
    let endpoint = database("steps_back");
    migrator(&endpoint, &[ITEMS]).await.up(None).await.unwrap();
    let holder = client(&endpoint).await;
    holder.batch_execute("BEGIN; SELECT * FROM workspace.items").await.unwrap();
    let impatient = Options { lock_patience: Duration::from_millis(300), ..options() };
    let events = Events::default();
    let migrator = migrator_with(&endpoint, &[ITEMS, ADD], impatient, events.observer()).await;
    let error = migrator.up(None).await.unwrap_err();
    assert!(matches!(&error, Error::LockTimeout { file, .. } if file == "002_add.sql"), "{error}");
    let tries = events.all().iter().filter(|event| matches!(event, Event::LockBusy { .. })).count();
    assert!(tries >= 2, "{:?}", events.all());

    let patient = migrator_with(&endpoint, &[ITEMS, ADD], options(), events.observer()).await;
    let upping = tokio::spawn(async move { patient.up(None).await });
    while events.all().iter().filter(|event| matches!(event, Event::LockBusy { .. })).count() == tries {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    holder.batch_execute("COMMIT").await.unwrap();
    assert_eq!(upping.await.unwrap().unwrap(), [2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_too_long_for_another_is_told_who_it_is() {
    let endpoint = database("waits_for_other");
    migrator(&endpoint, &[ITEMS]).await.up(None).await.unwrap();
    let holder = client(&endpoint).await;
    holder.batch_execute("BEGIN; SELECT * FROM workspace.items").await.unwrap();
    let events = Events::default();
    let first = migrator_with(&endpoint, &[ITEMS, ADD], options(), events.observer()).await;
    let first = tokio::spawn(async move { first.up(None).await });
    while !events.all().iter().any(|event| matches!(event, Event::LockBusy { .. })) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let impatient = Options { wait: Duration::from_millis(100), ..options() };
    let told = Events::default();
    let second = migrator_with(&endpoint, &[ITEMS, ADD], impatient, told.observer()).await;
    let error = second.up(None).await.unwrap_err().to_string();
    assert!(error.contains("process ") && error.contains("postgres@127.0.0.1"), "{error}");
    assert!(matches!(&told.all()[..], [Event::WaitingForOther { .. }]), "{:?}", told.all());
    holder.batch_execute("COMMIT").await.unwrap();
    first.await.unwrap().unwrap();
}

/// What a load saw.
#[derive(Debug, Default)]
struct Seen {
    statements: AtomicU64,
    failed: AtomicU64,
    longest_micros: AtomicU64,
}

/// Reads and writes until it is told to stop.
async fn load(endpoint: Endpoint, seed: u64, seen: Arc<Seen>, stop: Arc<AtomicBool>) {
    let client = client(&endpoint).await;
    let mut number = seed;
    while !stop.load(Ordering::Relaxed) {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let id = i64::try_from((number >> 33) % 5_000).unwrap() + 1;
        let start = Instant::now();
        let done = match number >> 62 {
            0 => {
                let sql = "INSERT INTO workspace.workspace_items (title, description, category, status, priority, tags) \
                           VALUES ('a title', 'a description', 'data', 'new', 'high', '{api,cost}')";
                client.execute(sql, &[]).await
            }
            1 => {
                client
                    .execute("UPDATE workspace.workspace_items SET updated_at = now() WHERE id = $1", &[&id])
                    .await
            }
            _ => client.execute("SELECT * FROM workspace.workspace_items WHERE id = $1", &[&id]).await,
        };
        let took = u64::try_from(start.elapsed().as_micros()).unwrap();
        seen.statements.fetch_add(1, Ordering::Relaxed);
        seen.failed.fetch_add(u64::from(done.is_err()), Ordering::Relaxed);
        seen.longest_micros.fetch_max(took, Ordering::Relaxed);
    }
}

async fn up_under_load(name: &str, items: i64) -> (Arc<Seen>, Vec<u32>) {
    let endpoint = database(name);
    let migrator = built_in(&endpoint, Target::Workspace, options()).await;
    migrator.up(Some(2)).await.unwrap();
    client(&endpoint)
        .await
        .execute(include_str!("../../../../demo/src/seed/items.sql"), &[&items])
        .await
        .unwrap();
    client(&endpoint)
        .await
        .batch_execute("SELECT setval('workspace.workspace_items_id_seq', 100000000)")
        .await
        .unwrap();
    let (seen, stop) = (Arc::new(Seen::default()), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (1..=4)
        .map(|seed| tokio::spawn(load(endpoint.clone(), seed, Arc::clone(&seen), Arc::clone(&stop))))
        .collect();
    let applied = migrator.up(None).await;
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    assert!(migrator.status().await.unwrap().is_current());
    (seen, applied.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_fails_while_indexes_are_built() {
    let (seen, applied) = up_under_load("under_load", 5_000).await;
    assert_eq!(seen.failed.load(Ordering::Relaxed), 0, "{seen:?}");
    assert!(seen.statements.load(Ordering::Relaxed) > 100 && applied.len() >= 19, "{seen:?} {applied:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by cargo xtask trial migrate"]
async fn migrate_holds_up_no_statement_while_all_indexes_are_built() {
    let (seen, applied) = up_under_load("under_long_load", 1_000_000).await;
    let longest = seen.longest_micros.load(Ordering::Relaxed) as f64 / 1e3;
    println!(
        "{} migrations under load: {} statements, {} failed, the longest took {longest:.1} ms",
        applied.len(),
        seen.statements.load(Ordering::Relaxed),
        seen.failed.load(Ordering::Relaxed)
    );
    assert_eq!(seen.failed.load(Ordering::Relaxed), 0);
    assert!(longest <= 150.0, "{longest} ms");
}
