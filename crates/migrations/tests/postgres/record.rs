//! What is recorded, and what follows from it.

use migrations::{Observer, Options, Outcome, State};

use crate::support::{Events, POSTGRES, client, database, migrator, migrator_with, options};

const ITEMS: (&str, &str) = ("001_items.sql", "CREATE TABLE items (a int);\n--! down\nDROP TABLE items;\n");
const INDEX: (&str, &str) = (
    "002_items_a.sql",
    "--! transaction: none\n--! index: items_a\n--! query: SELECT 1\nCREATE INDEX CONCURRENTLY items_a ON items (a);\n--! down\nDROP INDEX CONCURRENTLY items_a;\n",
);

#[tokio::test]
async fn who_did_what_is_recorded() {
    let endpoint = database("record_who");
    let events = Events::default();
    let migrator = migrator_with(&endpoint, &[ITEMS, INDEX], options(), events.observer()).await;
    assert_eq!(migrator.up(Some(1)).await.unwrap(), [1]);
    assert_eq!(migrator.status().await.unwrap().due(), 1);
    assert_eq!(migrator.up(None).await.unwrap(), [2]);
    let status = migrator.status().await.unwrap();
    for condition in &status.migrations {
        let entry = condition.entry.as_ref().unwrap();
        assert_eq!((entry.outcome, entry.applied_by.as_str()), (Outcome::Applied, "postgres@127.0.0.1"));
        assert!(entry.duration_ms.is_some() && entry.started_at > 1_700_000_000, "{entry:?}");
        assert_eq!(entry.checksum.len(), 64);
    }
    assert_eq!(events.all().len(), 4, "{:?}", events.all());
    assert_eq!(migrator.down(1, false).await.unwrap(), [2]);
    assert_eq!(migrator.status().await.unwrap().version(), 1);
}

#[tokio::test]
async fn what_was_edited_is_refused_until_it_is_accepted() {
    let endpoint = database("record_edited");
    migrator(&endpoint, &[ITEMS]).await.up(None).await.unwrap();
    // Line ends, trailing blanks and the way back are not what ran.
    let same = ("001_items.sql", "CREATE TABLE items (a int);  \r\n--! down\r\nDROP TABLE items CASCADE;");
    assert!(migrator(&endpoint, &[same]).await.status().await.unwrap().is_current());

    let edited = ("001_items.sql", "CREATE TABLE items (a bigint);");
    let migrator = migrator(&endpoint, &[edited, INDEX]).await;
    assert_eq!(migrator.status().await.unwrap().migrations[0].state, State::Edited);
    for error in [migrator.up(None).await.unwrap_err(), migrator.repair(false).await.unwrap_err()] {
        let error = error.to_string();
        assert!(
            error.contains("edited after it ran: 001_items.sql") && error.contains("--accept-edited"),
            "{error}"
        );
    }
    assert_eq!(migrator.status().await.unwrap().version(), 1, "nothing was applied");
    assert_eq!(migrator.repair(true).await.unwrap(), ["recorded 001_items.sql as it is now"]);
    assert_eq!(migrator.up(None).await.unwrap(), [2]);
    // The record is in order now; the schema is not.
    let drift = migrator.drift().await.unwrap();
    assert_eq!((drift.len(), drift[0].name.as_str()), (1, "items.a"), "{drift:?}");
    assert_eq!((drift[0].expected.as_deref(), drift[0].found.as_deref()), (Some("bigint"), Some("integer")));
}

#[tokio::test]
async fn what_the_server_lacks_keeps_nothing_else_from_being_applied() {
    let endpoint = database("record_requires");
    let needs = ("002_needs.sql", "--! requires: timescaledb\nSELECT create_hypertable('items', 'a');");
    let later = ("003_later.sql", "CREATE TABLE later (a int);");
    let migrator = migrator(&endpoint, &[ITEMS, needs, later]).await;
    assert_eq!(migrator.up(None).await.unwrap(), [1, 3]);
    let status = migrator.status().await.unwrap();
    assert!(status.is_current());
    let State::NotInForce(why) = &status.migrations[1].state else { panic!("{status:?}") };
    assert!(why.contains("does not have the extension timescaledb"), "{why}");
    assert_eq!(migrator.up(None).await.unwrap(), [0; 0]);
    // An extension that every server has.
    let met = ("002_needs.sql", "--! requires: plpgsql\nCREATE TABLE needs (a int);");
    assert_eq!(crate::support::migrator(&endpoint, &[ITEMS, met, later]).await.up(None).await.unwrap(), [2]);
}

