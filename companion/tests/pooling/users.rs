//! Who gets in.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::stack::{Stack, url};

#[test]
fn users_of_the_urls_get_in_by_their_own_passwords_and_nobody_else_does() {
    let stack = Stack::start(&[]);
    let who = "SELECT current_user || ' in ' || current_database()";
    let own = "work%27s%20%22own%22";
    assert_eq!(stack.ask("work", own, "APPS-WORKSPACE", who), "work in APPS-WORKSPACE");
    assert_eq!(stack.ask("capital", "capital", "APPS-TPCAPITAL", who), "capital in APPS-TPCAPITAL");
    for (user, password, database) in [
        ("work", "wrong", "APPS-WORKSPACE"),
        ("guest", "guest", "APPS-WORKSPACE"),
        ("slipstream", "wrong", "pgbouncer"),
        ("work", own, "postgres"),
        ("work", own, "pgbouncer"),
    ] {
        let answer = stack.ask(user, password, database, "SELECT 1");
        assert!(answer.contains("FATAL") || answer.contains("error"), "{user} {database}: {answer}");
    }
    for name in ["pgbouncer.ini", "userlist.txt"] {
        let file = stack.pgbouncer.folder().join(name);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains("own\"") && !text.contains("console's"), "{text}");
    }
}

#[test]
fn users_who_are_not_listed_get_in_by_the_query() {
    let page = include_str!("../../../docs/POOLING.md");
    let (_, rest) = page.split_once("```sql\n").unwrap();
    let (function, _) = rest.split_once("```").unwrap();
    let stack = Stack::start(&[
        ("SLIPSTREAM_POOLING__AUTH_USER", "asker"),
        ("SLIPSTREAM_POOLING__AUTH_PASSWORD", "asker"),
        ("SLIPSTREAM_POOLING__USERS_PER_DATABASE", "2"),
    ]);
    let admin = url(&stack.postgres, "postgres", "x", "APPS-WORKSPACE");
    let function = function.replace("pgbouncer_asker", "asker");
    let made =
        Command::new("psql").args(["-X", "-v", "ON_ERROR_STOP=1", "-c", &function, &admin]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    assert_eq!(stack.ask("guest", "guest", "APPS-WORKSPACE", "SELECT current_user"), "guest");
    let refused = stack.ask("guest", "wrong", "APPS-WORKSPACE", "SELECT 1");
    assert!(refused.contains("FATAL"), "{refused}");
    // The function tells nobody else, and nothing of administrators.
    let told = stack.ask("guest", "guest", "APPS-WORKSPACE", "SELECT * FROM pgbouncer_user('guest')");
    assert!(told.contains("permission denied"), "{told}");
    let asked =
        stack.ask("asker", "asker", "APPS-WORKSPACE", "SELECT count(*) FROM pgbouncer_user('postgres')");
    assert_eq!(asked, "0");
}
