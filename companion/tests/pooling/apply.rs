//! Changes that are told, written and in force.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::stack::{Stack, url};

#[test]
fn a_change_is_told_written_and_in_force_at_once() {
    let stack = Stack::start(&[]);
    let file = stack.pgbouncer.folder().join("pgbouncer.ini");
    let owner = fs::metadata(&file).unwrap().uid();
    let ran = stack.run(&["apply"], &[]);
    assert!(ran.status == 0 && ran.stdout.starts_with("nothing changes\n"), "{ran:?}");
    let change = [
        ("SLIPSTREAM_POOLING__DEFAULT_POOL_SIZE", "7"),
        ("SLIPSTREAM_POOLING__SERVER_IDLE_TIMEOUT_SECONDS", "60"),
    ];
    let ran = stack.run(&["apply", "--dry-run"], &change);
    assert!(
        ran.status == 0
            && ran.stdout.contains("~ default_pool_size: 20 → 7")
            && ran.stdout.ends_with("nothing was written\n"),
        "{ran:?}"
    );
    assert!(fs::read_to_string(&file).unwrap().contains("default_pool_size = 20"));
    let ran = stack.run(&["apply"], &change);
    assert!(ran.status == 0 && ran.stdout.contains("~ server_idle_timeout: 600 → 60"), "{ran:?}");
    let shown = stack.ask("slipstream", "console%27s", "pgbouncer", "SHOW CONFIG");
    assert!(shown.contains("default_pool_size|7|") && shown.contains("server_idle_timeout|60|"), "{shown}");
    // It can still be read by the user that PgBouncer runs as.
    assert_eq!(fs::metadata(&file).unwrap().uid(), owner);
    assert_eq!(stack.ask("capital", "capital", "APPS-TPCAPITAL", "SELECT 1"), "1");

    // A user's new password is in force too, and its old one is not.
    stack.postgres.sql("ALTER ROLE capital PASSWORD 'new'").unwrap();
    let new = url(&stack.postgres, "capital", "new", "APPS-TPCAPITAL");
    let ran = stack.run(&["apply"], &[change[0], change[1], ("SLIPSTREAM_TP_CAPITAL__URL", &new)]);
    assert!(ran.status == 0 && ran.stdout.starts_with("~ user capital: one secret → another\n"), "{ran:?}");
    assert_eq!(stack.ask("capital", "new", "APPS-TPCAPITAL", "SELECT 1"), "1");
    assert!(stack.ask("capital", "capital", "APPS-TPCAPITAL", "SELECT 1").contains("FATAL"));

    // What a running PgBouncer cannot change is said, and the status tells.
    let ran = stack.run(
        &["apply"],
        &[("SLIPSTREAM_POOLING__LISTEN_ADDR", "127.0.0.2"), ("SLIPSTREAM_TP_CAPITAL__URL", &new)],
    );
    assert!(ran.status == 1 && ran.stdout.contains("not in force before a restart: listen_addr"), "{ran:?}");
}
