//! The migrations and the figures on a real TimescaleDB, and on a server without.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use migrations::{Endpoint, Migrator, Observer, Options, Series, Source, State, Target, connect};
use testbed::{Postgres, Timescale};
use timescale::{CHOSEN, Health, LAYOUTS, Presence, Status, better, measure, segments, status};
use tokio_postgres::Client;

fn endpoint(url: String) -> Endpoint {
    Endpoint { url, ..Endpoint::default() }
}

/// The signals' own table and what is about TimescaleDB, without the indexes: the server in WebAssembly cannot build them
/// concurrently.
fn series() -> Series {
    let folder = testbed::workspace_root().join("companion/migrations/tp-capital");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("001_") || name.starts_with('1') || name.starts_with('2') || name.starts_with('3')
        {
            files.push((name, std::fs::read_to_string(path).unwrap()));
        }
    }
    Series::new(files.iter().map(|(name, text)| (name.as_str(), text.as_str()))).unwrap()
}

async fn migrator(url: String, series: Series, sets: &[&str]) -> Migrator {
    let options = Options { sets: sets.iter().map(|set| (*set).to_owned()).collect(), ..Options::default() };
    Migrator::connect(&endpoint(url), Target::TpCapital, series, options, Observer::silent()).await.unwrap()
}

