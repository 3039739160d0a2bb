//! `slipstream timescale` on a real TimescaleDB, and on a server without.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Stdio};

use testbed::{Postgres, Timescale, Tool};

/// Exit status, and what was printed.
fn run(arguments: &[&str], url: &str) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slipstream"));
    command.arg("timescale").args(arguments).env_clear().env("SLIPSTREAM_TP_CAPITAL__URL", url);
    let output = command.stdin(Stdio::null()).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

fn sql(url: &str, sql: &str) {
    let psql = Tool::Postgres.path().unwrap().with_file_name("psql");
    let arguments = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql, url];
    let output = Command::new(psql).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn what_is_not_in_force_is_said() {
    let server = Postgres::start().unwrap();
    for (arguments, status) in [(&["status"][..], 0), (&["status", "--require"], 1)] {
        let (code, text) = run(arguments, &server.url());
        assert_eq!(code, status, "{text}");
        assert!(
            text.starts_with("tp-capital: this server does not have the extension timescaledb"),
            "{text}"
        );
        assert!(text.contains("not in force; everything else is"), "{text}");
    }
    let (code, text) = run(&["status"], "");
    assert!(code == 1 && text.contains("expected the direct URL of at least one database"), "{text}");
    let (code, text) = run(&["advise"], &server.url());
    assert!(code == 1 && text.contains("tp_capital_signals\" does not exist"), "{text}");
}

#[test]
fn sizes_jobs_and_layouts_are_shown_with_figures() {
    let server = Timescale::start().unwrap();
    let url = server.url();
    let table = include_str!("../migrations/tp-capital/001_signals.sql").split("--! down").next().unwrap();
    sql(&url, &format!("CREATE SCHEMA tp_capital; SET search_path TO tp_capital, public; {table}"));
    sql(&url, &Timescale::signals(3, 12_000));

    let (code, text) = run(&["advise", "--days", "360", "--measure"], &url);
    assert!(code == 0 && text.contains("better: by asset; 30 days. It is the smallest"), "{text}");
    let (code, text) = run(&["advise", "--json"], &url);
    let advice: serde_json::Value = serde_json::from_str(&text).unwrap();
    let rows = advice.pointer("/segments/0/rows").and_then(serde_json::Value::as_i64).unwrap();
    assert!(code == 0 && rows > 8_000, "{text}");

    let up = |file: &str| file.split("--! down").next().unwrap().to_owned();
    for file in [
        include_str!("../migrations/tp-capital/101_signals_hypertable.sql"),
        include_str!("../migrations/tp-capital/102_signals_compression.sql"),
        "SELECT compress_chunk(chunk) FROM show_chunks('tp_capital_signals') AS chunk",
    ] {
        sql(&url, &up(file));
    }
    let (code, text) = run(&["status"], &url);
    assert!(code == 0 && text.contains("tp-capital: in force") && text.contains("has not run yet"), "{text}");
    assert!(text.contains("13 of 13") && text.contains("asset"), "{text}");
    sql(
        &url,
        "SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression'",
    );
    let (code, text) = run(&["status"], &url);
    assert!(code == 1 && text.contains("SWITCHED OFF"), "{text}");
    let (code, text) = run(&["status", "--json"], &url);
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, 1);
    assert_eq!(found.pointer("/tp-capital/jobs/0/health/state"), Some(&serde_json::json!("off")), "{text}");
}
