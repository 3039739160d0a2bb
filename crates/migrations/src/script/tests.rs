//! What files mean, and what is said about wrong ones.

use super::*;

const INDEX: &str = "\
--! transaction: none
--! set: default
--! requires: timescaledb
--! index: items_newest
--! query: SELECT * FROM items
--! | ORDER BY created_at DESC LIMIT 50
CREATE INDEX CONCURRENTLY items_newest ON items (created_at DESC);

--! down
DROP INDEX CONCURRENTLY IF EXISTS items_newest;
";

#[test]
fn a_file_is_read_whole() {
    let migration = Migration::parse("003_items_newest.sql", INDEX).unwrap();
    assert_eq!((migration.number, migration.label().as_str()), (3, "003 items_newest"));
    assert_eq!((migration.transactional, migration.set.as_deref()), (false, Some("default")));
    assert_eq!(migration.requires, [Requirement::parse("timescaledb").unwrap()]);
    let evidence = migration.evidence.unwrap();
    assert_eq!(evidence.query, "SELECT * FROM items ORDER BY created_at DESC LIMIT 50");
    let down = migration.down.unwrap();
    assert_eq!((down.sql.trim(), down.line_of(1)), ("DROP INDEX CONCURRENTLY IF EXISTS items_newest;", 10));
}

#[test]
fn the_checksum_is_of_what_runs() {
    let sum = |text: &str| Migration::parse("001_a.sql", text).unwrap().checksum;
    let same = sum("CREATE TABLE a (b int);\nSELECT 1;\n");
    for text in [
        "CREATE TABLE a (b int);\r\nSELECT 1;\r\n",
        "\u{feff}CREATE TABLE a (b int);   \nSELECT 1;\n\n",
        "--! set: x\nCREATE TABLE a (b int);\nSELECT 1;",
        "CREATE TABLE a (b int);\nSELECT 1;\n--! down\nDROP TABLE a;\n",
    ] {
        assert_eq!(sum(text), same, "{text:?}");
    }
    assert_ne!(sum("CREATE TABLE a (b bigint);\nSELECT 1;\n"), same);
}

#[test]
fn a_wrong_file_is_named_with_what_would_be_right() {
    for (file, text, expected) in [
        ("items.sql", "SELECT 1", "expected a name such as 007_items_newest.sql"),
        ("0_items.sql", "SELECT 1", "expected a name"),
        ("001_Items.sql", "SELECT 1", "expected a name"),
        ("001_a.sql", "-- nothing", "has no statement"),
        (
            "001_a.sql",
            "SELECT 1;\n--! requries: x",
            "line 2: unknown directive \"requries\", expected one of transaction, requires",
        ),
        ("001_a.sql", "--! transaction: no\nSELECT 1", "line 1: \"no\", expected `transaction: none`"),
        ("001_a.sql", "--! set: A b\nSELECT 1", "\"A b\", expected 1 to 32 lower-case letters"),
        ("001_a.sql", "--! set:\nSELECT 1", "expected a value after the colon"),
        ("001_a.sql", "--! set: a\n--! set: b\nSELECT 1", "line 2: says \"set\" for the second time"),
        ("001_a.sql", "--! requires: a b\nSELECT 1", "\"a b\", expected the name of an extension"),
        ("001_a.sql", "--! | more\nSELECT 1", "line 1: goes on with a line that is not there"),
        ("001_a.sql", "SELECT 1;\n--! down\nSELECT 2;\n--! set: a", "line 4: \"set\" stands below"),
        (
            "001_a.sql",
            "--! transaction: none\nSELECT 1; SELECT 2;",
            "has 2 statements in one direction, expected one",
        ),
        ("001_a.sql", "CREATE TABLE a (b int); COMMIT;", "has \"COMMIT\", expected none"),
        ("001_a.sql", "CREATE INDEX CONCURRENTLY a ON b (c)", "expected the line `--! transaction: none`"),
        ("001_a.sql", "--! index: a\nSELECT 1", "`index` without `query`"),
        ("001_a.sql", "--! query: SELECT 1\nSELECT 1", "`query` without `index`"),
        ("001_a.sql", "--! index: a\n--! query: SELECT {b}\nSELECT 1", "{b} and no `sample`"),
        (
            "001_a.sql",
            "--! index: a\n--! query: SELECT {b\n--! sample: SELECT 1\nSELECT 1",
            "a brace that is not closed",
        ),
        (
            "001_a.sql",
            "--! index: a\n--! query: SELECT 1\n--! rows: x\nSELECT 1",
            "\"x\", expected a number of rows",
        ),
    ] {
        let error = Migration::parse(file, text).expect_err(text).to_string();
        assert!(error.starts_with(file) && error.contains(expected), "{text:?}: {error}");
    }
}