#[tokio::test]
async fn sets_are_applied_if_they_are_chosen() {
    let endpoint = database("record_sets");
    let files = [
        ITEMS,
        ("002_b.sql", "--! set: default\nCREATE TABLE b (a int);"),
        ("003_c.sql", "--! set: more\nCREATE TABLE c (a int);"),
    ];
    for (sets, applied) in [(&[][..], &[1][..]), (&["more"], &[3]), (&["default"], &[2])] {
        let sets = sets.iter().map(|set| (*set).to_owned()).collect();
        let options = Options { sets, ..options() };
        let migrator = migrator_with(&endpoint, &files, options, Observer::silent()).await;
        assert_eq!(migrator.up(None).await.unwrap(), applied);
        assert!(migrator.status().await.unwrap().is_current(), "what is applied without being chosen stays");
    }
}

#[tokio::test]
async fn a_schema_that_was_there_before_is_recorded() {
    let endpoint = database("record_baseline");
    let client = client(&endpoint).await;
    client
        .batch_execute("CREATE SCHEMA workspace; CREATE TABLE workspace.items (a int); CREATE INDEX items_a ON workspace.items (a)")
        .await
        .unwrap();
    let migrator = migrator(&endpoint, &[ITEMS, INDEX]).await;
    let error = migrator.up(None).await.unwrap_err().to_string();
    assert!(
        error.starts_with("001_items.sql: relation") && error.contains("migrate baseline workspace --to 1"),
        "{error}"
    );
    assert_eq!(migrator.baseline(1, false).await.unwrap(), [1]);
    let error = migrator.up(None).await.unwrap_err().to_string();
    assert!(
        error.contains("an index items_a that no migration made") && error.contains("--only 2"),
        "{error}"
    );
    assert_eq!(migrator.baseline(2, true).await.unwrap(), [2]);
    let status = migrator.status().await.unwrap();
    assert!(status.is_current() && migrator.drift().await.unwrap().is_empty(), "{status:?}");
    assert_eq!(status.migrations[1].entry.as_ref().unwrap().outcome, Outcome::Baseline);
    let error = migrator.baseline(9, false).await.unwrap_err().to_string();
    assert!(error.contains("there is no migration 9"), "{error}");
}

#[tokio::test]
async fn an_older_version_leaves_alone_what_a_newer_one_applied() {
    let endpoint = database("record_newer");
    migrator(&endpoint, &[ITEMS, INDEX]).await.up(None).await.unwrap();
    let older = migrator(&endpoint, &[ITEMS]).await;
    let status = older.status().await.unwrap();
    assert!(status.is_current() && status.version() == 2 && status.unknown.len() == 1, "{status:?}");
    assert_eq!(older.up(None).await.unwrap(), [0; 0]);
    let error = older.down(0, true).await.unwrap_err().to_string();
    assert!(error.contains("002 items_a was applied by a newer version"), "{error}");
}

#[tokio::test]
async fn drift_says_what_somebody_else_changed() {
    let endpoint = database("record_drift");
    let migrator = migrator(&endpoint, &[ITEMS, INDEX]).await;
    migrator.up(None).await.unwrap();
    client(&endpoint)
        .await
        .batch_execute(
            "ALTER TABLE workspace.items ADD COLUMN extra text; DROP INDEX workspace.items_a; \
             CREATE INDEX by_hand ON workspace.items (a)",
        )
        .await
        .unwrap();
    let drift = migrator.drift().await.unwrap();
    let seen: Vec<(&str, bool, bool)> =
        drift.iter().map(|own| (own.name.as_str(), own.expected.is_some(), own.found.is_some())).collect();
    assert_eq!(seen, [("items_a", true, false), ("items.extra", false, true), ("by_hand", false, true)]);
    let left = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'slipstream%'";
    assert_eq!(POSTGRES.sql(left).unwrap(), "0");
    // What is gone is built again.
    let checks = migrator.verify(false).await.unwrap();
    assert!(checks[0].why.contains("is not there although its migration ran"), "{checks:?}");
    assert_eq!(migrator.repair(false).await.unwrap().len(), 1);
    assert_eq!(migrator.up(None).await.unwrap(), [2]);
}
