//! What must not pass, or is found out: migrations, and answers of other clients.

use std::process::{Command, Stdio};

use crate::stack::{Stack, url};

#[test]
fn migrations_do_not_pass() {
    let stack = Stack::start(&[]);
    let pooled =
        format!("postgres://work:work%27s%20%22own%22@127.0.0.1:{}/APPS-WORKSPACE", stack.pgbouncer.port());
    for command in ["up", "status", "plan"] {
        let mut migrate = Command::new(env!("CARGO_BIN_EXE_slipstream"));
        migrate.args(["migrate", command]).env_clear().env("SLIPSTREAM_WORKSPACE__URL", &pooled);
        let output = migrate.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{command}: {said}");
        assert!(said.contains("This looks like a pooler") && !said.contains("own"), "{command}: {said}");
    }
    let direct = url(&stack.postgres, "work", "work%27s%20%22own%22", "APPS-WORKSPACE");
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'workspace'";
    let psql = Command::new("psql").args(["-X", "-A", "-t", "-c", schemas, &direct]).output().unwrap();
    assert_eq!(String::from_utf8(psql.stdout).unwrap(), "0\n");
}

#[test]
fn an_answer_of_another_client_is_found() {
    let stack = Stack::start(&[("SLIPSTREAM_POOLING__DEFAULT_POOL_SIZE", "3")]);
    let clients = ["--clients", "16", "--queries", "3000"];
    for (arguments, status, expected) in [
        (&["check"][..], 0, "3000 right, 0 wrong, 0 failed"),
        (&["check", "--mode", "simple", "--database", "tp-capital"], 0, "3000 right, 0 wrong, 0 failed"),
        (&["check", "--mode", "prepared"], 1, "max_prepared_statements is above 0"),
        (&["check", "--mode", "split"], 1, "a wrong answer, without an error: asked for ("),
        (&["check", "--mode", "prepared", "--direct"], 0, "mode prepared is right here"),
        (&["check", "--mode", "cached"], 2, "\"simple\", \"typed\", \"prepared\" or \"split\""),
    ] {
        let ran = stack.run(&[arguments, &clients].concat(), &[]);
        assert_eq!(ran.status, status, "{arguments:?}: {ran:?}");
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains(expected), "{arguments:?}: {ran:?}");
    }
    let ran = stack.run(&[&["check", "--json"][..], &clients].concat(), &[]);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report.get("clean"), Some(&serde_json::Value::Bool(true)), "{report}");
    assert_eq!(report.get("right"), Some(&serde_json::json!(3000)), "{report}");

    let ran = stack.run(&["status"], &[]);
    assert!(ran.status == 0 && ran.stdout.contains("PgBouncer 1.18.0 at 127.0.0.1:"), "{ran:?}");
    assert!(ran.stdout.contains("APPS-WORKSPACE  work     transaction"), "{ran:?}");
    let ran = stack.run(&["status", "--json"], &[]);
    let figures: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let queries = figures.pointer("/stats/0/queries").and_then(serde_json::Value::as_u64).unwrap();
    assert!(queries >= 3_000, "{figures}");
}