async fn number(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

const DAYS: &str = "SELECT count(*) FROM tp_capital.tp_capital_signals_daily";

#[tokio::test(flavor = "multi_thread")]
async fn signals_are_compressed_summed_up_and_deleted_as_chosen() {
    let server = tokio::task::spawn_blocking(Timescale::start).await.unwrap().unwrap();
    let client = connect(&endpoint(server.url()), "test").await.unwrap();

    // The table and its signals are there before the rest is chosen.
    let plain = migrator(server.url(), series(), &[]).await;
    assert_eq!(plain.up(None).await.unwrap(), [1]);
    client.batch_execute("SET search_path TO tp_capital, public").await.unwrap();
    client.batch_execute(&Timescale::signals(6, 4_000)).await.unwrap();
    let rows = number(&client, "SELECT count(*) FROM tp_capital_signals").await;
    assert_eq!(rows, 24_000);
    let chosen = migrator(server.url(), series(), &["timescale", "timescale-retention"]).await;
    assert_eq!(chosen.up(None).await.unwrap(), [100, 101, 102, 103, 104, 105, 106, 107, 200]);
    assert!(chosen.up(None).await.unwrap().is_empty());
    assert_eq!(number(&client, "SELECT count(*) FROM tp_capital_signals").await, rows);
    assert_eq!(number(&client, "SELECT sum(signals)::int8 FROM tp_capital_signals_daily").await, rows);
    assert_eq!(chosen.drift().await.unwrap(), []);

    // Jobs do their work: all chunks are older than a week.
    let now = read(&client).await;
    assert_eq!(now.presence.lacks(), None);
    assert!(now.risks.is_empty() && !now.is_wrong(), "{now:?}");
    let compression = job(&now, "policy_compression");
    client.batch_execute(&format!("CALL run_job({compression})")).await.unwrap();
    let now = read(&client).await;
    let table = now.hypertables.first().unwrap();
    assert_eq!((table.name.as_str(), table.segment_by.as_str()), ("tp_capital.tp_capital_signals", "asset"));
    assert!(table.compressed_chunks == table.chunks && table.saved_percent().unwrap() > 30.0, "{table:?}");
    assert_eq!(number(&client, "SELECT count(*) FROM tp_capital_signals").await, rows);

    // Chunks, old and new, compressed or not, are the table's own affair; an index and a column that somebody added are not.
    client
        .batch_execute(
            "INSERT INTO tp_capital_signals (ts, asset, channel, signal_type, price)
             SELECT now() + interval '1 year', asset, channel, signal_type, price FROM tp_capital_signals LIMIT 1",
        )
        .await
        .unwrap();
    assert_eq!(chosen.drift().await.unwrap(), []);
    client
        .batch_execute(
            "CREATE INDEX somebodys ON tp_capital_signals (price, ts);
             ALTER TABLE tp_capital_signals ALTER COLUMN channel DROP NOT NULL",
        )
        .await
        .unwrap();
    let drift = chosen.drift().await.unwrap();
    let names: Vec<(&str, &str)> = drift.iter().map(|one| (one.kind.as_str(), one.name.as_str())).collect();
    assert_eq!(names, [("column", "tp_capital_signals.channel"), ("index", "somebodys")], "{drift:?}");
    client
        .batch_execute(
            "DROP INDEX somebodys;
             ALTER TABLE tp_capital_signals ALTER COLUMN channel SET NOT NULL;
             DELETE FROM tp_capital_signals WHERE ts > now() + interval '6 months'",
        )
        .await
        .unwrap();
    assert_eq!(chosen.drift().await.unwrap(), []);

    // Retention deletes signals, and no refresh deletes their days.
    let days = number(&client, DAYS).await;
    client
        .batch_execute(
            "SELECT drop_chunks('tp_capital_signals', older_than => timestamptz '2025-07-01');
             SELECT count(*) FROM tp_capital_signals",
        )
        .await
        .unwrap();
    assert!(number(&client, "SELECT count(*) FROM tp_capital_signals").await < rows);
    let refresh = job(&now, "policy_refresh_continuous_aggregate");
    client.batch_execute(&format!("CALL run_job({refresh})")).await.unwrap();
    assert_eq!(number(&client, DAYS).await, days);
    assert_eq!(number(&client, "SELECT sum(signals)::int8 FROM tp_capital_signals_daily").await, rows);

    // A policy that would delete them is told of.
    client
        .batch_execute(
            "SELECT remove_continuous_aggregate_policy('tp_capital_signals_daily');
             SELECT add_continuous_aggregate_policy('tp_capital_signals_daily', start_offset => NULL,
                        end_offset => INTERVAL '1 hour', schedule_interval => INTERVAL '1 hour')",
        )
        .await
        .unwrap();
    let now = read(&client).await;
    assert!(
        now.is_wrong() && now.risks.first().unwrap().aggregate == "tp_capital.tp_capital_signals_daily",
        "{now:?}"
    );

    // So is a job that fails, and one that is switched off. No worker runs here, so the failure is put on record by hand.
    client
        .batch_execute(&format!(
            "SELECT alter_job({compression}, scheduled => false);
             INSERT INTO _timescaledb_internal.bgw_job_stat
                 (job_id, last_start, last_finish, next_start, last_successful_finish, last_run_success, total_runs, total_duration,
                  total_duration_failures, total_successes, total_failures, total_crashes, consecutive_failures,
                  consecutive_crashes, flags)
             SELECT job_id, now(), now(), now(), '-infinity', false, 3, '1s', '1s', 0, 3, 0, 3, 0, 0
             FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention'"
        ))
        .await
        .unwrap();
    let now = read(&client).await;
    let health =
        |what: &str| now.jobs.iter().find(|job| job.what == what).map(|job| job.health.clone()).unwrap();
    assert_eq!(health("policy_compression"), Health::Off);
    assert!(matches!(health("policy_retention"), Health::Failing(_)), "{now:?}");
}

async fn read(client: &Client) -> Status {
    status(client).await.unwrap()
}

fn job(status: &Status, what: &str) -> i32 {
    status.jobs.iter().find(|job| job.what == what).unwrap().id
}

#[tokio::test(flavor = "multi_thread")]
async fn the_layout_with_full_segments_is_the_smallest() {
    let server = tokio::task::spawn_blocking(Timescale::start).await.unwrap().unwrap();
    let client = connect(&endpoint(server.url()), "test").await.unwrap();
    migrator(server.url(), series(), &[]).await.up(None).await.unwrap();
    client.batch_execute("SET search_path TO tp_capital, public").await.unwrap();
    client.batch_execute(&Timescale::signals(3, 15_000)).await.unwrap();
    let counted = segments(&client, &LAYOUTS, 360).await.unwrap();
    let best = better(&counted).unwrap();
    assert_eq!(best.layout, CHOSEN, "{counted:?}");
    assert!(best.rows > 44_000 && best.rows_per_segment > 1_000.0, "{best:?}");
    let mut measured = Vec::new();
    for layout in [LAYOUTS[0], LAYOUTS[1], LAYOUTS[3]] {
        measured.push(measure(&client, layout, 360, 50_000).await.unwrap());
    }
    assert!(measured.is_sorted_by_key(|measured| measured.compressed_bytes), "{measured:?}");
    assert_eq!(
        number(&client, "SELECT count(*) FROM pg_namespace WHERE nspname = 'slipstream_layouts'").await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_extension_the_rest_is_applied_and_what_is_not_in_force_is_said() {
    let server = tokio::task::spawn_blocking(Postgres::start).await.unwrap().unwrap();
    let url = format!("{}?sslmode=disable", server.url());
    let client = connect(&endpoint(url.clone()), "test").await.unwrap();
    let series = Source::BuiltIn.read(Target::TpCapital).unwrap();
    let migrator = migrator(url, series, &["default", "timescale", "timescale-retention"]).await;
    let applied = migrator.up(None).await.unwrap();
    assert!(applied.len() >= 16 && applied.iter().all(|number| *number < 100), "{applied:?}");
    let status = migrator.status().await.unwrap();
    let mut not_in_force = 0;
    for migration in status.migrations.iter().filter(|migration| (100..300).contains(&migration.number)) {
        assert!(
            matches!(&migration.state, State::NotInForce(why) if why.contains("timescaledb")),
            "{migration:?}"
        );
        not_in_force += 1;
    }
    assert_eq!(not_in_force, 9);
    let status = read(&client).await;
    assert_eq!(status.presence, Presence::Missing);
    assert!(status.presence.lacks().unwrap().contains("not in force") && !status.is_wrong());
}

/// What is asked of the server is whether it has the extension, and what its licence is: both are made so on a stock one.
#[tokio::test(flavor = "multi_thread")]
async fn under_the_apache_licence_the_rest_is_applied_and_what_is_not_in_force_is_said() {
    let started = || Postgres::start_with(&["timescaledb.license=apache", "allow_system_table_mods=on"]);
    let server = tokio::task::spawn_blocking(started).await.unwrap().unwrap();
    let url = format!("{}?sslmode=disable", server.url());
    let client = connect(&endpoint(url.clone()), "test").await.unwrap();
    let installed =
        "INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
                     VALUES (99999, 'timescaledb', 10, 'public'::regnamespace, false, '2.23.0')";
    client.batch_execute(installed).await.unwrap();
    let series = Source::BuiltIn.read(Target::TpCapital).unwrap();
    let migrator = migrator(url, series, &["default", "timescale", "timescale-retention"]).await;
    let applied = migrator.up(None).await.unwrap();
    assert!(applied.len() >= 16 && applied.iter().all(|number| *number < 100), "{applied:?}");
    let conditions = migrator.status().await.unwrap().migrations;
    let reasons: Vec<&str> = conditions
        .iter()
        .filter_map(|condition| match &condition.state {
            State::NotInForce(why) => Some(why.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(reasons.len(), 9, "{conditions:?}");
    for reason in reasons {
        assert!(
            reason.contains("licence is set to apache") && reason.contains("timescaledb.license to"),
            "{reason}"
        );
    }
    let presence = Presence::ask(&client).await.unwrap();
    assert_eq!(presence, Presence::Apache { version: "2.23.0".to_owned() });
    assert!(presence.lacks().unwrap().contains("not in force. Set timescaledb.license = 'timescale'"));
}
