//! Migrating while others hold locks, and while others migrate.

use std::time::Duration;

use migrations::{Error, Event, Options, Target};

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
