//! The migrations of the program.

use migrations::{Blocks, Options, Planned, Source, Target, Verdict};

use crate::support::{built_in, client, database, options};

#[tokio::test]
async fn all_go_up_and_down_and_up_again() {
    for target in Target::ALL {
        let endpoint = database(&format!("round_{}", target.schema()));
        let sets = vec!["default".to_owned(), "covered".to_owned()];
        let migrator = built_in(&endpoint, target, Options { sets, ..options() }).await;
        let before = migrator.status().await.unwrap();
        assert!(!before.is_current() && before.version() == 0, "{before:?}");
        let applied = migrator.up(None).await.unwrap();
        let wanted: Vec<u32> =
            before.migrations.iter().filter(|own| own.state.is_due()).map(|own| own.number).collect();
        assert_eq!(applied, wanted, "{target}");
        let after = migrator.status().await.unwrap();
        assert!(after.is_current(), "{after:?}");
        assert_eq!(migrator.drift().await.unwrap(), [], "{target}");
        for check in migrator.verify(false).await.unwrap() {
            assert_eq!(check.verdict, Verdict::Unjudged, "{check:?}");
        }
        assert_eq!(migrator.up(None).await.unwrap(), [0; 0]);

        let refused = migrator.down(0, false).await.unwrap_err().to_string();
        assert!(
            refused.contains("would lose data (DROP TABLE") && refused.contains("--lose-data"),
            "{refused}"
        );
        let mut reverted = migrator.down(0, true).await.unwrap();
        reverted.reverse();
        assert_eq!(reverted, wanted, "{target}");
        let left: i64 = client(&endpoint)
            .await
            .query_one(
                "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
                 WHERE nspname = $1 AND relname NOT LIKE 'schema_version%'",
                &[&target.schema()],
            )
            .await
            .unwrap()
            .get(0);
        assert_eq!(left, 0, "{target}");
        assert_eq!(migrator.up(None).await.unwrap(), wanted, "{target}");
        assert_eq!(migrator.drift().await.unwrap(), [], "{target}");
    }
}

#[test]
fn none_holds_up_reads_or_writes_and_none_is_dangerous() {
    for target in Target::ALL {
        let series = Source::BuiltIn.read(target).unwrap();
        for migration in series.migrations().iter().filter(|migration| migration.requires.is_empty()) {
            let planned = Planned::of(migration);
            assert_eq!(planned.blocks(), Blocks::Nothing, "{planned:?}");
            assert_eq!(planned.findings, [], "{}", migration.file);
            assert!(migration.down.is_some(), "{}", migration.file);
        }
    }
}

#[test]
fn the_default_set_has_enough_indexes_of_every_kind() {
    for (target, table, least) in
        [(Target::Workspace, "workspace_items_", 15), (Target::TpCapital, "tp_capital_signals_", 12)]
    {
        let series = Source::BuiltIn.read(target).unwrap();
        let default: Vec<_> = series
            .migrations()
            .iter()
            .filter(|own| own.set.as_deref().is_none_or(|set| set == "default"))
            .filter_map(|own| own.evidence.as_ref())
            .filter(|own| own.index.starts_with(table))
            .collect();
        assert!(default.len() >= least, "{target}: {}", default.len());
        assert!(default.iter().all(|own| own.covered_by.is_none()));
        assert!(series.sets().contains(&"covered"));
    }
}

/// What a GIN index has put off, one write after the other makes up for, and holds up its client meanwhile.
#[tokio::test]
async fn no_write_makes_up_for_more_than_a_mebibyte_that_others_put_off() {
    for (target, least) in [(Target::Workspace, 3), (Target::TpCapital, 2)] {
        let endpoint = database(&format!("put_off_{}", target.schema()));
        built_in(&endpoint, target, options()).await.up(None).await.unwrap();
        let sql = "SELECT c.relname::text, coalesce(substring(array_to_string(reloptions, ',') FROM 'gin_pending_list_limit=(\\d+)')::int, 4096)
                   FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE a.amname = 'gin'";
        let rows = client(&endpoint).await.query(sql, &[]).await.unwrap();
        assert!(rows.len() >= least, "{target}");
        for row in rows {
            let (index, kibibytes): (String, i32) = (row.get(0), row.get(1));
            assert!(kibibytes <= 1_024, "{index}: {kibibytes}");
        }
    }
}
