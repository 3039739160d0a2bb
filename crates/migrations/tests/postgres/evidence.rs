//! What the planner does with the indexes, on enough rows.

use migrations::{Options, Target, Verdict};

use crate::support::{built_in, client, database, options};

/// Enough that the planner prefers each index for its query.
const ROWS: i64 = 100_000;

/// Some actions and actors are rarer than others.
const AUDIT_LOG: &str = "INSERT INTO workspace.workspace_audit_log (item_id, action, actor, created_at)
    SELECT hashint8(n)::bigint & 1023, (ARRAY['update', 'create', 'comment', 'delete'])[1 + width_bucket(hashint8(n) & 255, ARRAY[200, 240, 254])],
           'person-' || width_bucket(hashint8(-n) & 1023, ARRAY[400, 700, 900, 1000, 1020]),
           timestamptz '2024-01-01' + n * interval '1 minute'
    FROM generate_series(1, $1::bigint) n";

async fn judged(target: Target, seed: &str, tables: &str) -> Vec<migrations::Check> {
    let endpoint = database(&format!("evidence_{}", target.schema()));
    let client = client(&endpoint).await;
    let migrator = built_in(&endpoint, target, options()).await;
    let last = if target == Target::Workspace { 2 } else { 1 };
    migrator.up(Some(last)).await.unwrap();
    client.execute(seed, &[&ROWS]).await.unwrap();
    if target == Target::Workspace {
        client.execute(AUDIT_LOG, &[&ROWS]).await.unwrap();
    }
    migrator.up(None).await.unwrap();
    for table in tables.split(' ') {
        client.batch_execute(&format!("VACUUM ANALYZE {}.{table}", target.schema())).await.unwrap();
    }
    migrator.verify(true).await.unwrap()
}

#[tokio::test]
async fn every_index_of_the_items_is_used() {
    let seed = include_str!("../../../../demo/src/seed/items.sql");
    let checks = judged(Target::Workspace, seed, "workspace_items workspace_audit_log").await;
    let passed = |prefix: &str| {
        checks.iter().filter(|own| own.what.starts_with(prefix) && own.verdict == Verdict::Pass).count()
    };
    assert!(checks.iter().all(|own| own.verdict != Verdict::Fail), "{checks:#?}");
    assert!(passed("workspace_items_") >= 15 && passed("workspace_audit_log_") == 4, "{checks:#?}");
    assert!(checks.iter().filter(|own| own.verdict == Verdict::Pass).all(|own| own.took_ms.is_some()));
}

#[tokio::test]
async fn every_index_of_the_signals_is_used() {
    let seed = include_str!("../../../../demo/src/seed/signals.sql");
    let checks = judged(Target::TpCapital, seed, "tp_capital_signals").await;
    let passed = checks.iter().filter(|own| own.verdict == Verdict::Pass).count();
    assert!(passed >= 12 && checks.iter().all(|own| own.verdict != Verdict::Fail), "{checks:#?}");
}

#[tokio::test]
async fn a_report_says_what_each_index_takes_and_what_could_go() {
    let endpoint = database("evidence_report");
    let sets = vec!["default".to_owned(), "covered".to_owned()];
    let migrator = built_in(&endpoint, Target::Workspace, Options { sets, ..options() }).await;
    migrator.up(None).await.unwrap();
    let seed = include_str!("../../../../demo/src/seed/items.sql");
    client(&endpoint).await.execute(seed, &[&2_000_i64]).await.unwrap();
    let report = migrator.report(true).await.unwrap();
    let of = |index: &str| report.iter().find(|own| own.index == index).unwrap();
    for own in
        report.iter().filter(|own| own.table == "workspace_items" && own.index != "workspace_items_pkey")
    {
        let cost = own.write_cost.unwrap();
        assert!(cost.rows == 2_000 && cost.wal_bytes_per_row > 0.0, "{own:?}");
    }
    let wal = |index: &str| of(index).write_cost.unwrap().wal_bytes_per_row;
    assert!(wal("workspace_items_search") > 3.0 * wal("workspace_items_updated"), "{report:#?}");
    assert!(
        of("workspace_items_category").could_go.as_ref().unwrap().contains("begins with the same columns")
    );
    assert_eq!(of("workspace_items_pkey").could_go, None);
    let count: i64 = client(&endpoint)
        .await
        .query_one("SELECT count(*) FROM workspace.workspace_items", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(count, 2_000, "what was written to measure is gone");
    assert_eq!(migrator.drift().await.unwrap(), []);
}
