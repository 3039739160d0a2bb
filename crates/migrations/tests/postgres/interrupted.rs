//! Builds that came to no end.

use std::time::Duration;

use migrations::{Error, Event, Outcome, State, Verdict};

use crate::support::{Events, client, database, migrator, migrator_with, options};

const ITEMS: (&str, &str) = (
    "001_items.sql",
    "CREATE TABLE items AS SELECT generate_series(1, 1000) AS a;\n--! down\nDROP TABLE items;\n",
);
const INDEX: (&str, &str) = (
    "002_items_a.sql",
    "--! transaction: none\n--! index: items_a\n--! query: SELECT 1\nCREATE INDEX CONCURRENTLY items_a ON items (a);\n--! down\nDROP INDEX CONCURRENTLY items_a;\n",
);

/// A transaction that a concurrent build waits for.
const HOLD: &str = "BEGIN; UPDATE workspace.items SET a = a WHERE a = 1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_in_the_middle_of_a_build_is_repaired_by_the_next_up() {
    let endpoint = database("lost_connection");
    migrator(&endpoint, &[ITEMS]).await.up(None).await.unwrap();
    let (holder, other) = (client(&endpoint).await, client(&endpoint).await);
    holder.batch_execute(HOLD).await.unwrap();
    let events = Events::default();
    let building = migrator_with(&endpoint, &[ITEMS, INDEX], options(), events.observer()).await;
    let building = tokio::spawn(async move { building.up(None).await });
    // It waits for the transaction, which the progress shows, and then loses its connection.
    let waits = |event: &Event| matches!(event, Event::Progress { waits_for: Some(_), .. });
    while !events.all().iter().any(waits) {
        assert!(!building.is_finished(), "{:?}", events.all());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE application_name = 'slipstream migrate' AND datname = current_database()";
    other.execute(end, &[]).await.unwrap();
    let error = building.await.unwrap().unwrap_err();
    assert!(matches!(&error, Error::ConnectionLost { .. } | Error::Failed { .. }), "{error:?}");
    assert!(error.to_string().contains("run"), "{error}");
    holder.batch_execute("ROLLBACK").await.unwrap();

    let events = Events::default();
    let again = migrator_with(&endpoint, &[ITEMS, INDEX], options(), events.observer()).await;
    let status = again.status().await.unwrap();
    assert!(matches!(status.migrations[1].state, State::Interrupted(_)), "{status:?}");
    assert!(again.verify(false).await.unwrap().iter().any(|check| check.verdict == Verdict::Fail));
    assert_eq!(again.up(None).await.unwrap(), [2]);
    let repairs = |event: &Event| matches!(event, Event::Repairing { what, .. } if what.contains("dropping the invalid index items_a"));
    assert!(events.all().iter().any(repairs), "{:?}", events.all());
    assert!(again.verify(false).await.unwrap().iter().all(|check| check.verdict != Verdict::Fail));
    assert_eq!(again.drift().await.unwrap(), []);
}

#[tokio::test]
async fn what_a_crash_left_between_build_and_record_is_told_apart() {
    // What is in the database, and what is recorded, when a crash comes at each point.
    for (name, sql, repairs) in [
        ("crash_before", "SELECT 1", false),
        (
            "crash_invalid",
            "CREATE INDEX items_a ON workspace.items (a); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'workspace.items_a'::regclass",
            true,
        ),
        ("crash_after", "CREATE INDEX items_a ON workspace.items (a)", true),
    ] {
        let endpoint = database(name);
        migrator(&endpoint, &[ITEMS]).await.up(None).await.unwrap();
        let client = client(&endpoint).await;
        client.batch_execute(sql).await.unwrap();
        for outcome in ["running", "failed", "reverting"] {
            client
                .batch_execute(&format!(
                    "INSERT INTO workspace.schema_version (version, name, checksum, outcome) VALUES (2, 'items_a', 'old', '{outcome}') \
                     ON CONFLICT (version) DO UPDATE SET outcome = excluded.outcome"
                ))
                .await
                .unwrap();
            let events = Events::default();
            let migrator = migrator_with(&endpoint, &[ITEMS, INDEX], options(), events.observer()).await;
            assert_eq!(migrator.up(None).await.unwrap(), [2], "{name} {outcome}");
            let status = migrator.status().await.unwrap();
            assert_eq!(status.migrations[1].entry.as_ref().unwrap().outcome, Outcome::Applied);
            assert_eq!(migrator.drift().await.unwrap(), [], "{name} {outcome}");
            let repaired = events.all().iter().any(|event| matches!(event, Event::Repairing { .. }));
            assert!(repaired == repairs || outcome != "running", "{name}: {:?}", events.all());
        }
    }
}

#[tokio::test]
async fn an_invalid_index_that_is_left_behind_is_found_and_repaired() {
    let endpoint = database("left_behind");
    let migrator = migrator(&endpoint, &[ITEMS, INDEX]).await;
    migrator.up(None).await.unwrap();
    let break_it = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'workspace.items_a'::regclass";
    client(&endpoint).await.batch_execute(break_it).await.unwrap();
    let checks = migrator.verify(false).await.unwrap();
    assert!(checks[0].verdict == Verdict::Fail && checks[0].why.contains("is invalid"), "{checks:?}");
    let drift = migrator.drift().await.unwrap();
    assert!(drift[0].found.as_ref().unwrap().ends_with("(invalid)"), "{drift:?}");
    let done = migrator.repair(false).await.unwrap();
    assert!(
        done[0].contains("dropped the invalid index items_a") && done[1].contains("forgot 002"),
        "{done:?}"
    );
    assert_eq!(migrator.up(None).await.unwrap(), [2]);
    assert_eq!(migrator.drift().await.unwrap(), []);
}

#[tokio::test]
async fn a_build_that_cannot_succeed_leaves_no_index() {
    let endpoint = database("cannot_succeed");
    let twins = ("001_items.sql", "CREATE TABLE items AS SELECT 1 AS a FROM generate_series(1, 2);");
    let unique =
        ("002_items_a.sql", "--! transaction: none\nCREATE UNIQUE INDEX CONCURRENTLY items_a ON items (a);");
    let migrator = migrator(&endpoint, &[twins, unique]).await;
    let error = migrator.up(None).await.unwrap_err().to_string();
    assert!(error.contains("002_items_a.sql: could not create unique index \"items_a\""), "{error}");
    let State::Interrupted(why) = &migrator.status().await.unwrap().migrations[1].state else { panic!() };
    assert!(why.contains("could not create unique index"), "{why}");
    let left = client(&endpoint)
        .await
        .query_one("SELECT to_regclass('workspace.items_a') IS NULL", &[])
        .await
        .unwrap();
    assert!(left.get::<_, bool>(0), "the invalid index is gone");
}
